import type { Agent, Artifact, EventOf, Facts, Mode, Phase, Usage } from '@vt/contracts';
import { Rejection, type Decider, type Digest, type TicketId, type TrainId } from '@vt/kernel';
import { knowsTool, type Permissions } from './permissions.ts';
import { sameValue } from './same-value.ts';

/** Failed tries of one action after which it is blocked. */
export const STRIKES_MAX = 3;

type FailureKind = EventOf<'ActionFailed'>['data']['kind'];

export type SessionCommand = { readonly ticketId: TicketId } & (
  | {
      readonly type: 'StartSession';
      readonly trainId: TrainId;
      readonly phase: Phase;
      readonly cycle: number;
      readonly attempt: number;
      readonly agent: Agent;
      readonly mode: Mode;
      readonly permissions: Permissions;
      readonly fence: number;
    }
  /** Another claimant takes over: its fence must be higher. */
  | { readonly type: 'ResumeSession'; readonly fence: number }
  | { readonly type: 'StartAction'; readonly action: string; readonly tool: string; readonly fence: number }
  | {
      readonly type: 'CompleteAction';
      readonly action: string;
      readonly tool: string;
      readonly artifacts: readonly Artifact[];
      readonly facts: Facts;
      readonly usage: Usage;
      readonly result: Digest | null;
      readonly fence: number;
    }
  | {
      readonly type: 'FailAction';
      readonly action: string;
      readonly tool: string;
      /** Which try this was: `triesOf(session, action) + 1`. Makes the command repeatable. */
      readonly try: number;
      readonly kind: FailureKind;
      readonly reason: string;
      readonly usage: Usage;
      readonly fence: number;
    }
  | {
      readonly type: 'RefuseTool';
      readonly action: string;
      readonly tool: string;
      readonly call: string;
      readonly rule: string;
      readonly reason: string;
      /** An action is not completed without what it requires. */
      readonly required: boolean;
      readonly fence: number;
    }
  /** A person allowed it, whom a rule had asked. */
  | {
      readonly type: 'GrantTool';
      readonly action: string;
      readonly tool: string;
      readonly call: string;
      readonly rule: string;
      readonly by: string;
      readonly fence: number;
    }
  | {
      readonly type: 'SubmitWork';
      /** Ids of the actions that the train's pipeline requires of this phase. */
      readonly required: readonly string[];
      readonly outcome: string;
      readonly fence: number;
    }
  | { readonly type: 'Abandon'; readonly reasons: readonly string[]; readonly fence: number }
  /** Comes from the train, not from a claimant, and so bears no fence. */
  | { readonly type: 'Cancel'; readonly reason: string }
);

export type SessionEvent = EventOf<
  | 'SessionStarted'
  | 'SessionResumed'
  | 'ActionStarted'
  | 'ActionCompleted'
  | 'ActionFailed'
  | 'ToolRefused'
  | 'ToolGranted'
  | 'WorkSubmitted'
  | 'WorkAbandoned'
  | 'SessionCancelled'
>;

export interface CompletedAction {
  readonly artifacts: readonly Artifact[];
  readonly facts: Facts;
  readonly result: Digest | null;
}

interface Work {
  readonly trainId: TrainId;
  readonly ticketId: TicketId;
  readonly phase: Phase;
  readonly cycle: number;
  readonly attempt: number;
  readonly agent: Agent;
  readonly mode: Mode;
  readonly permissions: Permissions;
  readonly fence: number;
  /** By action, the fence under which it was last started. Started and not completed: nobody knows what happened. */
  readonly started: ReadonlyMap<string, number>;
  /** By action, in order of completion: a resume goes on at the first action that is not here. */
  readonly completed: ReadonlyMap<string, CompletedAction>;
  /** By action, how each of its tries failed. */
  readonly failures: ReadonlyMap<string, readonly FailureKind[]>;
  /** Every refusal; true: of something that its action requires. */
  readonly refused: ReadonlyMap<string, { readonly action: string; readonly required: boolean }>;
  /** Every call that a person allowed. */
  readonly granted: ReadonlySet<string>;
}

