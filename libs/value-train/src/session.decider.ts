import type { Agent, Artifact, EventOf, Facts, Isolation, Mode, Phase, Retrospective, Usage } from '@vt/contracts';
import { Rejection, type Decider, type Digest, type TicketId, type TrainId } from '@vt/kernel';
import { brokenAtTheEnd, LAWS } from './laws.ts';
import { knowsTool, type Permissions } from './permissions.ts';
import type { LawPolicies } from './pipeline.ts';
import { sameValue } from './same-value.ts';
import {
  callOf,
  counts,
  eventsAfter,
  evolveSession,
  failuresOf,
  sessionAt,
  UNKNOWN,
  type FailureKind,
  type KnownSession,
  type Session,
  type SessionEvent,
  type Work,
} from './session.ts';
import { signatureOf, spiralIn } from './spiral.ts';

/** Failed tries of one action after which it is blocked. */
export const STRIKES_MAX = 3;

/** A bundle that was made and kept: its digest, what it tells of, and how much it condenses. */
export type BundleRef = Omit<EventOf<'BundleSaved'>['data'], 'trainId' | 'ticketId' | 'phase'>;

type Completed = EventOf<'ActionCompleted'>['data'];
/** What an action has to say beside its files and facts. */
export type Notes = Readonly<Pick<Completed, 'decisions' | 'questions' | 'learnings' | 'improvements' | 'read'>>;

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
      /** Signatures of what earlier attempts failed with. */
      readonly earlierFailures: readonly string[];
      readonly fence: number;
    }
  /** Another claimant takes over: its fence must be higher, and its bundle must tell of everything that happened. */
  | { readonly type: 'ResumeSession'; readonly bundle: BundleRef; readonly fence: number }
  /** Nothing goes on by a bundle that leaves something out: the attempt ends, and the next one begins anew. */
  | {
      readonly type: 'RejectBundle';
      readonly bundle: Digest;
      readonly problems: readonly string[];
      readonly fence: number;
    }
  /** The claimant lets it go, and leaves a bundle for whoever has it next. */
  | { readonly type: 'PauseSession'; readonly reason: string; readonly bundle: BundleRef; readonly fence: number }
  | { readonly type: 'StartAction'; readonly action: string; readonly tool: string; readonly fence: number }
  | {
      readonly type: 'CompleteAction';
      readonly action: string;
      readonly tool: string;
      readonly artifacts: readonly Artifact[];
      readonly facts: Facts;
      readonly notes?: Notes;
      readonly usage: Usage;
      readonly isolation?: Isolation | undefined;
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
      readonly isolation?: Isolation | undefined;
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
      readonly retrospective?: Retrospective;
      /** The train's pipeline's; the laws of an end are asked of whoever brings them. */
      readonly laws?: LawPolicies;
      readonly fence: number;
    }
  | {
      readonly type: 'Abandon';
      readonly reasons: readonly string[];
      readonly retrospective?: Retrospective;
      readonly fence: number;
    }
  /** Comes from the train, not from a claimant, and so bears no fence. */
  | { readonly type: 'Cancel'; readonly reason: string }
  /** Comes from a person. Whoever has the session loses it. */
  | { readonly type: 'RollBack'; readonly to: number; readonly reason: string; readonly by: string }
);

type CommandOf<Type extends SessionCommand['type']> = Extract<SessionCommand, { type: Type }>;

/** The work on one ticket. Its stream, `session-<ticketId>`, belongs to the agent that the ticket names. */
export const sessionDecider: Decider<Session, SessionCommand, SessionEvent> = {
  initial: UNKNOWN,
  decide,
  evolve: evolveSession,
};

/** Failed tries so far, of any kind. */
export const triesOf = (session: Session, action: string): number => failuresOf(session, action).length;

/** Failed tries that count against an action. */
export const strikes = (session: Session, action: string): number => failuresOf(session, action).filter(counts).length;

/** Whether an action may not be tried again in this session: three strikes, one failure that repeating can not mend, or a spiral. */
export const isStruckOut = (session: Session, action: string): boolean =>
  strikes(session, action) >= STRIKES_MAX ||
  failuresOf(session, action).includes('permanent') ||
  spiralOf(session, action) !== undefined;

