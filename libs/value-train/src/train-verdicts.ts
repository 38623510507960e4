import type { EventOf } from '@vt/contracts';
import { Rejection } from '@vt/kernel';
import { isOf } from './gate.ts';
import type { Riding } from './train.ts';

type VerdictReported = EventOf<'VerdictReported'>['data'];

/** What a verifier outside says; whoever passes it on has verified its signature. */
export type Reporting = Omit<VerdictReported, 'trainId' | 'ticketId'>;

/** What the event of a verifier's word says. @throws Rejection when it is about anything else than lies at the gate */
export function reporting(wish: Reporting, train: Riding): VerdictReported {
  const { phase, cycle, attempt, verifier, outcome, evidence, reason, signature } = wish;
  const ticket = train.status === 'held' ? train.ticket : undefined;
  if (train.status !== 'held' || ticket?.phase !== phase || ticket.cycle !== cycle || ticket.attempt !== attempt) {
    const which = `attempt ${attempt} at ${phase} in lap ${cycle}`;
    throw new Rejection('gate-not-held', `no gate of this train waits for a verdict on ${which} now`);
  }
  if (!isOf(train.submission, evidence)) {
    throw new Rejection('stale-evidence', `${verifier} saw other evidence than lies at the gate of ${phase} now`);
  }
  const { trainId, ticketId } = train.ticket;
  return { trainId, ticketId, phase, cycle, attempt, verifier, outcome, evidence, reason, signature };
}
