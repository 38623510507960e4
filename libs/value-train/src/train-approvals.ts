import type { EventOf } from '@vt/contracts';
import { after, isOver, Rejection, type Digest, type Instant } from '@vt/kernel';
import {
  authorsOf,
  levelAt,
  nextMomentOf,
  objectionToDelegation,
  openRequests,
  peopleOf,
  standsInFor,
  tally,
  type Agreement,
  type Quorum,
} from './approval.ts';
import { evidenceOf, type Submission } from './gate.ts';
import type { ApprovalGroup, PipelinePhase } from './pipeline.ts';
import type { Riding, Ticket, TrainEvent } from './train.ts';

export interface Saying {
  readonly phase: string;
  readonly role: string;
  readonly by: string;
  /** Whose voice it is, where somebody delegated theirs; unless it is given, their own if they have one. */
  readonly standsInFor?: string | undefined;
  /** What the person saw. */
  readonly evidence: readonly Digest[];
  readonly comment: string;
  readonly simulated: boolean;
}

/** A train at whose gate something lies. */
export type Judged = Riding & { readonly ticket: Ticket; readonly submission: Submission };

export const quorumOf = (train: Omit<Judged, 'status'>, phase: PipelinePhase): Quorum => ({
  phase,
  evidence: evidenceOf(train.submission),
  policy: train.pipeline.digest,
  authors: authorsOf(train.ticket.agent, phase, train.submission.facts),
  requester: train.startedBy,
  approvers: train.approvers,
  delegations: train.delegations,
});

const wordsAbout = ({ agreements, ticket }: Pick<Judged, 'agreements' | 'ticket'>) =>
  agreements.filter(({ ticketId }) => ticketId === ticket.ticketId);

/** What was said about this attempt: what counts, and an event for each word that does not any more. */
export function consentTo(train: Omit<Judged, 'status'>, phase: PipelinePhase) {
  const { counted, void: stale } = tally(quorumOf(train, phase), wordsAbout(train));
  return {
    counted,
    stale: stale.map(({ word, objection }) => becameStale(train.ticket, word, objection.code, objection.reason)),
  };
}

const becameStale = (
  { trainId, ticketId, phase, cycle, attempt }: Ticket,
  { role, by, standsInFor }: Agreement,
  cause: string,
  reason: string,
): TrainEvent => ({
  type: 'ApprovalBecameStale',
  data: { trainId, ticketId, phase, cycle, attempt, role, by, standsInFor, cause, reason },
});

/** A request to a group, with its moments counted from now; without a clock it has none. */
export const request = (
  { trainId, ticketId, phase, cycle, attempt }: Ticket,
  group: ApprovalGroup,
  train: Pick<Riding, 'approvers' | 'pipeline'>,
  { evidence, brings }: { readonly evidence: readonly Digest[]; readonly brings: Readonly<Record<string, string>> },
  now: Instant | undefined,
): TrainEvent => ({
  type: 'ApprovalRequested',
  data: {
    ...{ trainId, ticketId, phase, cycle, attempt },
    role: group.role,
    evidence: [...evidence],
    policy: train.pipeline.digest,
    count: group.count,
    people: peopleOf(group, train.approvers),
    brings: { ...brings },
    escalatesAt: now ? group.escalateAfter.map((length) => after(now, length)) : [],
    deniedAt: now && group.deniedAfter ? after(now, group.deniedAfter) : null,
  },
});

/** What the event of a person's word says. @throws Rejection when it does not count */
export function wordOf(
  saying: Saying,
  train: Judged,
  phase: PipelinePhase,
  { agreed, revise, now }: { readonly agreed: boolean; readonly revise: boolean; readonly now: Instant | undefined },
) {
  const { role, by, comment, simulated } = saying;
  if (!agreed && comment.trim() === '') {
    throw new Rejection('reason-missing', 'who does not agree says why: the agent works by it');
  }
  const quorum = quorumOf(train, phase);
  const group = phase.approvals.find((each) => each.role === role);
  const { trainId, ticketId, cycle, attempt } = train.ticket;
  const expiresAt = agreed && now && group?.expiresAfter ? after(now, group.expiresAfter) : null;
  const word = {
    ...{ trainId, ticketId, phase: phase.id, cycle, attempt, role, by },
    standsInFor: saying.standsInFor === by ? null : (saying.standsInFor ?? standsInFor(by, group, quorum)),
    evidence: [...saying.evidence],
    policy: quorum.policy,
    comment,
    simulated,
  };
  const said: Agreement = { ...word, agreed, revise, expiresAt };
  const objection = tally(quorum, [...wordsAbout(train), said]).void.find((each) => each.word === said)?.objection;
  if (objection) throw new Rejection(objection.code, objection.reason);
  return { word, expiresAt };
}

