import { Rejection, type Decider } from '@vt/kernel';
import { accept, doneBy, insistOnPerformer, offer, returned, withdrawals } from './handoff.ts';
import { brokenAtTheEnd, LAWS } from './laws.ts';
import { knowsTool } from './permissions.ts';
import { sameValue } from './same-value.ts';
import { archive } from './session-archive.ts';
import { abandoned, fenced, pause, rejectBundle, resume, rollBack, saved } from './session-continuity.ts';
import type { CommandOf, SessionCommand } from './session-commands.ts';
import {
  attemptOf,
  callOf,
  counts,
  evolveSession,
  failuresOf,
  keys,
  UNKNOWN,
  workOf,
  type EndedSession,
  type KnownSession,
  type Session,
  type SessionEvent,
  type Work,
} from './session.ts';
import { signatureOf, spiralIn } from './spiral.ts';
import { enterWorkPhase, insistOnImplementation, insistOnWorkPhase, sendBack } from './work-phase.ts';

/** Failed tries of one action after which it is blocked. */
export const STRIKES_MAX = 3;

/** The work on one ticket. Its stream, `session-<ticketId>`, belongs to the agent that the ticket names. */
export const sessionDecider: Decider<Session, SessionCommand, SessionEvent> = {
  initial: UNKNOWN,
  decide: (command, session) => returningAllowance(decide(command, session), session),
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

function decide(command: SessionCommand, session: Session): SessionEvent[] {
  if (command.type === 'StartSession') return start(command, session);
  if (command.type === 'AcceptHandoff') return accept(command, session);
  if (session.status === 'unknown') {
    throw new Rejection('session-unknown', `ticket ${command.ticketId} has no session; start one first`);
  }
  if (session.status !== 'open') return afterTheEnd(command, session);
  if (command.type === 'Archive') {
    throw new Rejection('session-open', `ticket ${command.ticketId} is still worked on: it can be archived at its end`);
  }
  if (command.type === 'Cancel') {
    const { reason } = command;
    return [...withdrawals(session, reason), { type: 'SessionCancelled', data: { ...keys(session), reason } }];
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
    case 'OfferHandoff':
      return offerHandoff(command, session);
    case 'CompleteAction':
      return completeAction(command, session);
    case 'FailAction':
      return failAction(command, session);
    case 'RefuseTool':
      return refuseTool(command, session);
    case 'GrantTool':
      return grantTool(command, session);
    case 'EnterWorkPhase':
      return enterWorkPhase(command, session);
    case 'SendBack':
      return sendBack(command, session);
    case 'SubmitWork':
      return submit(command, session);
    case 'Abandon':
      return abandoned(command.reasons, session, command);
  }
}

const ENDS: readonly SessionEvent['type'][] = ['WorkSubmitted', 'WorkAbandoned', 'SessionCancelled'];

/** Whoever ends says in the same breath that nothing more is spent, after all that was: in this order it is metered. */
function returningAllowance(events: SessionEvent[], session: Session): SessionEvent[] {
  if (session.status === 'unknown' || !session.allowance || !events.some(({ type }) => ENDS.includes(type))) {
    return events;
  }
  return [{ type: 'AllowanceReturned', data: keys(session) }, ...events];
}

function start({ type: _, ...command }: CommandOf<'StartSession'>, session: Session): SessionEvent[] {
  if (session.status === 'unknown') {
    const { beforePlan, ...data } = command;
    const earlierFailures = [...command.earlierFailures];
    return [{ type: 'SessionStarted', data: { ...data, earlierFailures, ...(beforePlan && { beforePlan }) } }];
  }
  if (command.fence === session.fence) return [];
  throw new Rejection('session-exists', `ticket ${command.ticketId} has a session; resume it with a higher fence`);
}

/** A frozen session takes nothing new; what is already so is not new. */
function afterTheEnd(command: SessionCommand, session: EndedSession): SessionEvent[] {
  if (command.type === 'Archive') return archive(command, session);
  const alreadySo =
    (command.type === 'SubmitWork' && isSubmittedAs(command, session)) ||
    (['Abandon', 'RejectBundle', 'SendBack'].includes(command.type) && isGivenUp(session)) ||
    (command.type === 'EnterWorkPhase' && session.workPhases?.at === command.workPhase) ||
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

const isSubmittedAs = ({ outcome }: CommandOf<'SubmitWork'>, session: KnownSession) =>
  session.status === 'returned' || (session.status === 'submitted' && session.outcome === outcome);
const isGivenUp = ({ status }: KnownSession) => status === 'abandoned' || status === 'reversed';

function startAction(command: CommandOf<'StartAction'>, session: KnownSession): SessionEvent[] {
  const { action, tool, fence } = command;
  if (session.started.get(action) === fence) return [];
  insistOnPerformer(command, session);
  insistOnTry(command, session);
  return [{ type: 'ActionStarted', data: { ...keys(session), action, tool, fence } }];
}

function offerHandoff(command: CommandOf<'OfferHandoff'>, session: KnownSession): SessionEvent[] {
  insistOnTry(command, session);
  const { action, tool, bundle, repeatable, fence } = command;
  const offered = offer(command, session);
  if (offered.length === 0) return [];
  const started: SessionEvent = { type: 'ActionStarted', data: { ...keys(session), action, tool, fence } };
  return [...saved(bundle, session), ...(repeatable ? [] : [started]), ...offered];
}

/** @throws Rejection when an action may not be begun */
function insistOnTry({ action, tool }: CommandOf<'StartAction' | 'OfferHandoff'>, session: KnownSession): void {
  if (session.completed.has(action)) throw completedAlready(action, session);
  if (isStruckOut(session, action)) throw struckOut(action, session);
  insistOnWorkPhase(action, [], session);
  if (!knowsTool(session.permissions, tool)) throw toolNotAllowed(tool, session);
}

function completeAction(command: CommandOf<'CompleteAction'>, session: KnownSession): SessionEvent[] {
  const { action, tool, artifacts, facts, notes = {}, usage, isolation, result, fence } = command;
  if (isCompletedAs(command, session)) return [];
  if (session.completed.has(action)) throw completedAlready(action, session);
  if (isStruckOut(session, action)) throw struckOut(action, session);
  insistOnWorkPhase(action, artifacts, session);
  if (!knowsTool(session.permissions, tool)) throw toolNotAllowed(tool, session);
  if (isBarred(session, action)) throw toolWasRefused([action], session);
  insistOnPerformer(command, session);
  const { attempt } = session;
  const { agent, handoff } = doneBy(session, action);
  return [
    {
      type: 'ActionCompleted',
      data: {
        ...{ ...keys(session), agent, attempt, action, tool, artifacts: [...artifacts], facts },
        // Most actions have nothing more to say: what is empty takes no place.
        ...Object.fromEntries(Object.entries(notes).filter(([, said = []]) => said.length > 0)),
        ...{ usage, ...(isolation && { isolation }), ...(handoff && { handoff }), result, fence },
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
  insistOnPerformer(command, session);
  const { attempt } = session;
  const what = { action, tool, try: command.try, kind, reason, usage, ...(isolation && { isolation }), fence };
  const data = { ...keys(session), ...doneBy(session, action), attempt, ...what };
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
  insistOnImplementation(session);
  const open = required.filter((action) => !session.completed.has(action));
  if (open.length > 0) {
    throw new Rejection('checklist-open', `${session.phase} requires ${open.join(', ')}, not completed yet`);
  }
  const barred = required.filter((action) => isBarred(session, action));
  if (barred.length > 0) throw toolWasRefused(barred, session);
  if (session.handoffs.size > 0) throw stillOut(session);
  const { agent, handedOff } = session;
  const checklist = [...session.completed.keys()];
  const work = { ...keys(session), ...attemptOf(session), agent, ...workOf(session), checklist, outcome };
  const broken = laws ? brokenAtTheEnd(retrospective, laws) : [];
  return [
    ...broken.map((law): SessionEvent => ({
      type: 'LawBroken',
      data: { ...keys(session), law, reason: LAWS[law].says },
    })),
    handedOff
      ? returned(handedOff, session, retrospective)
      : { type: 'WorkSubmitted', data: { ...work, ...(retrospective ? { retrospective } : {}) } },
  ];
}

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
const stillOut = ({ ticketId, handoffs }: KnownSession) =>
  new Rejection('handoff-open', `${[...handoffs.keys()].join(', ')} of ticket ${ticketId} is still out`);
const toolNotAllowed = (tool: string, { mode }: KnownSession) =>
  new Rejection('tool-not-allowed', `mode ${mode} does not allow the tool ${tool}; record the refusal`);