/** Why an action is given up as a spiral. */
export const spiralOf = (session: Session, action: string): string | undefined =>
  session.status === 'unknown' ? undefined : session.spirals.get(action);

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
  if (command.type === 'RejectBundle') return rejectBundle(command, session);
  if (command.type === 'RollBack') return rollBack(command, session);
  if (command.fence !== session.fence) throw fenced(command.fence, session);
  if (command.type === 'PauseSession') return pause(command, session);
  if (!session.held) throw letGo(session);

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
      return [abandoned(command.reasons, session, command.retrospective)];
  }
}

const abandoned = (reasons: readonly string[], session: KnownSession, retrospective?: Retrospective): SessionEvent => ({
  type: 'WorkAbandoned',
  data: {
    ...keys(session),
    ...attemptOf(session),
    agent: session.agent,
    reasons: [...reasons],
    ...(retrospective ? { retrospective } : {}),
  },
});

function start({ type: _, ...command }: CommandOf<'StartSession'>, session: Session): SessionEvent[] {
  if (session.status === 'unknown') {
    return [{ type: 'SessionStarted', data: { ...command, earlierFailures: [...command.earlierFailures] } }];
  }
  if (command.fence === session.fence) return [];
  throw new Rejection('session-exists', `ticket ${command.ticketId} has a session; resume it with a higher fence`);
}

function resume({ fence, bundle }: CommandOf<'ResumeSession'>, session: KnownSession): SessionEvent[] {
  if (fence === session.fence && session.held) return [];
  if (fence <= session.fence) throw fenced(fence, session);
  const resumed: SessionEvent = { type: 'SessionResumed', data: { ...keys(session), fence, bundle: bundle.bundle } };
  return [...save(bundle, session), resumed];
}

function rejectBundle({ bundle, problems, fence }: CommandOf<'RejectBundle'>, session: KnownSession): SessionEvent[] {
  if (fence <= session.fence) throw fenced(fence, session);
  return [
    { type: 'BundleRejected', data: { ...keys(session), bundle, problems: [...problems], fence } },
    abandoned([`it can not go on by its bundle: ${problems.join('; ')}`], session),
  ];
}

function pause({ reason, bundle, fence }: CommandOf<'PauseSession'>, session: KnownSession): SessionEvent[] {
  if (!session.held) return [];
  return [...save(bundle, session), { type: 'SessionPaused', data: { ...keys(session), reason, fence } }];
}

/** Nothing is saved again that is there; nothing is saved that leaves something out. */
function save(bundle: BundleRef, session: KnownSession): SessionEvent[] {
  if (session.bundle === bundle.bundle) return [];
  if (session.bundle === undefined && bundle.sourceVersion === session.version) {
    return [{ type: 'BundleSaved', data: { ...keys(session), ...bundle } }];
  }
  throw new Rejection(
    'bundle-stale',
    `the bundle of ticket ${session.ticketId} tells of version ${bundle.sourceVersion}, but something was added since: make a new one`,
  );
}

function rollBack({ to, reason, by }: CommandOf<'RollBack'>, session: KnownSession): SessionEvent[] {
  const last = session.trail?.event;
  if (last?.type === 'SessionRolledBack' && last.data.to === to) return [];
  if (to < 1 || to >= session.version) {
    throw new Rejection(
      'version-unknown',
      `ticket ${session.ticketId} stands at version ${session.version}: say to which it shall go back, 1 to ${session.version - 1}`,
    );
  }
  const outside = [...eventsAfter(session, to)].find(
    (event) => event.type === 'ActionStarted' && event.data.tool !== 'human',
  );
  if (outside?.type === 'ActionStarted') {
    throw new Rejection(
      'effect-outside',
      `${outside.data.action} was started after version ${to}, and what it did outside can not be taken back by forgetting it`,
    );
  }
  const earlier = sessionAt(session, to) as KnownSession;
  const undone = [...session.completed.keys()].filter((action) => !earlier.completed.has(action));
  return [{ type: 'SessionRolledBack', data: { ...keys(session), to, undone, reason, by } }];
}

