import {
  WorkPhase,
  type Agent,
  type Allowance,
  type Artifact,
  type EventOf,
  type Facts,
  type Mode,
  type Phase,
  type Retrospective,
} from '@vt/contracts';
import type { Digest, TicketId, TrainId } from '@vt/kernel';
import type { Permissions } from './permissions.ts';
import { CONSECUTIVE_MAX, signatureOf } from './spiral.ts';

export type SessionEvent = EventOf<
  | 'SessionStarted'
  | 'SessionResumed'
  | 'SessionPaused'
  | 'SessionRolledBack'
  | 'BundleSaved'
  | 'BundleRejected'
  | 'WorkPhaseEntered'
  | 'ActionStarted'
  | 'ActionCompleted'
  | 'ActionFailed'
  | 'HandoffOffered'
  | 'HandoffWithdrawn'
  | 'HandoffAccepted'
  | 'HandoffReturned'
  | 'HandoffReversed'
  | 'SpiralDetected'
  | 'ToolRefused'
  | 'ToolGranted'
  | 'WorkSubmitted'
  | 'LawBroken'
  | 'AllowanceReturned'
  | 'WorkAbandoned'
  | 'SessionCancelled'
  | 'SessionArchived'
>;

export type FailureKind = EventOf<'ActionFailed'>['data']['kind'];

export interface CompletedAction {
  readonly artifacts: readonly Artifact[];
  readonly facts: Facts;
  readonly result: Digest | null;
}

/** Where work stands on its way from research by a plan to the implementation. */
export interface WorkPhases {
  readonly at: WorkPhase;
  /** By action, those that come before the plan is accepted, and the files that they may leave. */
  readonly beforePlan: ReadonlyMap<string, { readonly during: WorkPhase; readonly produces: readonly string[] }>;
  /** What this work phase began with; undefined in the first. */
  readonly bundle: Digest | undefined;
  /** Why work was sent back, in order. */
  readonly sentBack: readonly string[];
}

/** The events of an open session, the latest first: what a rollback finds an earlier state in. */
export interface Trail {
  readonly event: SessionEvent;
  readonly before: Trail | undefined;
}

/** An action that is out: nobody but the agent that it was offered to performs it. */
export interface Handoff {
  /** The ticket that the other agent works on it under. */
  readonly handoff: TicketId;
  readonly to: Agent;
  readonly bundle: Digest;
}

/** What a session is about that another one offered: one action of it, under a ticket of its own. */
export interface HandedOff {
  readonly action: string;
  readonly of: TicketId;
  readonly from: Agent;
}

export interface Work {
  readonly trainId: TrainId;
  readonly ticketId: TicketId;
  readonly phase: Phase;
  readonly cycle: number;
  readonly attempt: number;
  readonly agent: Agent;
  readonly mode: Mode;
  readonly permissions: Permissions;
  /** What was reserved for the ticket. */
  readonly allowance?: Allowance | undefined;
  readonly fence: number;
  /** What another session offered, which it is about; undefined for the work on a ticket of a train. */
  readonly handedOff: HandedOff | undefined;
  /** Somebody works on it under the fence; else it waits for a claim with a higher one. */
  readonly held: boolean;
  /** Of the stream. */
  readonly version: number;
  /** Undefined when it is over: nothing is rolled back then, and memory is for those that go on. */
  readonly trail: Trail | undefined;
  /** The bundle that tells of everything up to now; undefined as soon as something else happens. */
  readonly bundle: Digest | undefined;
  /** By action, the fence under which it was last started. Started and not completed: nobody knows what happened. */
  readonly started: ReadonlyMap<string, number>;
  /** By action, in order of completion: a resume goes on at the first action that is not here. */
  readonly completed: ReadonlyMap<string, CompletedAction>;
  /** By action, what is out with other agents. */
  readonly handoffs: ReadonlyMap<string, Handoff>;
  /** How often something was offered: no two offers have the same ticket. */
  readonly offers: number;
  /** By action, how each of its tries failed. */
  readonly failures: ReadonlyMap<string, readonly FailureKind[]>;
  readonly earlierFailures: readonly string[];
  /** What was tried and failed, by signature, in order. */
  readonly signatures: readonly { readonly action: string; readonly signature: string }[];
  /** By action, why it is a spiral. */
  readonly spirals: ReadonlyMap<string, string>;
  /** Every refusal; true: of something that its action requires. */
  readonly refused: ReadonlyMap<string, { readonly action: string; readonly required: boolean }>;
  /** Every call that a person allowed. */
  readonly granted: ReadonlySet<string>;
  /** Undefined where there is no plan: all actions are of the implementation. */
  readonly workPhases: WorkPhases | undefined;
}

