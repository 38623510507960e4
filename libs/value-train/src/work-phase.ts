import { WorkPhase, type Artifact, type Check } from '@vt/contracts';
import { Rejection } from '@vt/kernel';
import { checkCriteria, type EvaluateRule } from './criteria.ts';
import { isInTheWay } from './gate.ts';
import { permit, wordsOf, type Call, type Permission } from './permissions.ts';
import { callOfAction, type Pipeline, type PipelineAction, type PipelinePhase } from './pipeline.ts';
import { withdrawals } from './handoff.ts';
import { abandoned, saved } from './session-continuity.ts';
import type { CommandOf } from './session-commands.ts';
import { eventsAfter, keys, workOf, type KnownSession, type Session, type SessionEvent } from './session.ts';

/** So often work may be sent back; then it is abandoned. */
export const SENT_BACK_MAX = 3;

/** Tests of these kinds look at nothing but the session itself. */
export const WORK_GATE_KINDS: ReadonlySet<string> = new Set(['fact', 'rule', 'all', 'any', 'at-least']);

const isBefore = (one: WorkPhase, other: WorkPhase): boolean =>
  WorkPhase.options.indexOf(one) < WorkPhase.options.indexOf(other);

/** Actions that come before the plan is accepted; undefined when all belong to the implementation. */
export const beforePlanOf = ({ actions }: Pick<PipelinePhase, 'actions'>): CommandOf<'StartSession'>['beforePlan'] => {
  const before = actions.filter(({ during }) => during !== 'implement');
  if (before.length === 0) return undefined;
  return Object.fromEntries(before.map(({ id, during, produces }) => [id, { during, produces: [...produces] }]));
};

/** What its work is about now; undefined when there is no plan. */
export const workPhaseOf = (session: Session): WorkPhase | undefined =>
  session.status === 'unknown' ? undefined : session.workPhases?.at;

/** Why work was sent back so far, in order. */
export const sentBackOf = (session: Session): readonly string[] =>
  session.status === 'unknown' ? [] : (session.workPhases?.sentBack ?? []);

const duringOf = (session: KnownSession, action: string): WorkPhase =>
  session.workPhases?.beforePlan.get(action)?.during ?? 'implement';

/**
 * Why a call is refused before the plan is accepted, whatever its mode allows: it writes a file that its action does
 * not declare, or is an action of the implementation, or runs the program of one.
 */
export const refusedBeforePlan = (
  session: Session,
  actions: readonly Pick<PipelineAction, 'id' | 'tool' | 'run'>[],
  action: string,
  call: Call,
): Permission | undefined => {
  const at = workPhaseOf(session);
  if (session.status === 'unknown' || at === undefined || at === 'implement') return undefined;
  const { beforePlan } = session.workPhases!;
  const refused = { effect: 'deny' as const, rule: `work-phase:${at}`, about: wordsOf(call) };
  if (duringOf(session, action) !== at) return refused;
  if (call.kind === 'file' && call.to === 'write') {
    return beforePlan.get(action)!.produces.includes(call.path) ? undefined : refused;
  }
  if (call.kind !== 'command') return undefined;
  const later = actions.filter(({ id }) => !beforePlan.has(id)).map((each) => callOfAction(each));
  const deny = later.filter(({ kind }) => kind === 'command').map((each) => `Bash(${wordsOf(each)}:*)`);
  return permit({ deny, ask: [], allow: ['Bash'] }, call).effect === 'deny' ? refused : undefined;
};

/** The small gate of the work phase that a session is in: checks `<work phase>:<criterion>`. */
export const judgeWorkPhase = (
  session: KnownSession,
  { pipeline, phase }: { readonly pipeline: Pipeline; readonly phase: PipelinePhase },
  evaluateRule: EvaluateRule,
): Check[] => {
  const at = workPhaseOf(session);
  if (at === undefined || at === 'implement') return [];
  const { facts, artifacts } = workOf(session);
  const { cycle, attempt, agent } = session;
  const work = { facts, outcome: 'next', cycle, attempt, artifacts: artifacts.map(({ path }) => path) };
  const nothingElse = {
    performers: [agent],
    reports: new Map(),
    completed: new Set<string>(),
    verdicts: [],
    observed: null,
  };
  const here = { pipeline, phase: phase.id, owner: agent, work, ...nothingElse };
  return checkCriteria(`${at}:`, phase.workGates?.[at] ?? [], here, evaluateRule);
};

