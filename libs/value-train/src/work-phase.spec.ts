import { describe, expect, it } from '@jest/globals';
import { fold, TicketId } from '@vt/kernel';
import { specify } from '@vt/testing';
import { bundleOf, retentionOf } from './bundle.ts';
import { retrospectiveOf } from './laws.ts';
import { orchestrationOf } from './orchestration.ts';
import type { SessionCommand } from './session-commands.ts';
import { sessionDecider } from './session.decider.ts';
import { UNKNOWN, type Session } from './session.ts';
import { artifact, digestOf, pipelineWith, trainId } from './testing/pipelines.ts';
import { beforePlanOf, judgeWorkPhase, refusedBeforePlan, sentBackOf, unmetOf, workPhaseOf } from './work-phase.ts';

const { after, given } = specify(sessionDecider);
type CommandOf<Type extends SessionCommand['type']> = SessionCommand & { readonly type: Type };

const planned = (fact: string) => ({
  id: fact,
  says: `The ${fact} is known.`,
  check: { kind: 'fact' as const, fact, op: '>=' as const, value: 1 },
});
const pipeline = pipelineWith([
  {
    id: 'training',
    next: null,
    workGates: { research: [planned('rows')], plan: [planned('families')] },
    actions: [
      { id: 'look', title: 'Look', tool: 'lab.look', during: 'research', produces: ['research.md'] },
      { id: 'plan', title: 'Plan', tool: 'lab.plan', during: 'plan', produces: ['plan.md'] },
      { id: 'agree', title: 'Agree', tool: 'human', during: 'plan', needs: ['plan'] },
      { id: 'fit', title: 'Fit', tool: 'lab.fit', needs: ['plan'] },
      { id: 'publish', title: 'Publish', tool: 'command:git', run: ['push', 'origin'], retry: 'at-most-once' },
    ],
  },
]);
const phase = pipeline.phases[0]!;
const here = { pipeline, phase };

const ticketId = TicketId.parse(`training_1_1_${trainId}`);
const usage = { cpuMs: 1, wallMs: 1, tokens: [] };
const start = {
  ...{ type: 'StartSession', trainId, ticketId, phase: 'training', cycle: 1, attempt: 1, agent: 'lab', mode: 'build' },
  permissions: { deny: [], ask: [], allow: ['lab.*', 'human', 'Bash'] },
  ...{ earlierFailures: [], beforePlan: beforePlanOf(phase), fence: 1 },
} satisfies SessionCommand;
const complete = (action: string, change: Partial<CommandOf<'CompleteAction'>> = {}): CommandOf<'CompleteAction'> => ({
  ...{ type: 'CompleteAction', ticketId, action, tool: `lab.${action}`, artifacts: [], facts: {}, usage },
  ...{ result: null, fence: 1, ...change },
});
const bundleAt = (sourceVersion: number) => ({
  ...{ bundle: digestOf('e'), sourceVersion, tokenizer: 'o200k_base', tokens: 500, sourceTokens: 5_000 },
});
const met = (id: string) => ({ id, outcome: 'met' as const, reason: 'so it is' });
const enter = (workPhase: 'plan' | 'implement', at: number, change: Partial<CommandOf<'EnterWorkPhase'>> = {}) =>
  ({
    ...{
      type: 'EnterWorkPhase',
      ticketId,
      workPhase,
      required: [],
      checks: [met('gate')],
      bundle: bundleAt(at),
      fence: 1,
    },
    ...change,
  }) satisfies SessionCommand;
const back = (to: 'research' | 'plan', at: number, action = 'fit', reason = 'other rows') =>
  ({ type: 'SendBack', ticketId, to, action, reason, bundle: bundleAt(at), fence: 1 }) satisfies SessionCommand;

const look = complete('look', { artifacts: [artifact('research.md')], facts: { rows: 731 } });
const plan = complete('plan', { artifacts: [artifact('plan.md')], facts: { families: 4 } });
const toPlan = [start, look, enter('plan', 2)];
const toImplement = [...toPlan, plan, enter('implement', 5)];
const stateOf = (...commands: readonly SessionCommand[]) =>
  fold(sessionDecider, after(...commands)) as Extract<Session, { status: 'open' }>;

