import type { Artifact, Check, EventOf, Phase } from '@vt/contracts';
import { TicketId, type TrainId } from '@vt/kernel';
import { voiceOf, type Agreement, type Delegation, type Request } from './approval.ts';
import type { Observed, Report } from './criteria.ts';
import { evidenceOf, isInTheWay, type Hold, type Submission } from './gate.ts';
import { withOffices, type OfficeEvent } from './offices.ts';
import { pauseOfSource } from './pause.ts';
import type { Pipeline } from './pipeline.ts';
import { sameValue } from './same-value.ts';
import type { Waiver } from './waiver.ts';

export type TrainEvent = EventOf<
  | 'TrainStarted'
  | 'PhaseEntered'
  | 'TicketOpened'
  | 'AllowanceRequested'
  | 'AllowanceGranted'
  | 'GateEvaluated'
  | 'VerdictReported'
  | 'ApprovalRequested'
  | 'ApprovalGranted'
  | 'ApprovalRefused'
  | 'ApprovalBecameStale'
  | 'ApprovalEscalated'
  | 'ApprovalTimedOut'
  | 'ApproverAppointed'
  | 'ApproverDismissed'
  | 'ApprovalDelegated'
  | 'DelegationEnded'
  | 'WaiverGranted'
  | 'WaiverEnded'
  | 'WaiverSettled'
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
  | 'LawBroken'
>;

export type PipelineRef = EventOf<'TrainStarted'>['data']['pipeline'];
export type Ticket = EventOf<'TicketOpened'>['data'];

export interface Ride extends Omit<EventOf<'TrainStarted'>['data'], 'trainId'> {
  readonly trainId: TrainId;
  readonly phase: Phase;
  readonly cycle: number;
  /** Every ticket that was opened, the latest last. */
  readonly tickets: ReadonlySet<TicketId>;
  /** What the next ticket waits for, and was granted; undefined where nothing is declared, or it is opened. */
  readonly asked: (EventOf<'AllowanceRequested'>['data'] & Pick<Ticket, 'allowance'>) | undefined;
  /** Attempts that failed since this phase was entered. */
  readonly failures: number;
  /** Phases that need no more work. Whoever goes back does the way from there again. */
  readonly completed: ReadonlySet<Phase>;
  /** What each phase reported when it was last completed, the latest last. */
  readonly reports: ReadonlyMap<Phase, Report>;
  /** Files of completed phases, by cycle. */
  readonly artifacts: ReadonlyMap<number, readonly Artifact[]>;
  readonly agreements: readonly Agreement[];
  readonly verdicts: readonly EventOf<'VerdictReported'>['data'][];
  /** What the gate of this ticket asks people, by role. */
  readonly requests: ReadonlyMap<string, Request>;
  readonly delegations: readonly Delegation[];
  /** By id, those that have ended too. */
  readonly waivers: ReadonlyMap<string, Waiver>;
  /** Checks that each phase was last left with only because of a waiver. */
  readonly waived: ReadonlyMap<Phase, readonly string[]>;
  /** What lay at the gate of each such phase, by which it is judged again when the waiver ends. */
  readonly leanings: ReadonlyMap<Phase, Leaning>;
  /** What the attempt before lacked, on this phase; empty before the first. */
  readonly unmet: readonly Check[];
  /** Who did the work that was judged last. */
  readonly authors: readonly string[];
  readonly holds: ReadonlyMap<string, Hold>;
  readonly paused: boolean;
}

export interface Leaning {
  readonly ticket: Ticket;
  readonly submission: Submission;
  readonly observed: Observed | null;
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
      readonly observed: Observed | null;
      readonly checks: readonly Check[];
    })
  | (Ride & { readonly status: 'blocked' })
  | (Ride & { readonly status: 'ended'; readonly as: 'aborted' | 'archived' | 'completed' });

export type Riding = Exclude<Train, { status: 'unknown' }>;
/** Its work lies before a gate, or will. */
export type AtWork = Extract<Train, { status: 'working' | 'held' }>;

export const ticketIdOf = (trainId: TrainId, phase: string, cycle: number, attempt: number): TicketId =>
  TicketId.parse(`${phase}_${cycle}_${attempt}_${trainId}`);

/** Attempts at a phase in a cycle go on counting when the train comes back to it, so that no ticket's id comes twice. */
export const attemptsAt = ({ tickets }: Ride, phase: string, cycle: number): number =>
  [...tickets].filter((ticketId) => ticketId.startsWith(`${phase}_${cycle}_`)).length;

/** By its own pause, or by one of another scope that covers it. */
export const isPaused = ({ paused, holds }: Ride): boolean =>
  paused || [...holds.keys()].some((source) => pauseOfSource(source) !== undefined);

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
        return { ...train, status: 'working', ticket: event.data, tickets, asked: undefined };
      }
      case 'AllowanceRequested':
        return { ...train, asked: event.data };
      case 'AllowanceGranted':
        return { ...train, asked: train.asked && { ...train.asked, allowance: event.data.allowance } };
      case 'GateEvaluated':
        return evaluate(train, event.data);
      case 'VerdictReported':
        return { ...train, verdicts: [...train.verdicts, event.data] };
      case 'ApprovalRequested':
      case 'ApprovalEscalated':
      case 'ApprovalTimedOut':
      case 'ApprovalBecameStale':
      case 'ApprovalGranted':
      case 'ApprovalRefused':
        return hear(train, event);
      case 'ApproverAppointed':
      case 'ApproverDismissed':
      case 'ApprovalDelegated':
      case 'DelegationEnded':
        return withOffices(train, event);
      case 'WaiverGranted':
      case 'WaiverEnded':
      case 'WaiverSettled':
        return waive(train, event);
      case 'PhaseCompleted':
        return complete(train, event.data);
      case 'CycleStarted':
        return { ...train, cycle: event.data.cycle };
      case 'TrainBlocked':
        return { ...train, status: 'blocked' };
      case 'LawBroken':
        return train;
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
  asked: undefined,
  failures: 0,
  completed: new Set(),
  reports: new Map(),
  artifacts: new Map(),
  agreements: [],
  verdicts: [],
  requests: new Map(),
  delegations: [],
  waivers: new Map(),
  waived: new Map(),
  leanings: new Map(),
  unmet: [],
  authors: [],
  holds: new Map(),
  paused: false,
});