export type Session =
  | { readonly status: 'unknown' }
  | (Work & { readonly status: 'open' })
  | (Work & Learned & { readonly status: 'submitted'; readonly outcome: string })
  | (Work & Learned & { readonly status: 'abandoned' | 'returned' | 'reversed' })
  | (Work & { readonly status: 'cancelled'; readonly reason: string })
  | (Work & { readonly status: 'archived' });

interface Learned {
  readonly retrospective: Retrospective | undefined;
}

export type KnownSession = Exclude<Session, { status: 'unknown' }>;
export type EndedSession = Exclude<KnownSession, { status: 'open' }>;

export const UNKNOWN: Session = { status: 'unknown' };

export const failuresOf = (session: Session, action: string): readonly FailureKind[] =>
  session.status === 'unknown' ? [] : (session.failures.get(action) ?? []);

/** A try that was called off, or that was not made because what it needs is known to be away, does not count. */
export const counts = (kind: FailureKind): boolean => kind !== 'cancelled' && kind !== 'unavailable';

/** What every event of a session names. */
export const keys = ({ trainId, ticketId, phase }: Work) => ({ trainId, ticketId, phase });
export const attemptOf = ({ cycle, attempt }: Work) => ({ cycle, attempt });

export const callOf = ({ action, call }: { action: string; call: string }) => `${action} ${call}`;

/** The events after a version, the latest first. */
export function* eventsAfter(session: KnownSession, version: number): Generator<SessionEvent> {
  let trail: Trail | undefined = session.trail;
  for (let at = session.version; trail !== undefined && at > version; at -= 1, trail = trail.before) yield trail.event;
}

/** What the session was at an earlier version. */
export const sessionAt = (session: KnownSession, version: number): Session =>
  [...eventsAfter(session, 0)].toReversed().slice(0, version).reduce(evolveSession, UNKNOWN);

/** What all completed actions left; of two files with one path the later counts. */
export const workOf = (session: Pick<Work, 'completed'>): { artifacts: Artifact[]; facts: Facts } => {
  const done = [...session.completed.values()];
  const byPath = new Map(done.flatMap(({ artifacts }) => artifacts.map((artifact) => [artifact.path, artifact])));
  return { artifacts: [...byPath.values()], facts: Object.assign({}, ...done.map(({ facts }) => facts)) };
};

type BeforePlan = NonNullable<EventOf<'SessionStarted'>['data']['beforePlan']>;

/** Actions before the plan are of one work phase at least: the earliest of theirs. */
export const firstWorkPhase = (beforePlan: BeforePlan): WorkPhase =>
  WorkPhase.options.find((each) => Object.values(beforePlan).some(({ during }) => during === each))!;

const workPhasesAtFirst = ({ beforePlan }: EventOf<'SessionStarted'>['data']): WorkPhases | undefined => {
  if (!beforePlan) return undefined;
  const actions = new Map(Object.entries(beforePlan));
  return { at: firstWorkPhase(beforePlan), beforePlan: actions, bundle: undefined, sentBack: [] };
};

/** What an event does to a session. */
export function evolveSession(session: Session, event: SessionEvent): Session {
  if (event.type === 'SessionStarted' || event.type === 'HandoffAccepted') {
    const { trainId, ticketId, phase, agent, cycle, attempt, mode, permissions, earlierFailures, fence } = event.data;
    return {
      ...{ trainId, ticketId, phase, agent, cycle, attempt, mode, permissions, earlierFailures, fence },
      handedOff: event.type === 'HandoffAccepted' ? handedOffBy(event.data) : undefined,
      allowance: event.type === 'SessionStarted' ? event.data.allowance : undefined,
      status: 'open',
      held: true,
      version: 1,
      trail: { event, before: undefined },
      bundle: undefined,
      started: new Map(),
      completed: new Map(),
      handoffs: new Map(),
      offers: 0,
      failures: new Map(),
      signatures: [],
      spirals: new Map(),
      refused: new Map(),
      granted: new Set(),
      workPhases: event.type === 'SessionStarted' ? workPhasesAtFirst(event.data) : undefined,
    };
  }
  if (session.status === 'unknown') return session;
  const trail = { event, before: session.trail };
  return evolve({ ...session, version: session.version + 1, trail, bundle: undefined }, event, session.bundle);
}

/** The same map, unless one of the keys is in it. */
const without = <Value>(map: ReadonlyMap<string, Value>, ...keys: readonly string[]): ReadonlyMap<string, Value> =>
  keys.some((key) => map.has(key)) ? new Map([...map].filter(([other]) => !keys.includes(other))) : map;

