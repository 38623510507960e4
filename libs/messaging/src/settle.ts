import { Conflict, Rejection, Unavailable } from '@vt/kernel';
import { isOutage } from './outage.ts';

/** What becomes of an event whose handler failed. */
export type Settlement =
  | { readonly kind: 'done' }
  | { readonly kind: 'retry'; readonly delayMs: number }
  | { readonly kind: 'park'; readonly reason: string };

const DELAY_MS_FIRST = 50;
const DELAY_MS_MAX = 2_000;
const AGAINST_MAX = 8;

/**
 * A refusal is an answer. A failure that may pass is tried again for as long as it takes, unless it did not pass in
 * many tries `against` it: those that failed although events like it came through. Then, as for anything else, which is
 * most likely a bug, the stream waits for a person.
 */
export function settlementOf(error: unknown, tries: number, against: number): Settlement {
  if (error instanceof Rejection) return { kind: 'done' };
  const mayPass = error instanceof Conflict || error instanceof Unavailable || isOutage(error);
  if (mayPass && against < AGAINST_MAX) {
    return { kind: 'retry', delayMs: Math.min(DELAY_MS_FIRST * 2 ** (tries - 1), DELAY_MS_MAX) };
  }
  return { kind: 'park', reason: error instanceof Error ? `${error.name}: ${error.message}` : String(error) };
}