type Delegating = Pick<EventOf<'ApprovalDelegated'>['data'], 'role' | 'from' | 'to' | 'until' | 'reason' | 'by'>;

/** @throws Rejection when it would be a chain, or the person has nothing to delegate */
export function delegating(wish: Delegating, train: Riding, now: Instant | undefined): TrainEvent {
  const objection = objectionToDelegation(wish, train, now);
  if (objection) throw new Rejection(objection.code, objection.reason);
  const { role, from, to, until, reason, by } = wish;
  return { type: 'ApprovalDelegated', data: { trainId: train.trainId, role, from, to, until, reason, by } };
}

/** What the clock does to what people said and are asked. */
export function overdueApprovals(train: Riding, phase: PipelinePhase | undefined, now: Instant): TrainEvent[] {
  const ended = train.delegations
    .filter(({ until }) => isOver(until, now))
    .map(({ role, from, to }): TrainEvent => {
      return {
        type: 'DelegationEnded',
        data: { trainId: train.trainId, role, from, to, by: 'the clock', cause: 'time' },
      };
    });
  if (train.status !== 'held' || !phase) return ended;
  const expired = wordsAbout(train).filter(({ expiresAt }) => expiresAt !== null && isOver(expiresAt, now));
  const { counted } = consentTo(train, phase);
  const lasting = counted.filter((word) => !expired.includes(word));
  const { trainId, ticketId, cycle, attempt } = train.ticket;
  const asked = { trainId, ticketId, phase: phase.id, cycle, attempt };
  return [
    ...ended,
    ...expired.map((word) =>
      becameStale(train.ticket, word, 'expired', `the agreement of ${word.by} was good until ${word.expiresAt}`),
    ),
    ...openRequests(train.requests, phase, lasting)
      // A request whose answer has just expired is asked anew.
      .filter(([role]) => !expired.some((word) => word.role === role))
      .flatMap(([role, open]): TrainEvent[] => {
        const level = levelAt(open, now);
        const escalated: TrainEvent = { type: 'ApprovalEscalated', data: { ...asked, role, level } };
        const denied: TrainEvent = { type: 'ApprovalTimedOut', data: { ...asked, role } };
        return [
          ...(level > open.level ? [escalated] : []),
          ...(open.deniedAt && isOver(open.deniedAt, now) ? [denied] : []),
        ];
      }),
  ];
}

/** When the clock does something next to what people said and are asked. */
export function approvalMoments(train: Riding, phase: PipelinePhase | undefined): Instant[] {
  const ends = train.delegations.map(({ until }) => until);
  if (train.status !== 'held' || !phase) return ends;
  const { counted } = consentTo(train, phase);
  return [
    ...ends,
    ...counted.flatMap(({ expiresAt }) => expiresAt ?? []),
    ...openRequests(train.requests, phase, counted).flatMap(([, open]) => nextMomentOf(open) ?? []),
  ];
}

export type Dated = 'ApprovalRequested' | 'ApprovalGranted' | 'ApprovalDelegated' | 'WaiverGranted';

/** Moments that an event names, at which something will be due on its train. */
export function momentsOf({ type, data }: EventOf<Dated>): Instant[] {
  switch (type) {
    case 'ApprovalRequested':
      return [...data.escalatesAt, ...(data.deniedAt ? [data.deniedAt] : [])];
    case 'ApprovalGranted':
      return data.expiresAt ? [data.expiresAt] : [];
    default:
      return [data.until];
  }
}
