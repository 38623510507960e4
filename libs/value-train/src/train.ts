import type { Artifact, Check, EventOf, Facts, Phase } from '@vt/contracts';
import { TicketId, type TrainId } from '@vt/kernel';
import type { Agreement, Hold, Submission } from './gate.ts';
import type { Pipeline } from './pipeline.ts';

export type TrainEvent = EventOf<
  | 'TrainStarted'
  | 'PhaseEntered'
  | 'TicketOpened'
  | 'GateEvaluated'
  | 'ApprovalRequested'
  | 'ApprovalGranted'
  | 'ApprovalRefused'
  | 'PhaseCompleted'
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

export type PipelineRef = EventOf<'TrainStarted'>['data']['pipeline'];
export type Ticket = EventOf<'TicketOpened'>['data'];

export interface Ride extends Omit<EventOf<'TrainStarted'>['data'], 'trainId'> {
  readonly trainId: TrainId;
  readonly phase: Phase;
  readonly cycle: number;
  /** Every ticket that was opened, the latest last. */
  readonly tickets: ReadonlySet<TicketId>;
  /** Attempts that failed since this phase was entered. */
  readonly failures: number;
  /** Phases that need no more work. Whoever goes back does the way from there again. */
  readonly completed: ReadonlySet<Phase>;
  /** What each phase reported when it was last completed, the latest last. */
  readonly facts: ReadonlyMap<Phase, Facts>;
  /** Files of completed phases, by cycle. */
  readonly artifacts: ReadonlyMap<number, readonly Artifact[]>;
  readonly agreements: readonly (Agreement & { readonly ticketId: TicketId; readonly phase: Phase })[];
  readonly holds: ReadonlyMap<string, Hold>;
  readonly paused: boolean;
}

export type Train =
  | { readonly status: 'unknown' }
  /** No ticket is open: the train is paused, or in the middle of a decision. */
  | (Ride & { readonly status: 'waiting' })
  /** An agent works on the ticket. */
  | (Ride & { readonly status: 'working'; readonly ticket: Ticket })
  /** The gate waits for something that may yet come. */
  | (Ride & {
      readonly status: 'held';
      readonly ticket: Ticket;
      readonly submission: Submission;
      readonly checks: readonly Check[];
    })
  | (Ride & { readonly status: 'blocked' })
  | (Ride & { readonly status: 'ended'; readonly as: 'aborted' | 'archived' | 'completed' });

export type Riding = Exclude<Train, { status: 'unknown' }>;

export const ticketIdOf = (trainId: TrainId, phase: string, cycle: number, attempt: number): TicketId =>
  TicketId.parse(`${phase}_${cycle}_${attempt}_${trainId}`);

/** Attempts at a phase in a cycle go on counting when the train comes back to it, so that no ticket's id comes twice. */
export const attemptsAt = ({ tickets }: Ride, phase: string, cycle: number): number =>
  [...tickets].filter((ticketId) => ticketId.startsWith(`${phase}_${cycle}_`)).length;

/** What an event does to a train. */
export const evolveTrain = (pipelineOf: (ref: PipelineRef) => Pipeline) => {
  return (train: Train, event: TrainEvent): Train => {
    if (event.type === 'TrainStarted') return begin(event.data);
    return train.status === 'unknown' ? train : evolve(train, event);
  };

  function evolve(train: Riding, event: Exclude<TrainEvent, { type: 'TrainStarted' }>): Train {
    switch (event.type) {
      case 'PhaseEntered':
        return enter(train, event.data, pipelineOf(train.pipeline));
      case 'TicketOpened': {
        const tickets = new Set([...train.tickets, event.data.ticketId]);
        return { ...train, status: 'working', ticket: event.data, tickets };
      }
      case 'GateEvaluated':
        return evaluate(train, event.data);
      case 'ApprovalRequested':
        return train;
      case 'ApprovalGranted':
        return { ...train, agreements: [...train.agreements, agreementOf(event, true)] };
      case 'ApprovalRefused':
        return { ...train, agreements: [...train.agreements, agreementOf(event, false)] };
      case 'PhaseCompleted':
        return complete(train, event.data);
      case 'CycleStarted':
        return { ...train, cycle: event.data.cycle };
      case 'TrainBlocked':
        return { ...train, status: 'blocked' };
      case 'TrainUnblocked':
        return { ...train, status: 'waiting' };
      case 'TrainPaused':
        return { ...train, paused: true };
      case 'TrainResumed':
        return { ...train, paused: false };
      case 'TrainAborted':
        return { ...train, status: 'ended', as: 'aborted' };
      case 'TrainArchived':
        return { ...train, status: 'ended', as: 'archived' };
      case 'TrainCompleted':
        return { ...train, status: 'ended', as: 'completed' };
      case 'HoldPlaced': {
        const { source, reason, phases } = event.data;
        return { ...train, holds: new Map([...train.holds, [source, { reason, phases }]]) };
      }
      case 'HoldLifted':
        return { ...train, holds: new Map([...train.holds].filter(([source]) => source !== event.data.source)) };
    }
  }
};

const begin = (data: EventOf<'TrainStarted'>['data']): Train => ({
  ...data,
  status: 'waiting',
  phase: '',
  cycle: 1,
  tickets: new Set(),
  failures: 0,
  completed: new Set(),
  facts: new Map(),
  artifacts: new Map(),
  agreements: [],
  holds: new Map(),
  paused: false,
});

function enter(train: Riding, { phase, cycle }: EventOf<'PhaseEntered'>['data'], { phases }: Pipeline): Train {
  const place = phases.findIndex(({ id }) => id === phase);
  const before = new Set(phases.slice(0, place).map(({ id }) => id));
  const completed = new Set([...train.completed].filter((id) => before.has(id)));
  return { ...train, status: 'waiting', phase, cycle, completed, failures: 0 };
}

function evaluate(train: Riding, { verdict, checks, submission }: EventOf<'GateEvaluated'>['data']): Train {
  if (verdict === 'passed') return { ...train, status: 'waiting' };
  if (verdict === 'failed') return { ...train, status: 'waiting', failures: train.failures + 1 };
  if (submission && 'ticket' in train) return { ...train, status: 'held', submission, checks };
  return train.status === 'held' ? { ...train, checks } : train;
}

function complete(train: Riding, { phase, cycle, facts, artifacts }: EventOf<'PhaseCompleted'>['data']): Train {
  const replaced = new Set(artifacts.map(({ path }) => path));
  const kept = (train.artifacts.get(cycle) ?? []).filter(({ path }) => !replaced.has(path));
  return {
    ...train,
    completed: new Set([...train.completed, phase]),
    facts: new Map([...[...train.facts].filter(([other]) => other !== phase), [phase, facts]]),
    artifacts: new Map([...train.artifacts, [cycle, [...kept, ...artifacts]]]),
  };
}

const agreementOf = (
  { data: { ticketId, phase, role, by, evidence } }: EventOf<'ApprovalGranted' | 'ApprovalRefused'>,
  agreed: boolean,
) => ({ ticketId, phase, role, by, evidence, agreed });