function enter(train: Riding, { phase, cycle }: EventOf<'PhaseEntered'>['data'], { phases }: Pipeline): Train {
  const place = phases.findIndex(({ id }) => id === phase);
  const before = new Set(phases.slice(0, place).map(({ id }) => id));
  const completed = new Set([...train.completed].filter((id) => before.has(id)));
  return { ...train, status: 'waiting', phase, cycle, completed, failures: 0, unmet: [], authors: [] };
}

function evaluate(train: Riding, data: EventOf<'GateEvaluated'>['data']): Train {
  const { verdict, ticketId, phase, checks, submission, observed, authors } = data;
  if (verdict === 'passed') {
    const leaning = checks.filter(({ outcome }) => outcome === 'waived').map(({ id }) => id);
    const waived = new Map([...train.waived, [phase, leaning]]);
    const leanings =
      leaning.length > 0 && submission && 'ticket' in train ? lean(train, submission, observed) : train.leanings;
    return { ...train, status: 'waiting', requests: new Map(), waived, leanings };
  }
  if (verdict === 'failed') {
    const unmet = checks.filter((check) => check.outcome === 'unmet' && isInTheWay(check));
    // Who asks for changes starts a conversation, and no strike.
    const revised = train.agreements.some((word) => word.ticketId === ticketId && word.revise);
    const failures = train.failures + (revised ? 0 : 1);
    return { ...train, status: 'waiting', requests: new Map(), failures, unmet, authors };
  }
  // A gate is held with what was submitted at an open ticket.
  if (!submission || !('ticket' in train)) return train;
  const asked = train.status === 'held' && sameValue(train.submission, submission) ? train.requests : new Map();
  return { ...train, status: 'held', submission, observed, checks, authors, requests: asked };
}

const lean = ({ leanings, ticket }: AtWork, submission: Submission, observed: Observed | null) =>
  new Map([...leanings, [ticket.phase, { ticket, submission, observed }]]);

type Hearsay = Exclude<Extract<TrainEvent, { type: `Approval${string}` }>, OfficeEvent>;

/** What people say, and are asked. */
function hear(train: Riding, event: Hearsay): Train {
  switch (event.type) {
    case 'ApprovalRequested': {
      const { role, escalatesAt, deniedAt } = event.data;
      return withRequest(train, role, { escalatesAt, deniedAt, level: 0, timedOut: false });
    }
    case 'ApprovalEscalated':
      return changeRequest(train, event.data.role, { level: event.data.level });
    case 'ApprovalTimedOut':
      return changeRequest(train, event.data.role, { timedOut: true });
    case 'ApprovalBecameStale': {
      const { ticketId, role } = event.data;
      const isIt = (word: Agreement) =>
        word.ticketId === ticketId && word.role === role && voiceOf(word) === voiceOf(event.data);
      const agreements = train.agreements.filter((word) => !isIt(word));
      return { ...train, agreements, requests: new Map([...train.requests].filter(([asked]) => asked !== role)) };
    }
    case 'ApprovalGranted':
      return { ...train, agreements: [...train.agreements, { ...event.data, agreed: true, revise: false }] };
    case 'ApprovalRefused':
      return { ...train, agreements: [...train.agreements, { ...event.data, agreed: false, expiresAt: null }] };
  }
}

const withRequest = (train: Riding, role: string, request: Request): Train => ({
  ...train,
  requests: new Map([...train.requests, [role, request]]),
});

function changeRequest(train: Riding, role: string, change: Partial<Request>): Train {
  const request = train.requests.get(role);
  return request ? withRequest(train, role, { ...request, ...change }) : train;
}

function waive(train: Riding, event: EventOf<'WaiverGranted' | 'WaiverEnded' | 'WaiverSettled'>): Train {
  if (event.type === 'WaiverGranted') {
    const { trainId: _, ...waiver } = event.data;
    return { ...train, waivers: new Map([...train.waivers, [waiver.waiverId, { ...waiver, ended: false }]]) };
  }
  const waiver = train.waivers.get(event.data.waiverId);
  if (!waiver) return train;
  const waivers = new Map([...train.waivers, [waiver.waiverId, { ...waiver, ended: true }]]);
  if (event.type === 'WaiverEnded') return { ...train, waivers };
  const leaning = (train.waived.get(waiver.phase) ?? []).filter((id) => !waiver.checks.includes(id));
  return { ...train, waivers, waived: new Map([...train.waived, [waiver.phase, leaning]]) };
}

function complete(train: Riding, { phase, cycle, facts, artifacts }: EventOf<'PhaseCompleted'>['data']): Train {
  const replaced = new Set(artifacts.map(({ path }) => path));
  const kept = (train.artifacts.get(cycle) ?? []).filter(({ path }) => !replaced.has(path));
  return {
    ...train,
    completed: new Set([...train.completed, phase]),
    reports: new Map([
      ...[...train.reports].filter(([other]) => other !== phase),
      [phase, { facts, evidence: evidenceOf({ artifacts }) }],
    ]),
    artifacts: new Map([...train.artifacts, [cycle, [...kept, ...artifacts]]]),
  };
}