export type Session =
  | { readonly status: 'unknown' }
  | (Work & { readonly status: 'open' })
  | (Work & { readonly status: 'submitted'; readonly outcome: string })
  | (Work & { readonly status: 'abandoned' | 'cancelled' });

type KnownSession = Exclude<Session, { status: 'unknown' }>;
type CommandOf<Type extends SessionCommand['type']> = Extract<SessionCommand, { type: Type }>;

/** The work on one ticket. Its stream, `session-<ticketId>`, belongs to the agent that the ticket names. */
export const sessionDecider: Decider<Session, SessionCommand, SessionEvent> = {
  initial: { status: 'unknown' },
  decide,
  evolve,
};

/** Failed tries so far, of any kind. */
export const triesOf = (session: Session, action: string): number => failuresOf(session, action).length;

/** Failed tries that count against an action: a try that was called off does not. */
export const strikes = (session: Session, action: string): number =>
  failuresOf(session, action).filter((kind) => kind !== 'cancelled').length;

/** Whether an action may not be tried again in this session: three strikes, or one failure that repeating can not mend. */
export const isStruckOut = (session: Session, action: string): boolean =>
  strikes(session, action) >= STRIKES_MAX || failuresOf(session, action).includes('permanent');

/** Whether a person has allowed a call of an action. */
export const isGranted = (session: Session, action: string, call: string): boolean =>
  session.status !== 'unknown' && session.granted.has(callOf({ action, call }));

/** What all completed actions left; of two files with one path the later counts. */
export const workOf = (session: Pick<Work, 'completed'>): { artifacts: Artifact[]; facts: Facts } => {
  const done = [...session.completed.values()];
  const byPath = new Map(done.flatMap(({ artifacts }) => artifacts.map((artifact) => [artifact.path, artifact])));
  return { artifacts: [...byPath.values()], facts: Object.assign({}, ...done.map(({ facts }) => facts)) };
};

function decide(command: SessionCommand, session: Session): SessionEvent[] {
  if (command.type === 'StartSession') return start(command, session);
  if (session.status === 'unknown') {
    throw new Rejection('session-unknown', `ticket ${command.ticketId} has no session; start one first`);
  }
  if (session.status !== 'open') return afterTheEnd(command, session);
  if (command.type === 'Cancel') {
    return [{ type: 'SessionCancelled', data: { ...keys(session), reason: command.reason } }];
  }
  if (command.type === 'ResumeSession') return resume(command, session);
  if (command.fence !== session.fence) throw fenced(command.fence, session);

  switch (command.type) {
    case 'StartAction':
      return startAction(command, session);
    case 'CompleteAction':
      return completeAction(command, session);
    case 'FailAction':
      return failAction(command, session);
    case 'RefuseTool':
      return refuseTool(command, session);
    case 'GrantTool':
      return grantTool(command, session);
    case 'SubmitWork':
      return submit(command, session);
    case 'Abandon':
      return [
        {
          type: 'WorkAbandoned',
          data: { ...keys(session), ...attemptOf(session), agent: session.agent, reasons: [...command.reasons] },
        },
      ];
  }
}

function start({ type: _, ...command }: CommandOf<'StartSession'>, session: Session): SessionEvent[] {
  if (session.status === 'unknown') {
    return [{ type: 'SessionStarted', data: command }];
  }
  if (command.fence === session.fence) return [];
  throw new Rejection('session-exists', `ticket ${command.ticketId} has a session; resume it with a higher fence`);
}

function resume({ fence }: CommandOf<'ResumeSession'>, session: KnownSession): SessionEvent[] {
  if (fence === session.fence) return [];
  if (fence < session.fence) throw fenced(fence, session);
  return [{ type: 'SessionResumed', data: { ...keys(session), fence } }];
}

