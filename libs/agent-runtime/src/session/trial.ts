import type { Artifact, EventOf, Facts, Isolation, Usage } from '@vt/contracts';
import { Rejection } from '@vt/kernel';
import type { Notes } from '@vt/value-train';
import type { Action } from '../action.ts';
import { CircuitOpen } from '../circuit-breaker.ts';
import { openContext, type SentBack, type Surroundings, type Trial } from './context.ts';
import { Awaited } from './guard.ts';
import { UsageMeter } from './usage.ts';

export type Tried =
  | {
      readonly kind: 'completed';
      readonly artifacts: readonly Artifact[];
      readonly facts: Facts;
      readonly notes: Notes;
      readonly outcome: string | undefined;
      /** As JSON. */
      readonly answer: string | undefined;
      readonly usage: Usage;
      readonly isolation: Isolation | undefined;
    }
  /** A person has to allow something first. */
  | { readonly kind: 'awaiting' }
  /** Earlier work has to be done anew. */
  | {
      readonly kind: 'sent-back';
      readonly sentBack: SentBack;
      readonly usage: Usage;
      readonly isolation: Isolation | undefined;
    }
  | {
      readonly kind: 'failed';
      readonly failure: EventOf<'ActionFailed'>['data']['kind'];
      readonly reason: string;
      /** What was thrown. */
      readonly cause: unknown;
      readonly usage: Usage;
      readonly isolation: Isolation | undefined;
    };

/** Why a session is stopped in the middle: called off, lost to another claimant, over already, or this process ends. */
export class Stopped extends Error {
  override readonly name = 'Stopped';
  readonly why: 'cancelled' | 'lost' | 'over' | 'leaving';

  constructor(why: Stopped['why'], reason: string, options?: ErrorOptions) {
    super(reason, options);
    this.why = why;
  }
}

/** Tries an action once, for as long as it may take. Never throws: what went wrong is the answer. */
export const tryOnce = async (
  act: Action,
  surroundings: Surroundings,
  { signal, ...trial }: Omit<Trial, 'meter'>,
): Promise<Tried> => {
  const meter = new UsageMeter();
  const { stop, stopped, release } = limited(signal, trial.timeoutMs);
  const { context, close } = await openContext(surroundings, { ...trial, meter, signal: stop });
  try {
    // JSON.stringify gives undefined for undefined, which its type does not say.
    // An action that does not look at its signal is left behind, with a context that is closed.
    const answer = JSON.stringify(await Promise.race([act(context), stopped])) as string | undefined;
    const usage = meter.stop();
    const { artifacts, facts, notes, outcome, refusal, sentBack, isolation } = await close();
    const spent = { usage, isolation };
    if (refusal instanceof Awaited) return { kind: 'awaiting' };
    if (sentBack) return { kind: 'sent-back', sentBack, ...spent };
    if (refusal) return { kind: 'failed', failure: 'permanent', reason: refusal.message, cause: refusal, ...spent };
    return { kind: 'completed', artifacts: [...artifacts.values()], facts, notes, outcome, answer, ...spent };
  } catch (error) {
    const usage = meter.stop();
    const { refusal, sentBack, isolation } = await close();
    if (refusal instanceof Awaited) return { kind: 'awaiting' };
    if (sentBack) return { kind: 'sent-back', sentBack, usage, isolation };
    if (stop.aborted && isTimeout(stop.reason)) {
      const reason = `not done after ${trial.timeoutMs / 1_000} s`;
      return { kind: 'failed', failure: 'timeout', reason, cause: error, usage, isolation };
    }
    const cause: unknown = stop.aborted ? stop.reason : error;
    return { kind: 'failed', ...failureOf(cause), cause, usage, isolation };
  } finally {
    release();
  }
};

/**
 * A signal that follows another one until it is released, and no longer than so many milliseconds; `stopped` rejects
 * with its reason. By hand, because `AbortSignal.any` and `timeout` are left to the garbage collector, which took a
 * twentieth of the time of sessions whose actions are short.
 */
function limited(signal: AbortSignal, ms: number) {
  const controller = new AbortController();
  const stopped = Promise.withResolvers<never>();
  const stop = (reason: unknown) => {
    controller.abort(reason);
    stopped.reject(reason);
  };
  const follow = () => stop(signal.reason);
  const timer = setTimeout(() => stop(new DOMException('it took too long', 'TimeoutError')), ms);
  if (signal.aborted) follow();
  else signal.addEventListener('abort', follow);
  // Nobody may be waiting for it any more.
  stopped.promise.catch(() => undefined);
  return {
    stop: controller.signal,
    stopped: stopped.promise,
    release: () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', follow);
    },
  };
}

const isTimeout = (error: unknown) => error instanceof DOMException && error.name === 'TimeoutError';

/** What the domain refused stays refused; everything else may pass, which three strikes find out. */
function failureOf(error: unknown): Pick<Extract<Tried, { kind: 'failed' }>, 'failure' | 'reason'> {
  const reason = error instanceof Error ? error.message : String(error);
  if (error instanceof Stopped) return { failure: 'cancelled', reason };
  if (error instanceof Rejection) return { failure: 'permanent', reason };
  if (error instanceof CircuitOpen) return { failure: 'unavailable', reason };
  return { failure: isTimeout(error) ? 'timeout' : 'transient', reason };
}