describe('work with a plan', () => {
  it('begins with its first work phase, and has none where all is implementation', () => {
    expect(workPhaseOf(stateOf(start))).toBe('research');
    expect(workPhaseOf(UNKNOWN)).toBeUndefined();
    expect(sentBackOf(UNKNOWN)).toEqual([]);
    const { beforePlan: _, ...plain } = start;
    expect(workPhaseOf(stateOf(plain))).toBeUndefined();
    expect(beforePlanOf({ actions: phase.actions.filter(({ during }) => during === 'implement') })).toBeUndefined();
    given(...after(plain))
      .when(enter('plan', 1))
      .thenRejected('work-phase');
  });

  it('goes on with a bundle, when the gate holds', () => {
    given(...after(start, look))
      .when(enter('plan', 2))
      .then(
        {
          type: 'BundleSaved',
          data: { trainId, ticketId, phase: 'training', ...bundleAt(2) },
        },
        {
          type: 'WorkPhaseEntered',
          data: {
            ...{ trainId, ticketId, phase: 'training', workPhase: 'plan', from: 'research' },
            ...{ checks: [met('gate')], bundle: digestOf('e'), fence: 1 },
          },
        },
      );
    given(...after(...toPlan))
      .when(enter('plan', 2))
      .thenNothing();
    expect(workPhaseOf(stateOf(...toImplement))).toBe('implement');
  });

  it('does not go on past a gate that does not hold, without a gate, a bundle, or what is required', () => {
    const known = given(...after(start, look));
    const unmet = { ...met('plan:families'), outcome: 'unmet' as const };
    known.when(enter('plan', 2, { checks: [unmet] })).thenRejected('work-gate-unmet');
    known.when(enter('plan', 2, { checks: [] })).thenRejected('work-gate-unmet');
    known.when(enter('plan', 1)).thenRejected('bundle-stale');
    known.when(enter('plan', 2, { required: ['look', 'ask'] })).thenRejected('checklist-open');
    known.when(enter('implement', 2)).thenRejected('work-phase');
  });

  it('takes no action of another work phase, and no file that is not declared before the plan is accepted', () => {
    const known = given(...after(start));
    known.when(plan).thenRejected('work-phase');
    known.when(complete('fit')).thenRejected('work-phase');
    known.when({ type: 'StartAction', ticketId, action: 'fit', tool: 'lab.fit', fence: 1 }).thenRejected('work-phase');
    known.when(complete('look', { artifacts: [artifact('model.json')] })).thenRejected('work-phase');
    known.when({ type: 'SubmitWork', ticketId, required: [], outcome: 'go', fence: 1 }).thenRejected('work-phase');
    given(...after(...toImplement))
      .when(complete('fit', { artifacts: [artifact('model.json')] }))
      .thenTypes('ActionCompleted');
    given(...after(...toImplement))
      .when(complete('look', { facts: { rows: 1 } }))
      .thenRejected('action-completed');
  });

  it('says after its end only what it said before', () => {
    const done = [
      ...toImplement,
      complete('fit'),
      { type: 'SubmitWork', ticketId, required: [], outcome: '', fence: 1 },
    ] as const;
    given(...after(...done))
      .when(enter('implement', 5))
      .thenNothing();
    given(...after(...done))
      .when(back('plan', 9))
      .thenRejected('session-over');
  });
});

describe('the gate of a work phase', () => {
  const judge = (...commands: readonly SessionCommand[]) =>
    judgeWorkPhase(stateOf(...commands), here, () => 'inconclusive');

  it('looks at what its actions reported', () => {
    expect(judge(start, look)).toEqual([
      { id: 'research:rows', outcome: 'met', reason: 'The rows is known: rows is 731, asked for is >= 1' },
    ]);
    expect(unmetOf(judge(start, look))).toEqual([]);
    expect(unmetOf(judge(...toPlan))).toEqual([
      'the gate plan:families does not hold: The families is known: families was not reported',
    ]);
  });

  it('is the gate of the phase where the work is implemented, or was never planned', () => {
    const { beforePlan: _, ...plain } = start;
    expect(judge(...toImplement)).toEqual([]);
    expect(judge(plain)).toEqual([]);
    expect(
      judgeWorkPhase(stateOf(start), { pipeline, phase: { ...phase, workGates: undefined } }, () => 'met'),
    ).toEqual([]);
  });
});

describe('before the plan is accepted', () => {
  const rule = (
    action: string,
    call: Parameters<typeof refusedBeforePlan>[3],
    commands: readonly SessionCommand[] = [start],
  ) => refusedBeforePlan(stateOf(...commands), phase.actions, action, call)?.rule;
  const write = (path: string) => ({ kind: 'file', to: 'write', path }) as const;
  const run = (...argv: readonly string[]) => ({ kind: 'command', argv }) as const;

  it.each([
    ['a file that its action does not declare', 'look', write('model.json')],
    ['a file of the plan', 'look', write('plan.md')],
    ['an action of the implementation', 'fit', { kind: 'tool', name: 'lab.fit' } as const],
    ['an action of the plan, in research', 'plan', { kind: 'tool', name: 'lab.plan' } as const],
    ['an action that nobody declared', 'constructor', { kind: 'tool', name: 'lab.look' } as const],
    ['a program of the implementation', 'look', run('git', 'push', 'origin', '--force')],
    ['the same, hidden in another', 'look', run('bash', '-c', 'ls; git push origin')],
  ])('%s is refused by its rule', (_, action, call) => {
    expect(rule(action, call)).toBe('work-phase:research');
  });

  it.each([
    ['a file that its action declares', 'look', write('research.md')],
    ['reading', 'look', { kind: 'file', to: 'read', path: 'model.json' } as const],
    ['a program that no action of the implementation runs', 'look', run('git', 'log')],
    ['a model', 'look', { kind: 'tool', name: 'model' } as const],
    ['a page', 'look', { kind: 'fetch', host: 'example.com' } as const],
  ])('%s is left to the mode', (_, action, call) => {
    expect(rule(action, call)).toBeUndefined();
  });

  it('is over when it is', () => {
    expect(rule('plan', write('plan.md'), toPlan)).toBeUndefined();
    expect(rule('plan', write('research.md'), toPlan)).toBe('work-phase:plan');
    expect(rule('fit', write('model.json'), toImplement)).toBeUndefined();
    expect(refusedBeforePlan(UNKNOWN, [], 'fit', write('a'))).toBeUndefined();
  });
});