/** A frozen session takes nothing new; what is already so is not new. */
function afterTheEnd(command: SessionCommand, session: Exclude<KnownSession, { status: 'open' }>): SessionEvent[] {
  const alreadySo =
    (command.type === 'SubmitWork' && session.status === 'submitted' && session.outcome === command.outcome) ||
    (command.type === 'Abandon' && session.status === 'abandoned') ||
    (command.type === 'Cancel' && session.status === 'cancelled') ||
    (command.type === 'ResumeSession' && command.fence === session.fence) ||
    (command.type === 'StartAction' && session.started.get(command.action) === command.fence) ||
    (command.type === 'CompleteAction' && isCompletedAs(command, session)) ||
    (command.type === 'FailAction' && command.try <= triesOf(session, command.action)) ||
    (command.type === 'RefuseTool' && isRefusedAs(command, session)) ||
    (command.type === 'GrantTool' && session.granted.has(callOf(command)));
  if (alreadySo) return [];
  throw new Rejection(
    'session-over',
    `ticket ${command.ticketId} is frozen: its work was ${session.status}; a new attempt gets a ticket of its own`,
  );
}

function startAction({ action, tool, fence }: CommandOf<'StartAction'>, session: KnownSession): SessionEvent[] {
  if (session.started.get(action) === fence) return [];
  if (session.completed.has(action)) throw completedAlready(action, session);
  if (isStruckOut(session, action)) throw struckOut(action, session);
  if (!knowsTool(session.permissions, tool)) throw toolNotAllowed(tool, session);
  return [{ type: 'ActionStarted', data: { ...keys(session), action, tool, fence } }];
}

function completeAction(command: CommandOf<'CompleteAction'>, session: KnownSession): SessionEvent[] {
  const { action, tool, artifacts, facts, usage, result, fence } = command;
  if (isCompletedAs(command, session)) return [];
  if (session.completed.has(action)) throw completedAlready(action, session);
  if (isStruckOut(session, action)) throw struckOut(action, session);
  if (!knowsTool(session.permissions, tool)) throw toolNotAllowed(tool, session);
  if (isBarred(session, action)) throw toolWasRefused([action], session);
  const { agent, attempt } = session;
  return [
    {
      type: 'ActionCompleted',
      data: { ...keys(session), agent, attempt, action, tool, artifacts: [...artifacts], facts, usage, result, fence },
    },
  ];
}

function failAction(command: CommandOf<'FailAction'>, session: KnownSession): SessionEvent[] {
  const { action, tool, kind, reason, usage, fence } = command;
  const tries = triesOf(session, action);
  if (command.try <= tries) return [];
  if (command.try > tries + 1) {
    throw new Rejection('try-skipped', `${action} failed ${tries} times so far: this would be try ${tries + 1}`);
  }
  if (session.completed.has(action)) throw completedAlready(action, session);
  if (isStruckOut(session, action)) throw struckOut(action, session);
  const { agent, attempt } = session;
  return [
    {
      type: 'ActionFailed',
      data: { ...keys(session), agent, attempt, action, tool, try: command.try, kind, reason, usage, fence },
    },
  ];
}

function refuseTool(command: CommandOf<'RefuseTool'>, session: KnownSession): SessionEvent[] {
  if (isRefusedAs(command, session)) return [];
  const { action, tool, call, rule, reason, required } = command;
  const { mode } = session;
  return [{ type: 'ToolRefused', data: { ...keys(session), action, tool, mode, call, rule, reason, required } }];
}

function grantTool(command: CommandOf<'GrantTool'>, session: KnownSession): SessionEvent[] {
  if (session.granted.has(callOf(command))) return [];
  const { action, tool, call, rule, by } = command;
  return [{ type: 'ToolGranted', data: { ...keys(session), action, tool, mode: session.mode, call, rule, by } }];
}

function submit({ required, outcome }: CommandOf<'SubmitWork'>, session: KnownSession): SessionEvent[] {
  const open = required.filter((action) => !session.completed.has(action));
  if (open.length > 0) {
    throw new Rejection('checklist-open', `${session.phase} requires ${open.join(', ')}, not completed yet`);
  }
  const barred = required.filter((action) => isBarred(session, action));
  if (barred.length > 0) throw toolWasRefused(barred, session);
  const { agent } = session;
  const checklist = [...session.completed.keys()];
  return [
    {
      type: 'WorkSubmitted',
      data: { ...keys(session), ...attemptOf(session), agent, ...workOf(session), checklist, outcome },
    },
  ];
}

