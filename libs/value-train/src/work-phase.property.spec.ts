import { expect, it } from '@jest/globals';
import { WorkPhase } from '@vt/contracts';
import { Rejection, TicketId, type Decider } from '@vt/kernel';
import fc from 'fast-check';
import type { SessionCommand } from './session-commands.ts';
import { sessionDecider, triesOf } from './session.decider.ts';
import type { KnownSession, Session, SessionEvent } from './session.ts';
import { artifact, digestOf, trainId } from './testing/pipelines.ts';
import { refusedBeforePlan, SENT_BACK_MAX, sentBackOf, workPhaseOf } from './work-phase.ts';

const RUNS = 2_000;
const ticketId = TicketId.parse(`training_1_1_${trainId}`);
const usage = { cpuMs: 1, wallMs: 1, tokens: [] };
const beforePlan = {
  look: { during: 'research' as const, produces: ['look.md'] },
  plan: { during: 'plan' as const, produces: ['plan.md'] },
};
const ACTIONS = ['look', 'plan', 'fit', 'constructor'];
const FILES = ['look.md', 'plan.md', 'fit.md'];
const duringOf = (action: string): WorkPhase =>
  Object.entries(beforePlan).find(([id]) => id === action)?.[1].during ?? 'implement';
const declaredBy = (action: string): readonly string[] =>
  Object.entries(beforePlan).find(([id]) => id === action)?.[1].produces ?? FILES;
const orderOf = (workPhase: WorkPhase) => WorkPhase.options.indexOf(workPhase);

const start: SessionCommand = {
  ...{ type: 'StartSession', trainId, ticketId, phase: 'training', cycle: 1, attempt: 1, agent: 'lab', mode: 'build' },
  permissions: { deny: [], ask: [], allow: ['lab.*'] },
  ...{ earlierFailures: [], beforePlan, fence: 1 },
};

const step = fc.record({
  type: fc.oneof(
    { weight: 30, arbitrary: fc.constantFrom('CompleteAction' as const, 'EnterWorkPhase' as const) },
    { weight: 12, arbitrary: fc.constant('SendBack' as const) },
    { weight: 1, arbitrary: fc.constantFrom('StartAction' as const, 'FailAction' as const) },
    { weight: 3, arbitrary: fc.constant('SubmitWork' as const) },
    { weight: 1, arbitrary: fc.constantFrom('RollBack' as const, 'PauseSession' as const) },
  ),
  /** Mostly what is due. */
  action: fc.constantFrom('due', 'due', 'due', ...ACTIONS),
  file: fc.constantFrom('due', 'due', 'due', ...FILES),
  to: fc.constantFrom('due', 'due', 'due', ...WorkPhase.options),
  gate: fc.constantFrom('met', 'met', 'met', 'unmet', 'inconclusive', 'pending', 'absent'),
  back: fc.constantFrom(0, 0, 0, 0, 0, 1, 4),
  behind: fc.constantFrom(0, 0, 0, 0, 0, 1),
});
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

function commandOf({ type, gate, back, behind, ...wish }: Step, session: KnownSession): SessionCommand {
  const { version } = session;
  const fence = session.fence - behind;
  const bundle = {
    bundle: digestOf('e'),
    sourceVersion: version - back,
    tokenizer: 'o200k_base',
    tokens: 1,
    sourceTokens: 9,
  };
  const at = workPhaseOf(session)!;
  const next = WorkPhase.options[orderOf(at) + (type === 'SendBack' ? -1 : 1)] ?? at;
  const workPhase = wish.to === 'due' ? next : wish.to;
  const action = wish.action === 'due' ? ACTIONS.find((id) => duringOf(id) === at)! : wish.action;
  const file = wish.file === 'due' ? declaredBy(action)[0]! : wish.file;
  const tool = 'lab.work';
  if (!session.held) return { type: 'ResumeSession', ticketId, bundle, fence: fence + 1 };
  switch (type) {
    case 'CompleteAction':
      return { type, ticketId, action, tool, artifacts: [artifact(file)], facts: {}, usage, result: null, fence };
    case 'EnterWorkPhase': {
      const checks = gate === 'absent' ? [] : [{ id: `${at}:good`, outcome: gate, reason: 'it is' }];
      const required = Object.entries(beforePlan).flatMap(([id, { during }]) => (during === at ? [id] : []));
      return { type, ticketId, workPhase, required, checks, bundle, fence };
    }
    case 'StartAction':
      return { type, ticketId, action, tool, fence };
    case 'FailAction':
      return {
        type,
        ticketId,
        action,
        tool,
        try: triesOf(session, action) + 1,
        kind: 'cancelled',
        reason: 'x',
        usage,
        fence,
      };
    case 'SendBack':
      return { type, ticketId, to: workPhase, action, reason: `${version}`, bundle, fence };
    case 'SubmitWork':
      return { type, ticketId, required: ['look', 'plan'], outcome: '', fence };
    case 'RollBack':
      return { type, ticketId, to: version - 1 - back, reason: 'wrong', by: 'Olga' };
    case 'PauseSession':
      return { type, ticketId, reason: 'paused', bundle, fence };
  }
}

const must = (holds: boolean, otherwise: string): void => {
  if (!holds) throw new Error(otherwise);
};

type Rules = Decider<Session, SessionCommand, SessionEvent>;

