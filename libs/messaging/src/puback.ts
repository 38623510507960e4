import { JetStreamApiError } from '@nats-io/jetstream';
import { isOutage } from './outage.ts';

/**
 * What an answer to a publish means. `unknown`: it may or may not be stored, so the same id is sent again; `full`:
 * the same, but there is no room, so slowly; `never`: this message can not be stored; `misplaced`: another stream
 * took it, or none does.
 */
export type PublishOutcome = 'confirmed' | 'unknown' | 'full' | 'never' | 'misplaced';

const STORE_FAILED = [10_077, 10_023, 10_047, 10_167];
const TOO_BIG = [10_054, 10_097];
const WRONG_STREAM = [10_059, 10_060];
const TOO_MANY_REQUESTS = 429;

/** The answer of JetStream to a publish, or the error that came instead of one. */
export function outcomeOf(answer: { readonly seq: number } | Error): PublishOutcome {
  // A duplicate with sequence 0 was staged and may never be stored.
  if (!(answer instanceof Error)) return answer.seq > 0 ? 'confirmed' : 'unknown';
  if (answer instanceof JetStreamApiError) {
    if (WRONG_STREAM.includes(answer.code)) return 'misplaced';
    if (TOO_BIG.includes(answer.code)) return 'never';
    if (STORE_FAILED.includes(answer.code) || answer.status === TOO_MANY_REQUESTS) return 'full';
    return 'unknown';
  }
  if (isOutage(answer)) return 'unknown';
  return /max_payload/i.test(answer.message) ? 'never' : 'unknown';
}