/** Of a session that is rolled back: what was out then, and is still. */
const stillOut = (earlier: Work, { handoffs }: Work): Work['handoffs'] =>
  new Map([...earlier.handoffs].filter(([action, { handoff }]) => handoffs.get(action)?.handoff === handoff));

const handedOffBy = ({ action, of, from }: EventOf<'HandoffAccepted'>['data']): HandedOff => ({ action, of, from });

function evolve(
  session: KnownSession,
  event: Exclude<SessionEvent, { type: 'SessionStarted' | 'HandoffAccepted' }>,
  bundle: Digest | undefined,
): Session {
  switch (event.type) {
    case 'SessionResumed':
      return { ...session, fence: event.data.fence, held: true };
    case 'SessionPaused':
      // The bundle was saved in the same breath: it tells of everything that matters to the next claimant.
      return { ...session, held: false, bundle };
    case 'BundleSaved':
      return { ...session, bundle: event.data.bundle };
    case 'BundleRejected':
    case 'LawBroken':
    case 'AllowanceReturned':
      return session;
    case 'SessionRolledBack': {
      const { fence, version, trail, offers } = session;
      // Fences, versions and offers never go back: whoever had it has lost it.
      const earlier = sessionAt(session, event.data.to) as KnownSession;
      const handoffs = stillOut(earlier, session);
      return { ...earlier, fence, version, trail, offers, handoffs, held: false, bundle: undefined };
    }
    case 'WorkPhaseEntered': {
      const { workPhase, bundle: begunWith, sentBack } = event.data;
      // Only a session that has work phases enters one.
      const { beforePlan, sentBack: before } = session.workPhases!;
      const workPhases = { at: workPhase, beforePlan, bundle: begunWith };
      if (!sentBack) return { ...session, workPhases: { ...workPhases, sentBack: before } };
      const { undone, reason } = sentBack;
      return {
        ...session,
        workPhases: { ...workPhases, sentBack: [...before, reason] },
        completed: without(session.completed, ...undone),
        started: without(session.started, ...undone),
      };
    }
    case 'ActionStarted':
      return { ...session, started: new Map([...session.started, [event.data.action, event.data.fence]]) };
    case 'ActionCompleted': {
      const { action, artifacts, facts, result } = event.data;
      const completed = new Map([...session.completed, [action, { artifacts, facts, result }]]);
      return { ...session, completed, handoffs: without(session.handoffs, action) };
    }
    case 'ActionFailed': {
      const { action, kind, reason } = event.data;
      // No longer started: the next try says so again.
      const started = without(session.started, action);
      const failures = new Map([...session.failures, [action, [...failuresOf(session, action), kind]]]);
      const signature = signatureOf(reason);
      const signatures = counts(kind) ? [...session.signatures, { action, signature }] : session.signatures;
      return { ...session, started, handoffs: without(session.handoffs, action), failures, signatures };
    }
    case 'HandoffOffered': {
      const { action, handoff, to, bundle } = event.data;
      const handoffs = new Map([...session.handoffs, [action, { handoff, to, bundle }]]);
      return { ...session, handoffs, offers: session.offers + 1 };
    }
    case 'HandoffWithdrawn':
      return { ...session, handoffs: without(session.handoffs, event.data.action) };
    case 'HandoffReturned':
      return { ...session, status: 'returned', ...ended(event.data) };
    case 'HandoffReversed':
      return { ...session, status: 'reversed', ...ended(event.data) };
    case 'SpiralDetected': {
      const { action, consecutive, similar, signature } = event.data;
      const times = consecutive >= CONSECUTIVE_MAX ? `${consecutive} times in a row` : `${similar} times by now`;
      const finding = `the same failed ${times}, so it is not tried again: ${signature}`;
      return { ...session, spirals: new Map([...session.spirals, [action, finding]]) };
    }
    case 'ToolRefused':
      return { ...session, refused: new Map([...session.refused, [callOf(event.data), event.data]]) };
    case 'ToolGranted':
      return { ...session, granted: new Set([...session.granted, callOf(event.data)]) };
    case 'WorkSubmitted':
      return { ...session, status: 'submitted', ...ended(event.data), outcome: event.data.outcome };
    case 'WorkAbandoned':
      return { ...session, status: 'abandoned', ...ended(event.data) };
    case 'SessionCancelled':
      return { ...session, status: 'cancelled', reason: event.data.reason, trail: undefined };
    case 'SessionArchived':
      return { ...session, status: 'archived', trail: undefined };
  }
}

const ended = ({ retrospective }: { readonly retrospective?: Retrospective | undefined }) => ({
  retrospective,
  trail: undefined,
});