function evolve(session: Session, event: SessionEvent): Session {
  if (event.type === 'SessionStarted') {
    return {
      ...event.data,
      status: 'open',
      started: new Map(),
      completed: new Map(),
      failures: new Map(),
      refused: new Map(),
      granted: new Set(),
    };
  }
  if (session.status === 'unknown') return session;
  switch (event.type) {
    case 'SessionResumed':
      return { ...session, fence: event.data.fence };
    case 'ActionStarted':
      return { ...session, started: new Map([...session.started, [event.data.action, event.data.fence]]) };
    case 'ActionCompleted': {
      const { action, artifacts, facts, result } = event.data;
      return { ...session, completed: new Map([...session.completed, [action, { artifacts, facts, result }]]) };
    }
    case 'ActionFailed': {
      const { action, kind } = event.data;
      // No longer started: the next try says so again.
      const started = new Map([...session.started].filter(([other]) => other !== action));
      const failures = new Map([...session.failures, [action, [...failuresOf(session, action), kind]]]);
      return { ...session, started, failures };
    }
    case 'ToolRefused':
      return { ...session, refused: new Map([...session.refused, [callOf(event.data), event.data]]) };
    case 'ToolGranted':
      return { ...session, granted: new Set([...session.granted, callOf(event.data)]) };
    case 'WorkSubmitted':
      return { ...session, status: 'submitted', outcome: event.data.outcome };
    case 'WorkAbandoned':
      return { ...session, status: 'abandoned' };
    case 'SessionCancelled':
      return { ...session, status: 'cancelled' };
  }
}

const keys = ({ trainId, ticketId, phase }: Work) => ({ trainId, ticketId, phase });
const attemptOf = ({ cycle, attempt }: Work) => ({ cycle, attempt });
const callOf = ({ action, call }: { action: string; call: string }) => `${action} ${call}`;
const isRefusedAs = (command: CommandOf<'RefuseTool'>, { refused }: Work): boolean => {
  const refusal = refused.get(callOf(command));
  return refusal !== undefined && (refusal.required || !command.required);
};
/** A tool that it requires was refused: it can not be completed any more, and was not if it says so. */
const isBarred = ({ refused }: Work, action: string): boolean =>
  [...refused.values()].some((refusal) => refusal.required && refusal.action === action);

const failuresOf = (session: Session, action: string): readonly FailureKind[] =>
  session.status === 'unknown' ? [] : (session.failures.get(action) ?? []);

/** Usage is left out: measured again, the same work takes another time. */
const isCompletedAs = ({ action, artifacts, facts, result }: CommandOf<'CompleteAction'>, session: KnownSession) =>
  sameValue(session.completed.get(action), { artifacts, facts, result });

const fenced = (fence: number, session: KnownSession) =>
  new Rejection(
    'fenced',
    `ticket ${session.ticketId} is held under fence ${session.fence}, not ${fence}: another claimant went on with it`,
  );
const completedAlready = (action: string, { ticketId }: KnownSession) =>
  new Rejection('action-completed', `${action} of ticket ${ticketId} is completed, which can not be undone or redone`);
const struckOut = (action: string, session: KnownSession) =>
  new Rejection(
    'struck-out',
    `${action} of ticket ${session.ticketId} is blocked after ${strikes(session, action)} failed tries; abandon the ticket`,
  );
const toolWasRefused = (actions: readonly string[], { phase }: KnownSession) =>
  new Rejection(
    'tool-refused',
    `a tool that ${actions.join(', ')} of ${phase} requires was refused: abandon the ticket`,
  );
const toolNotAllowed = (tool: string, { mode }: KnownSession) =>
  new Rejection('tool-not-allowed', `mode ${mode} does not allow the tool ${tool}; record the refusal`);