describe('work that is sent back', () => {
  it('is done anew from there on, and says why', () => {
    given(...after(...toImplement, complete('fit')))
      .when(back('plan', 8))
      .then(
        { type: 'BundleSaved', data: { trainId, ticketId, phase: 'training', ...bundleAt(8) } },
        {
          type: 'WorkPhaseEntered',
          data: {
            ...{ trainId, ticketId, phase: 'training', workPhase: 'plan', from: 'implement', checks: [] },
            ...{
              bundle: digestOf('e'),
              sentBack: { by: 'fit', reason: 'other rows', undone: ['plan', 'fit'] },
              fence: 1,
            },
          },
        },
      );
    const state = stateOf(...toImplement, complete('fit'), back('plan', 8));
    expect([...state.completed.keys()]).toEqual(['look']);
    expect(workPhaseOf(state)).toBe('plan');
    expect(sentBackOf(state)).toEqual(['other rows']);
    expect(stateOf(...toImplement, back('research', 7)).completed.size).toBe(0);
    given(...after(...toImplement, back('plan', 7)))
      .when(back('plan', 7))
      .thenNothing();
  });

  it('goes back, and never forth or nowhere', () => {
    given(...after(...toPlan))
      .when(back('plan', 4))
      .thenRejected('work-phase');
    given(...after(start))
      .when(back('plan', 1))
      .thenRejected('work-phase');
  });

  it('is abandoned with the reasons the fourth time', () => {
    const again = (nth: number, at: number) => [back('research', at, 'plan', `no ${nth}`), look, enter('plan', at + 3)];
    const thrice = [...toPlan, ...again(1, 4), ...again(2, 9), ...again(3, 14)];
    const fourth = back('research', 19, 'plan', 'no 4');
    given(...after(...thrice))
      .when(fourth)
      .then({
        type: 'WorkAbandoned',
        data: {
          ...{ trainId, ticketId, phase: 'training', cycle: 1, attempt: 1, agent: 'lab' },
          reasons: ['the work was sent back 4 times', 'no 1', 'no 2', 'no 3', 'no 4'],
        },
      });
    given(...after(...thrice, fourth))
      .when(fourth)
      .thenNothing();
  });

  it('is not sent back over what took effect outside, but a person may be asked again', () => {
    const begun = (action: string, tool: string): SessionCommand => ({
      type: 'StartAction',
      ticketId,
      action,
      tool,
      fence: 1,
    });
    const published = complete('publish', { tool: 'command:git' });
    given(...after(...toImplement, begun('publish', 'command:git'), published))
      .when(back('plan', 9))
      .thenRejected('effect-outside');
    const agreed = [
      ...toPlan,
      plan,
      begun('agree', 'human'),
      complete('agree', { tool: 'human' }),
      enter('implement', 7),
    ];
    const state = stateOf(...agreed, back('plan', 9));
    expect(state.started.has('agree')).toBe(false);
  });

  it('is told of by bundle, retrospective and report, and what was undone is not', () => {
    const commands = [...toImplement, complete('fit', { facts: { auc: 0.7 } }), back('plan', 8), plan];
    const events = after(...commands);
    const state = stateOf(...commands);
    const bundle = bundleOf(state, events, { phase, trainName: 'Rain', charter: undefined });
    expect(bundle).toMatchObject({
      metadata: { workPhase: 'plan' },
      state: { completed: ['look', 'plan'], pending: ['agree', 'fit', 'publish'] },
      decisions: [{ action: 'fit', decision: 'Back from implement to plan', rationale: 'other rows' }],
      parameters: { rows: 731, families: 4 },
    });
    expect(bundle.parameters).not.toHaveProperty('auc');
    expect(retentionOf(bundle, events, phase).decisions).toEqual({ kept: 1, of: 1 });
    expect(retentionOf({ ...bundle, decisions: [] }, events, phase).decisions).toEqual({ kept: 0, of: 1 });
    expect(retrospectiveOf(state, phase)).toMatchObject({
      learnings: [{ learning: 'what implement found did not fit its plan', evidence: 'other rows' }],
      improvements: [{ proposal: 'Find in plan what fit found', because: 'other rows' }],
    });
    const timed = events.map((event) => ({ atMs: 10, event }));
    expect(orchestrationOf(phase, timed)?.actions.map(({ action }) => action)).toEqual(['look', 'plan']);
  });

  it('goes back with a rollback, too', () => {
    const state = stateOf(...toImplement, { type: 'RollBack', ticketId, to: 2, reason: 'wrong', by: 'Olga' });
    expect(workPhaseOf(state)).toBe('research');
  });
});