/** What of a work phase's gate keeps the work from going on, in words. */
export const unmetOf = (checks: readonly Check[]): readonly string[] =>
  checks.filter(isInTheWay).map(({ id, reason }) => `the gate ${id} does not hold: ${reason}`);

export function enterWorkPhase(command: CommandOf<'EnterWorkPhase'>, session: KnownSession): SessionEvent[] {
  const { workPhase, required, checks, bundle, fence } = command;
  const from = insistOnPlan(session).at;
  if (from === workPhase) return [];
  if (WorkPhase.options[WorkPhase.options.indexOf(from) + 1] !== workPhase) {
    throw wrongWorkPhase(`after ${from}, work does not go on to ${workPhase}`);
  }
  const open = required.filter((action) => !session.completed.has(action));
  if (open.length > 0) throw new Rejection('checklist-open', `${from} requires ${open.join(', ')}, not completed yet`);
  const unmet = checks.length === 0 ? [`${from} has no gate`] : unmetOf(checks);
  if (unmet.length > 0) throw new Rejection('work-gate-unmet', unmet.join('; '));
  const data = { ...keys(session), workPhase, from, checks: [...checks], bundle: bundle.bundle, fence };
  return [...saved(bundle, session), ...withdrawals(session, `${from} is over`), { type: 'WorkPhaseEntered', data }];
}

/** What the work phase that it goes back to found is found anew, and all that was built on it. */
export function sendBack(command: CommandOf<'SendBack'>, session: KnownSession): SessionEvent[] {
  const { to, action, reason, retrospective, bundle, fence } = command;
  const { at: from, sentBack } = insistOnPlan(session);
  if (from === to && sentBack.at(-1) === reason) return [];
  if (!isBefore(to, from)) throw wrongWorkPhase(`work in ${from} can not be sent back to ${to}`);
  const undone = [...session.completed.keys()].filter((id) => !isBefore(duringOf(session, id), to));
  const outside = [...eventsAfter(session, 0)].some(
    ({ type, data }) => type === 'ActionStarted' && data.tool !== 'human' && undone.includes(data.action),
  );
  if (outside) {
    throw new Rejection(
      'effect-outside',
      `${action} sends the work back to ${to} (${reason}), but of ${undone.join(', ')} some took effect outside and can not be done anew`,
    );
  }
  if (sentBack.length >= SENT_BACK_MAX) {
    const reasons = [`the work was sent back ${sentBack.length + 1} times`, ...sentBack, reason];
    return abandoned(reasons, session, { retrospective });
  }
  const data = { ...keys(session), workPhase: to, from, checks: [], bundle: bundle.bundle };
  return [
    ...saved(bundle, session),
    ...withdrawals(session, reason),
    { type: 'WorkPhaseEntered', data: { ...data, sentBack: { by: action, reason, undone }, fence } },
  ];
}

/** @throws Rejection `work-phase` when an action is not of the work phase, or leaves before the plan what it may not */
export function insistOnWorkPhase(action: string, artifacts: readonly Artifact[], session: KnownSession): void {
  const at = workPhaseOf(session);
  if (at === undefined) return;
  const during = duringOf(session, action);
  if (during !== at) throw wrongWorkPhase(`${action} belongs to ${during}, and the work is in ${at}`);
  const produces = session.workPhases?.beforePlan.get(action)?.produces;
  const extra = artifacts.find(({ path }) => produces !== undefined && !produces.includes(path));
  if (extra) throw wrongWorkPhase(`${action} may not leave ${extra.path} before the plan is accepted`);
}

/** @throws Rejection `work-phase` when the work is still in research, or at its plan */
export function insistOnImplementation(session: KnownSession): void {
  const at = workPhaseOf(session) ?? 'implement';
  if (at !== 'implement') throw wrongWorkPhase(`the work is in ${at}, and nothing is implemented yet`);
}

function insistOnPlan({ workPhases, phase }: KnownSession) {
  if (workPhases) return workPhases;
  throw wrongWorkPhase(`${phase} has no plan: all of its actions belong to the implementation`);
}

const wrongWorkPhase = (message: string) => new Rejection('work-phase', message);
