import { Conflict, Rejection, Unavailable } from '@vt/kernel';
import { isOutage } from './outage.ts';

/** What becomes of an event whose handler failed. */
export type Settlement =
  | { readonly kind: 'done' }
  | { readonly kind: 'retry'; readonly delayMs: number }
  | { readonly kind: 'park'; readonly reason: string };

const DELAY_MS_FIRST = 50;
const DELAY_MS_MAX = 5_000;

/**
 * A refusal is an answer. A failure that may pass is tried again for as long as it takes, because the next events
 * would fail the same way. Anything else is a bug, and the stream waits for a person.
 */
export function settlementOf(error: unknown, tries: number): Settlement {
  if (error instanceof Rejection) return { kind: 'done' };
  if (error instanceof Conflict || error instanceof Unavailable || isOutage(error)) {
    return { kind: 'retry', delayMs: Math.min(DELAY_MS_FIRST * 2 ** (tries - 1), DELAY_MS_MAX) };
  }
  return { kind: 'park', reason: error instanceof Error ? `${error.name}: ${error.message}` : String(error) };
}