/** What must hold of each event, whatever came before. */
function examine(before: KnownSession, events: readonly SessionEvent[], after: KnownSession): void {
  const at = workPhaseOf(before)!;
  for (const { type, data } of events) {
    if (type === 'ActionStarted' || type === 'ActionCompleted') {
      must(duringOf(data.action) === at, `${data.action} was done in ${at}`);
    }
    if (type === 'ActionCompleted' && at !== 'implement') {
      must(
        data.artifacts.every(({ path }) => declaredBy(data.action).includes(path)),
        'something else was written',
      );
    }
    if (type === 'WorkSubmitted') must(at === 'implement', 'work without an accepted plan was submitted');
    if (type !== 'WorkPhaseEntered') continue;
    const saved = events.some((event) => event.type === 'BundleSaved' && event.data.sourceVersion === before.version);
    must(saved, 'work went on without a bundle of everything');
    if (data.sentBack) must(orderOf(data.workPhase) < orderOf(at), 'work was sent forth');
    else {
      must(orderOf(data.workPhase) === orderOf(at) + 1, 'a work phase was skipped');
      must(data.checks.length > 0 && data.checks.every(({ outcome }) => outcome === 'met'), 'a gate did not hold');
      must(
        Object.entries(beforePlan).every(([id, { during }]) => during !== at || before.completed.has(id)),
        'open',
      );
    }
  }
  const now = workPhaseOf(after)!;
  for (const id of after.completed.keys()) must(orderOf(duringOf(id)) <= orderOf(now), `${id} outlived its work phase`);
  must(sentBackOf(after).length <= SENT_BACK_MAX, 'work was sent back without end');
  if (now === 'implement') return;
  for (const action of ACTIONS) {
    for (const path of FILES) {
      const refused = refusedBeforePlan(after, [], action, { kind: 'file', to: 'write', path });
      const mayWrite = duringOf(action) === now && declaredBy(action).includes(path);
      must((refused === undefined) === mayWrite, `${action} wrote ${path} in ${now}`);
    }
  }
}

const seen = { implement: 0, sentBack: 0, submitted: 0, abandoned: 0, rolledBack: 0 };

function ride({ initial, decide, evolve }: Rules, steps: readonly Step[]): void {
  let session = decide(start, initial).reduce(evolve, initial) as KnownSession;
  for (const each of steps) {
    const command = commandOf(each, session);
    let events: readonly SessionEvent[];
    try {
      events = decide(command, session);
    } catch (error) {
      if (!(error instanceof Rejection)) throw error;
      continue;
    }
    const next = events.reduce(evolve, session as Session) as KnownSession;
    examine(session, events, next);
    for (const { type, data } of events) {
      if (type === 'WorkPhaseEntered') seen[data.sentBack ? 'sentBack' : 'implement'] += 1;
      if (type === 'WorkSubmitted') seen.submitted += 1;
      if (type === 'WorkAbandoned') seen.abandoned += 1;
      if (type === 'SessionRolledBack') seen.rolledBack += 1;
    }
    session = next;
  }
}

const histories = (rules: Rules) =>
  fc.check(
    fc.property(fc.array(step, { minLength: 20, maxLength: 80, size: 'max' }), (steps) => ride(rules, steps)),
    { numRuns: RUNS, endOnFailure: true },
  );

it(`in ${RUNS} histories nothing of a later work phase is done, and nothing written, before the plan is accepted`, () => {
  const { failed, errorInstance } = histories(sessionDecider);
  expect(errorInstance ?? null).toBeNull();
  expect(failed).toBe(false);
  for (const [what, times] of Object.entries(seen)) expect([what, times > 0]).toEqual([what, true]);
}, 60_000);

const { decide, evolve } = sessionDecider;
/** Rules that look away: the session takes a command as if its work were somewhere else. */
const lookingAway = (of: SessionCommand['type'], pretend: (session: KnownSession) => Session): Rules => ({
  ...sessionDecider,
  decide: (command, session) =>
    decide(command, command.type === of && session.status !== 'unknown' ? pretend(session) : session),
});
const at = (workPhase: WorkPhase) => (session: KnownSession) =>
  ({ ...session, workPhases: { ...session.workPhases!, at: workPhase } }) as Session;

it.each<[string, Rules]>([
  ['actions of any work phase', lookingAway('CompleteAction', (session) => ({ ...session, workPhases: undefined }))],
  ['starts of any work phase', lookingAway('StartAction', at('implement'))],
  ['submissions without an implementation', lookingAway('SubmitWork', at('implement'))],
  [
    'gates that do not hold',
    {
      ...sessionDecider,
      decide: (command, session) =>
        decide(
          command.type === 'EnterWorkPhase'
            ? { ...command, checks: command.checks.map((c) => ({ ...c, effect: 'warn' })) }
            : command,
          session,
        ),
    },
  ],
  ['work phases that are skipped', lookingAway('EnterWorkPhase', at('plan'))],
  [
    'returns without end',
    lookingAway('SendBack', (session) => ({ ...session, workPhases: { ...session.workPhases!, sentBack: [] } })),
  ],
  [
    'returns that undo nothing',
    {
      ...sessionDecider,
      evolve: (session, event) => {
        if (event.type !== 'WorkPhaseEntered' || !event.data.sentBack) return evolve(session, event);
        const { data } = event;
        return evolve(session, { ...event, data: { ...data, sentBack: { ...event.data.sentBack, undone: [] } } });
      },
    },
  ],
])(
  'finds rules that let through %s',
  (_, rules) => {
    expect(histories(rules).failed).toBe(true);
  },
  60_000,
);