/** A frozen session takes nothing new; what is already so is not new. */
function afterTheEnd(command: SessionCommand, session: Exclude<KnownSession, { status: 'open' }>): SessionEvent[] {
  const alreadySo =
    (command.type === 'SubmitWork' && session.status === 'submitted' && session.outcome === command.outcome) ||
    ((command.type === 'Abandon' || command.type === 'RejectBundle') && session.status === 'abandoned') ||
    (command.type === 'Cancel' && session.status === 'cancelled') ||
    (command.type === 'ResumeSession' && command.fence === session.fence && session.held) ||
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
  const { action, tool, artifacts, facts, notes = {}, usage, isolation, result, fence } = command;
  if (isCompletedAs(command, session)) return [];
  if (session.completed.has(action)) throw completedAlready(action, session);
  if (isStruckOut(session, action)) throw struckOut(action, session);
  if (!knowsTool(session.permissions, tool)) throw toolNotAllowed(tool, session);
  if (isBarred(session, action)) throw toolWasRefused([action], session);
  const { agent, attempt } = session;
  return [
    {
      type: 'ActionCompleted',
      data: {
        ...{ ...keys(session), agent, attempt, action, tool, artifacts: [...artifacts], facts },
        // Most actions have nothing more to say: what is empty takes no place.
        ...Object.fromEntries(Object.entries(notes).filter(([, said = []]) => said.length > 0)),
        ...{ usage, ...(isolation && { isolation }), result, fence },
      },
    },
  ];
}

function failAction(command: CommandOf<'FailAction'>, session: KnownSession): SessionEvent[] {
  const { action, tool, kind, reason, usage, isolation, fence } = command;
  const tries = triesOf(session, action);
  if (command.try <= tries) return [];
  if (command.try > tries + 1) {
    throw new Rejection('try-skipped', `${action} failed ${tries} times so far: this would be try ${tries + 1}`);
  }
  if (session.completed.has(action)) throw completedAlready(action, session);
  if (isStruckOut(session, action)) throw struckOut(action, session);
  const { agent, attempt } = session;
  const what = { action, tool, try: command.try, kind, reason, usage, ...(isolation && { isolation }), fence };
  const data = { ...keys(session), agent, attempt, ...what };
  const failed: SessionEvent = { type: 'ActionFailed', data };
  const [own, others] = [true, false].map((wanted) =>
    session.signatures.filter((each) => (each.action === action) === wanted).map(({ signature }) => signature),
  );
  const spiral = counts(kind) && spiralIn(signatureOf(reason), own!, [...others!, ...session.earlierFailures]);
  return spiral ? [failed, { type: 'SpiralDetected', data: { ...keys(session), action, ...spiral } }] : [failed];
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

function submit(
  { required, outcome, retrospective, laws }: CommandOf<'SubmitWork'>,
  session: KnownSession,
): SessionEvent[] {
  const open = required.filter((action) => !session.completed.has(action));
  if (open.length > 0) {
    throw new Rejection('checklist-open', `${session.phase} requires ${open.join(', ')}, not completed yet`);
  }
  const barred = required.filter((action) => isBarred(session, action));
  if (barred.length > 0) throw toolWasRefused(barred, session);
  const { agent } = session;
  const checklist = [...session.completed.keys()];
  const work = { ...keys(session), ...attemptOf(session), agent, ...workOf(session), checklist, outcome };
  const broken = laws ? brokenAtTheEnd(retrospective, laws) : [];
  return [
    ...broken.map((law): SessionEvent => ({
      type: 'LawBroken',
      data: { ...keys(session), law, reason: LAWS[law].says },
    })),
    { type: 'WorkSubmitted', data: { ...work, ...(retrospective ? { retrospective } : {}) } },
  ];
}

const keys = ({ trainId, ticketId, phase }: Work) => ({ trainId, ticketId, phase });
const attemptOf = ({ cycle, attempt }: Work) => ({ cycle, attempt });
const isRefusedAs = (command: CommandOf<'RefuseTool'>, { refused }: Work): boolean => {
  const refusal = refused.get(callOf(command));
  return refusal !== undefined && (refusal.required || !command.required);
};
/** A tool that it requires was refused: it can not be completed any more, and was not if it says so. */
const isBarred = ({ refused }: Work, action: string): boolean =>
  [...refused.values()].some((refusal) => refusal.required && refusal.action === action);

/** Usage is left out: measured again, the same work takes another time. */
const isCompletedAs = ({ action, artifacts, facts, result }: CommandOf<'CompleteAction'>, session: KnownSession) =>
  sameValue(session.completed.get(action), { artifacts, facts, result });

const fenced = (fence: number, session: KnownSession) =>
  new Rejection(
    'fenced',
    `ticket ${session.ticketId} is held under fence ${session.fence}, not ${fence}: another claimant went on with it`,
  );
const letGo = ({ ticketId, fence }: KnownSession) =>
  new Rejection(
    'fenced',
    `ticket ${ticketId} is not held under fence ${fence} any more: it goes on with the next claim`,
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
