import { Agent, Artifact, Money, Verdict, type EventOf } from '@vt/contracts';
import { Instant, type Projection } from '@vt/kernel';
import { z } from 'zod';
import { withOffices } from './offices.ts';

type BoardEvent = EventOf<
  | 'TrainStarted'
  | 'PhaseEntered'
  | 'TicketOpened'
  | 'GateEvaluated'
  | 'CycleStarted'
  | 'TrainBlocked'
  | 'TrainUnblocked'
  | 'TrainPaused'
  | 'TrainResumed'
  | 'TrainAborted'
  | 'TrainArchived'
  | 'TrainCompleted'
  | 'HoldPlaced'
  | 'HoldLifted'
  | 'ApproverAppointed'
  | 'ApproverDismissed'
  | 'ApprovalDelegated'
  | 'DelegationEnded'
  | 'WaiverGranted'
  | 'WaiverEnded'
  | 'WaiverSettled'
>;

const End = z.enum(['completed', 'archived', 'aborted']);
export const TrainStatus = z.enum(['running', 'paused', 'blocked', ...End.options]);
export type TrainStatus = z.infer<typeof TrainStatus>;

export const TrainRow = z.object({
  trainId: z.string(),
  name: z.string(),
  client: z.string(),
  pipeline: z.object({ id: z.string(), version: z.int(), digest: z.string() }),
  status: TrainStatus,
  phase: z.string().nullable(),
  cycle: z.int(),
  /** 0 until the first ticket of the phase is opened. */
  attempt: z.int(),
  agent: Agent.nullable(),
  /** What the gate last said of this attempt. */
  verdict: Verdict.nullable(),
  holds: z.array(z.object({ source: z.string(), reason: z.string(), phases: z.array(z.string()) })),
  pausedFor: z.string().nullable(),
  /** Why the train is blocked; null when it is not. */
  blockedFor: z.array(z.string()).nullable(),
  ended: End.nullable(),
  /** What was decided at the end, or the reason of an abort. */
  outcome: z.string().nullable(),
  inputs: z.array(Artifact),
  approvers: z.array(z.object({ role: z.string(), name: z.string() })),
  /** Who speaks in whose stead now. */
  delegations: z.array(z.object({ role: z.string(), from: z.string(), to: z.string(), until: Instant })),
  /** Everything that was ever waived on the train; none is taken away. */
  waivers: z.array(
    z.object({
      waiverId: z.string(),
      phase: z.string(),
      cycle: z.int(),
      checks: z.array(z.string()),
      reason: z.string(),
      owner: z.string(),
      until: z.iso.datetime(),
      role: z.string(),
      by: z.string(),
      forced: z.boolean(),
      grantedAt: z.iso.datetime(),
      state: z.enum(['active', 'ended', 'mended', 'accepted']),
    }),
  ),
  budget: Money.nullable(),
  startedBy: z.string(),
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime().nullable(),
});
export type TrainRow = z.infer<typeof TrainRow>;

const standing = (row: TrainRow): TrainRow => ({
  ...row,
  status: row.ended ?? (row.pausedFor !== null ? 'paused' : row.blockedFor !== null ? 'blocked' : 'running'),
});

const begin = ({ data }: EventOf<'TrainStarted'>, at: string): TrainRow => ({
  trainId: data.trainId,
  name: data.name,
  client: data.client,
  pipeline: data.pipeline,
  status: 'running',
  phase: null,
  cycle: 1,
  attempt: 0,
  agent: null,
  verdict: null,
  holds: [],
  pausedFor: null,
  blockedFor: null,
  ended: null,
  outcome: null,
  inputs: data.inputs,
  approvers: data.approvers,
  delegations: [],
  waivers: [],
  budget: data.budget,
  startedBy: data.startedBy,
  startedAt: at,
  endedAt: null,
});

type Waived = TrainRow['waivers'][number];
const withState = (row: TrainRow, waiverId: string, state: Waived['state']): TrainRow => ({
  ...row,
  waivers: row.waivers.map((waiver) => (waiver.waiverId === waiverId ? { ...waiver, state } : waiver)),
});

const waive = (
  row: TrainRow,
  event: EventOf<'WaiverGranted' | 'WaiverEnded' | 'WaiverSettled'>,
  at: string,
): TrainRow => {
  switch (event.type) {
    case 'WaiverGranted': {
      const { trainId: _, ...waiver } = event.data;
      return { ...row, waivers: [...row.waivers, { ...waiver, grantedAt: at, state: 'active' }] };
    }
    case 'WaiverEnded':
      return withState(row, event.data.waiverId, 'ended');
    case 'WaiverSettled':
      return withState(row, event.data.waiverId, event.data.as);
  }
};

const advance = (row: TrainRow, event: Exclude<BoardEvent, { type: 'TrainStarted' }>, at: string): TrainRow => {
  switch (event.type) {
    case 'PhaseEntered':
      return { ...row, phase: event.data.phase, cycle: event.data.cycle, attempt: 0, agent: null, verdict: null };
    case 'TicketOpened':
      return { ...row, attempt: event.data.attempt, agent: event.data.agent, verdict: null };
    case 'GateEvaluated':
      return { ...row, verdict: event.data.verdict };
    case 'CycleStarted':
      return { ...row, cycle: event.data.cycle };
    case 'TrainBlocked':
      return { ...row, blockedFor: event.data.reasons };
    case 'TrainUnblocked':
      return { ...row, blockedFor: null };
    case 'TrainPaused':
      return { ...row, pausedFor: event.data.reason };
    case 'TrainResumed':
      return { ...row, pausedFor: null };
    case 'TrainAborted':
      return { ...row, ended: 'aborted', outcome: event.data.reason, endedAt: at };
    case 'TrainArchived':
      return { ...row, ended: 'archived', outcome: event.data.outcome, endedAt: at };
    case 'TrainCompleted':
      return { ...row, ended: 'completed', outcome: event.data.outcome, endedAt: at };
    case 'HoldPlaced': {
      const { source, reason, phases } = event.data;
      return { ...row, holds: [...row.holds.filter((hold) => hold.source !== source), { source, reason, phases }] };
    }
    case 'HoldLifted':
      return { ...row, holds: row.holds.filter(({ source }) => source !== event.data.source) };
    case 'WaiverGranted':
    case 'WaiverEnded':
    case 'WaiverSettled':
      return waive(row, event, at);
    default:
      return withOffices(row, event);
  }
};

/** One row for each train: where it stands, who works on it, and what holds it. */
export const trainBoard: Projection<BoardEvent, TrainRow> = {
  name: 'train',
  version: 1,
  types: [
    'TrainStarted',
    'PhaseEntered',
    'TicketOpened',
    'GateEvaluated',
    'CycleStarted',
    'TrainBlocked',
    'TrainUnblocked',
    'TrainPaused',
    'TrainResumed',
    'TrainAborted',
    'TrainArchived',
    'TrainCompleted',
    'HoldPlaced',
    'HoldLifted',
    'ApproverAppointed',
    'ApproverDismissed',
    'ApprovalDelegated',
    'DelegationEnded',
    'WaiverGranted',
    'WaiverEnded',
    'WaiverSettled',
  ],
  keyOf: ({ data }) => data.trainId,
  evolve: (row, event, { at }) =>
    event.type === 'TrainStarted' ? begin(event, at) : row && standing(advance(row, event, at)),
};
