import type { Check, Phase } from '@vt/contracts';
import { isOver, Rejection, type Instant } from '@vt/kernel';
import { isStuck } from './gate.ts';
import type { Pipeline } from './pipeline.ts';
import type { Riding, TrainEvent } from './train.ts';
import { mayBeWaived, objectionToWaiver, objectionToWaiving, uncovered, type Waiver } from './waiver.ts';

export interface Waiving {
  readonly phase: Phase;
  /** Ids of checks; all: whatever is unmet at the gate. */
  readonly checks: readonly string[] | 'all';
  readonly reason: string;
  readonly owner: string;
  readonly until: Instant | null;
  readonly role: string;
  readonly by: string;
}

export const holdOf = (waiverId: string) => `waiver:${waiverId}`;

/** Waivers that the gate of a train's phase looks at. */
export const waiversHere = ({ waivers, phase, cycle }: Riding): Waiver[] =>
  [...waivers.values()].filter((waiver) => waiver.phase === phase && waiver.cycle === cycle);

/** Checks that keep a phase from being left: what its gate says now, or said of the attempt before. */
const openChecks = (train: Riding): readonly Check[] =>
  (train.status === 'held' ? train.checks : train.unmet).filter(isStuck);

/**
 * Lets checks be unmet for a while. A gate that was held judges again; a train that was blocked gets another try, whose
 * gate lets them through; and a hold of a waiver that ended is lifted by the one that renews it.
 * @throws Rejection that names the rule
 */
export function waiving(wish: Waiving, train: Riding, pipeline: Pipeline, now: Instant | undefined): TrainEvent[] {
  const { phase, reason, owner, until, role, by } = wish;
  const { trainId, cycle, approvers, authors } = train;
  const objection = objectionToWaiver(wish, { pipeline, approvers, authors }, now);
  if (objection) throw new Rejection(objection.code, objection.reason);
  const checks = checksOf(wish, train, pipeline);
  const granted: TrainEvent = {
    type: 'WaiverGranted',
    data: {
      ...{ trainId, waiverId: `W${train.waivers.size + 1}`, phase, cycle, checks, reason, owner, role, by },
      // A waiver without an end was refused above.
      until: until!,
      forced: wish.checks === 'all',
    },
  };
  if (train.status !== 'blocked') return [granted];
  return [granted, { type: 'TrainUnblocked', data: { trainId, phase: train.phase, by, reason } }];
}

function checksOf({ phase, checks }: Waiving, train: Riding, pipeline: Pipeline): string[] {
  const known = phase === train.phase ? openChecks(train).map(({ id }) => id) : (train.waived.get(phase) ?? []);
  if (known.length === 0)
    throw new Rejection('nothing-to-waive', `the gate of ${phase} has said of nothing that it is unmet`);
  const wanted = checks === 'all' ? known : checks;
  const never = wanted.filter((id) => !mayBeWaived(id, pipeline));
  if (never.length > 0) throw new Rejection('never-waived', `${never.join(', ')} may not be waived by anybody`);
  const strange = wanted.filter((id) => !known.includes(id));
  if (strange.length === 0) return [...wanted];
  throw new Rejection('check-not-open', `${strange.join(', ')}: the gate of ${phase} waits for ${known.join(', ')}`);
}

/** @throws Rejection that names the rule */
export function settling(
  wish: {
    readonly waiverId: string;
    readonly as: 'mended' | 'accepted';
    readonly reason: string;
    readonly role: string;
    readonly by: string;
  },
  train: Riding,
  pipeline: Pipeline,
): TrainEvent {
  const { waiverId, as, reason, role, by } = wish;
  if (!train.waivers.has(waiverId))
    throw new Rejection('not-found', `train ${train.trainId} has no waiver ${waiverId}`);
  if (reason.trim() === '') throw new Rejection('waiver-without-reason', `say why it is ${as}`);
  const objection = objectionToWaiving(wish, { pipeline, approvers: train.approvers, authors: [] });
  if (objection) throw new Rejection(objection.code, objection.reason);
  return { type: 'WaiverSettled', data: { trainId: train.trainId, waiverId, as, reason, role, by } };
}

/**
 * What the clock does to waivers: when one ends, what it covered is judged again, and what is unmet holds what was
 * built on it.
 */
export function overdueWaivers(
  train: Riding,
  { phases }: Pipeline,
  now: Instant,
  unmetNow: (phase: Phase, checks: readonly string[]) => string[],
): TrainEvent[] {
  const over = [...train.waivers.values()].filter(({ ended, until }) => !ended && isOver(until, now));
  const rest = [...train.waivers.values()].filter((waiver) => !over.includes(waiver));
  return over.flatMap((waiver): TrainEvent[] => {
    const { waiverId, phase, owner } = waiver;
    const unmet = unmetNow(phase, uncovered(waiver, train.waived.get(phase) ?? [], rest));
    const ended: TrainEvent = { type: 'WaiverEnded', data: { trainId: train.trainId, waiverId, unmet } };
    if (unmet.length === 0) return [ended];
    const place = phases.findIndex(({ id }) => id === phase);
    const later = phases.slice(place + 1).map(({ id }) => id);
    const reason = `${waiverId} has ended, and ${phase} was left with ${unmet.join(', ')} unmet: ${owner} sees to it, or it is renewed or accepted`;
    return [
      ended,
      { type: 'HoldPlaced', data: { trainId: train.trainId, source: holdOf(waiverId), reason, phases: later } },
    ];
  });
}

export const waiverMoments = ({ waivers }: Riding): Instant[] =>
  [...waivers.values()].filter(({ ended }) => !ended).map(({ until }) => until);

/** Holds of waivers that nothing on the train leans on any more: it is met, covered anew, mended or accepted. */
export const liftings = ({ trainId, waivers, waived, holds }: Riding): TrainEvent[] =>
  [...waivers.values()]
    .filter((waiver) => holds.has(holdOf(waiver.waiverId)))
    .filter((waiver) => uncovered(waiver, waived.get(waiver.phase) ?? [], [...waivers.values()]).length === 0)
    .map(({ waiverId, phase }) => {
      const reason = `nothing that ${phase} was left with is unmet any more without a waiver`;
      return { type: 'HoldLifted', data: { trainId, source: holdOf(waiverId), reason } };
    });
