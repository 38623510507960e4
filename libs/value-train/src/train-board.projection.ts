import type { Agent, Artifact, EventOf, Money, Verdict } from '@vt/contracts';
import type { Projection } from '@vt/kernel';

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
>;

export type TrainStatus = 'running' | 'paused' | 'blocked' | 'completed' | 'archived' | 'aborted';

export interface TrainRow {
  readonly trainId: string;
  readonly name: string;
  readonly client: string;
  readonly pipeline: { readonly id: string; readonly version: number; readonly digest: string };
  readonly status: TrainStatus;
  readonly phase: string | null;
  readonly cycle: number;
  /** 0 until the first ticket of the phase is opened. */
  readonly attempt: number;
  readonly agent: Agent | null;
  /** What the gate last said of this attempt. */
  readonly verdict: Verdict | null;
  readonly holds: readonly { readonly source: string; readonly reason: string; readonly phases: readonly string[] }[];
  readonly pausedFor: string | null;
  /** Why the train is blocked; null when it is not. */
  readonly blockedFor: readonly string[] | null;
  readonly ended: 'completed' | 'archived' | 'aborted' | null;
  /** What was decided at the end, or the reason of an abort. */
  readonly outcome: string | null;
  readonly inputs: readonly Artifact[];
  readonly approvers: readonly { readonly role: string; readonly name: string }[];
  readonly budget: Money | null;
  readonly startedBy: string;
  readonly startedAt: string;
  readonly endedAt: string | null;
}

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
  budget: data.budget,
  startedBy: data.startedBy,
  startedAt: at,
  endedAt: null,
});

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
  ],
  keyOf: ({ data }) => data.trainId,
  evolve: (row, event, { at }) =>
    event.type === 'TrainStarted' ? begin(event, at) : row && standing(advance(row, event, at)),
};
