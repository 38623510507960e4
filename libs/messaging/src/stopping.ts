import { setTimeout as delay } from 'node:timers/promises';

/** Waits so long, or until the signal says stop. */
export const pause = async (ms: number, stop: AbortSignal): Promise<void> => {
  await delay(ms, undefined, { signal: stop }).catch(() => undefined);
};

/** Waits for the work, or until the signal says stop: for work that nobody misses when it is cut off. */
export async function orStopped(work: Promise<unknown>, stop: AbortSignal): Promise<void> {
  const stopped = Promise.withResolvers<void>();
  const resolve = () => stopped.resolve();
  stop.addEventListener('abort', resolve, { once: true });
  if (stop.aborted) resolve();
  // The listener goes with the work, so a signal that lives long does not gather them.
  await Promise.race([work, stopped.promise]).finally(() => stop.removeEventListener('abort', resolve));
}
