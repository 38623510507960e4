import type { Artifact, EventOf, Facts, Usage } from '@vt/contracts';
import { Rejection } from '@vt/kernel';
import type { Action } from '../action.ts';
import { openContext, type Surroundings, type Trial } from './context.ts';
import { UsageMeter } from './usage.ts';

export type Tried =
  | {
      readonly kind: 'completed';
      readonly artifacts: readonly Artifact[];
      readonly facts: Facts;
      readonly outcome: string | undefined;
      readonly answer: unknown;
      readonly usage: Usage;
    }
  | {
      readonly kind: 'failed';
      readonly failure: EventOf<'ActionFailed'>['data']['kind'];
      readonly reason: string;
      /** What was thrown. */
      readonly cause: unknown;
      readonly usage: Usage;
    };

/** Why a session's signal is aborted: it is the train's wish, or the work is somebody else's now. */
export class Stopped extends Error {
  override readonly name = 'Stopped';
}

/** Tries an action once, for as long as it may take. Never throws: what went wrong is the answer. */
export const tryOnce = async (
  act: Action,
  surroundings: Surroundings,
  { signal, ...trial }: Omit<Trial, 'meter'>,
): Promise<Tried> => {
  const meter = new UsageMeter();
  const stop = AbortSignal.any([signal, AbortSignal.timeout(trial.timeoutMs)]);
  const { context, close } = await openContext(surroundings, { ...trial, meter, signal: stop });
  try {
    // An action that does not look at its signal is left behind, with a context that is closed.
    const answer = await Promise.race([act(context), failingWhen(stop)]);
    const usage = meter.stop();
    const { artifacts, facts, outcome, refusal } = await close();
    if (refusal) return { kind: 'failed', failure: 'permanent', reason: refusal.message, cause: refusal, usage };
    return { kind: 'completed', artifacts: [...artifacts.values()], facts, outcome, answer, usage };
  } catch (error) {
    const usage = meter.stop();
    await close();
    const cause: unknown = stop.aborted ? stop.reason : error;
    return { kind: 'failed', ...failureOf(cause, trial.timeoutMs), cause, usage };
  }
};

const failingWhen = (signal: AbortSignal) =>
  new Promise<never>((_resolve, reject) => {
    const fail = () => reject(signal.reason as Error);
    if (signal.aborted) fail();
    else signal.addEventListener('abort', fail, { once: true });
  });

/** What the domain refused stays refused; everything else may pass, which three strikes find out. */
function failureOf(error: unknown, timeoutMs: number): Pick<Extract<Tried, { kind: 'failed' }>, 'failure' | 'reason'> {
  if (error instanceof Stopped) return { failure: 'cancelled', reason: error.message };
  if (error instanceof Rejection) return { failure: 'permanent', reason: error.message };
  if (error instanceof DOMException && error.name === 'TimeoutError') {
    return { failure: 'timeout', reason: `not done after ${timeoutMs / 1_000} s` };
  }
  return { failure: 'transient', reason: error instanceof Error ? error.message : String(error) };
}
