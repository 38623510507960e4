import { describe, expect, it } from '@jest/globals';
import type { z } from 'zod';
import { checkCriteria, type Case, type EvaluateRule } from './criteria.ts';
import { Criterion, type Test } from './pipeline.ts';
import { sameValue } from './same-value.ts';
import { digestOf, NOTHING_ELSE, pipelineWith } from './testing/pipelines.ts';

const work = {
  facts: { auc: 0.78, family: 'logistic', calibrated: true },
  outcome: 'go',
  cycle: 1,
  attempt: 2,
  artifacts: ['model/train.ipynb'],
};
const pipeline = pipelineWith([
  { id: 'triage', next: 'training' },
  { id: 'training', next: 'validation' },
  { id: 'validation', owner: 'evaluator', next: 'release' },
  { id: 'release', owner: 'ops', next: null },
]);
/** Before the gate of the release, after triage, training and validation. */
const at: Case = {
  pipeline,
  phase: 'release',
  performers: ['ops'],
  work,
  reports: new Map([
    ['triage', { facts: {}, evidence: [] }],
    ['training', { facts: { 'tests-green': false }, evidence: [digestOf('b')] }],
    ['validation', { facts: { 'tests-green': true, error: 0.1 }, evidence: [digestOf('c'), digestOf('a')] }],
  ]),
  completed: new Set(['triage', 'training', 'validation']),
  verdicts: [],
  observed: NOTHING_ELSE,
};

type CriterionOf = Partial<z.input<typeof Criterion>>;
const checking = (
  criterion: CriterionOf,
  change: Partial<Case> = {},
  evaluateRule: EvaluateRule = () => 'inconclusive',
) =>
  checkCriteria(
    'criterion:',
    [Criterion.parse({ id: 'c', says: 'It holds.', ...criterion })],
    { ...at, ...change },
    evaluateRule,
  )[0]!;
const check = (test: Test, change: Partial<Case> = {}, evaluateRule?: EvaluateRule) =>
  checking({ check: test }, change, evaluateRule);
const outcomeOf = (fact: string, op: '==' | '!=' | '>=' | '>' | '<=' | '<', value: number | string | boolean) =>
  check({ kind: 'fact', fact, op, value }).outcome;

describe('a fact', () => {
  it.each([
    ['auc', '>=', 0.78, 'met'],
    ['auc', '>', 0.78, 'unmet'],
    ['auc', '<=', 0.78, 'met'],
    ['auc', '<', 0.78, 'unmet'],
    ['auc', '==', 0.78, 'met'],
    ['auc', '!=', 0.78, 'unmet'],
    ['family', '==', 'logistic', 'met'],
    ['calibrated', '!=', false, 'met'],
  ] as const)('%s %s %s is %s', (fact, op, value, outcome) => {
    expect(outcomeOf(fact, op, value)).toBe(outcome);
  });

  it('of another kind than the value has no order', () => {
    expect(outcomeOf('family', '>=', 1)).toBe('unmet');
    expect(outcomeOf('auc', '<', 'logistic')).toBe('unmet');
  });

  it('that was not reported is not met, and is named', () => {
    expect(check({ kind: 'fact', fact: 'latency', op: '<', value: 50 })).toEqual({
      id: 'criterion:c',
      outcome: 'unmet',
      reason: 'It holds: latency was not reported',
    });
    expect(outcomeOf('constructor', '!=', 1)).toBe('unmet');
  });
});

describe('a rule', () => {
  const rule = { kind: 'rule', rule: 'facts["auc"] > 0.5' } as const;

  it('sees the work, and its answer stands, also when it is no answer', () => {
    for (const outcome of ['met', 'unmet', 'inconclusive'] as const) {
      const evaluate: EvaluateRule = (source, variables) =>
        source === rule.rule && variables === work ? outcome : 'met';
      expect(check(rule, {}, evaluate)).toMatchObject({ outcome });
    }
  });

  it('that throws is inconclusive, and says what was thrown', () => {
    const thrown = check(rule, {}, () => {
      throw new Error('out of memory');
    });
    expect(thrown).toMatchObject({ outcome: 'inconclusive', reason: expect.stringContaining('out of memory') });
  });
});

it('a phase is completed or not', () => {
  expect(check({ kind: 'completed', phase: 'validation' })).toEqual({
    ...{ id: 'criterion:c', outcome: 'met', reason: 'It holds.' },
    inputs: [digestOf('a'), digestOf('c')],
  });
  expect(check({ kind: 'completed', phase: 'monitoring' }).outcome).toBe('unmet');
  expect(check({ kind: 'completed', phase: 'triage' }, { reports: new Map() })).toMatchObject({ inputs: [] });
});

describe('evidence', () => {
  const green = { kind: 'evidence', phase: 'validation', fact: 'tests-green', op: '==', value: true } as const;

  it('is what the phase of another agent reported, with the files that it left', () => {
    expect(check(green)).toMatchObject({ outcome: 'met', inputs: [digestOf('a'), digestOf('c')] });
    expect(check({ ...green, fact: 'error', op: '<', value: 0.1 })).toMatchObject({
      outcome: 'unmet',
      reason: 'It holds: error is 0.1, asked for is < 0.1',
    });
  });

  it('is not what the work says of itself', () => {
    const claimed = { work: { ...work, facts: { 'tests-green': true } } };
    const silent = new Map([...at.reports, ['validation', { facts: {}, evidence: [] }] as const]);
    expect(check(green, { ...claimed, reports: silent })).toMatchObject({
      outcome: 'unmet',
      reason: 'It holds: tests-green was not reported by validation',
    });
    expect(check(green, { ...claimed, performers: ['ops', 'evaluator'] })).toMatchObject({
      outcome: 'unmet',
      reason: 'It holds: evaluator did the work of validation too, and may not judge its own',
    });
  });

  it('is void when its phase must be worked again, and when it never was', () => {
    const reason = 'It holds: the phase validation is not completed';
    expect(check(green, { completed: new Set(['training']) })).toMatchObject({ outcome: 'unmet', reason });
    expect(check(green, { reports: new Map() })).toMatchObject({ outcome: 'unmet', reason });
  });
});

it('evidence is fresh as long as what it looked at was not worked again after it', () => {
  const fresh = { kind: 'fresh', phase: 'validation', after: 'training' } as const;
  expect(check(fresh)).toMatchObject({ outcome: 'met', inputs: [digestOf('a'), digestOf('b'), digestOf('c')] });
  const retrained = new Map([...[...at.reports].filter(([phase]) => phase !== 'training')]);
  expect(check(fresh, { reports: retrained }).outcome).toBe('unmet');
  retrained.set('training', { facts: {}, evidence: [] });
  expect(check(fresh, { reports: retrained })).toMatchObject({
    outcome: 'unmet',
    reason: 'It holds: training was completed again after validation, which is stale',
  });
  expect(check({ ...fresh, phase: 'monitoring' }).outcome).toBe('unmet');
});

describe('risks', () => {
  const risk = { riskId: 'R007', score: 9, phases: ['release'], accepted: false };
  const withRisks = (...risks: (typeof risk)[]) => ({ observed: { ...NOTHING_ELSE, risks } });
  const below = (score: number, ...risks: (typeof risk)[]) =>
    check({ kind: 'risks', below: score }, withRisks(...risks)).outcome;

  it('are too much from their score on, where they touch the phase', () => {
    expect(below(9, risk)).toBe('unmet');
    expect(below(10, risk)).toBe('met');
    expect(below(9, { ...risk, phases: [] })).toBe('unmet');
    expect(below(9, { ...risk, phases: ['training'] })).toBe('met');
    expect(check({ kind: 'risks', below: 9 }, withRisks(risk)).reason).toBe(
      'It holds: R007 scores 9, and 9 is too much',
    );
  });

  it("that a person accepted are in nobody's way", () => expect(below(9, { ...risk, accepted: true })).toBe('met'));

  it('that nobody looked at are no pass', () =>
    expect(check({ kind: 'risks', below: 9 }, { observed: null }).outcome).toBe('inconclusive'));
});

describe('the budget', () => {
  const budget = (share: number | null, unpriced = 0) =>
    check(
      { kind: 'budget', share: 0.8 },
      { observed: { ...NOTHING_ELSE, spend: { spent: null, budget: null, share, unpriced } } },
    ).outcome;

  it('is kept up to its share', () => {
    expect(budget(0.8)).toBe('met');
    expect(budget(0.8001)).toBe('unmet');
    expect(budget(0.8001, 1)).toBe('unmet');
  });

  it('that there is not, or that nobody can tell, is no pass', () => {
    expect(budget(null)).toBe('inconclusive');
    expect(budget(0.1, 1)).toBe('inconclusive');
    expect(check({ kind: 'budget', share: 0.8 }, { observed: null }).outcome).toBe('inconclusive');
  });
});

it("the last word of a verifier counts, and nobody else's", () => {
  const external = { kind: 'external', verifier: 'ci' } as const;
  const said = (verifier: string, outcome: 'pass' | 'fail', reason = '') => ({
    verifier,
    outcome,
    reason,
    evidence: [],
  });
  expect(check(external).outcome).toBe('pending');
  expect(check(external, { verdicts: [said('other', 'pass')] }).outcome).toBe('pending');
  expect(check(external, { verdicts: [said('ci', 'fail'), said('ci', 'pass')] })).toMatchObject({
    outcome: 'met',
    reason: 'It holds: ci says pass',
  });
  expect(check(external, { verdicts: [said('ci', 'pass'), said('ci', 'fail', '2 tests')] })).toMatchObject({
    outcome: 'unmet',
    reason: 'It holds: ci says fail: 2 tests',
  });
});

describe('several tests', () => {
  const met = { kind: 'completed', phase: 'training' } as const;
  const unmet = { kind: 'completed', phase: 'monitoring' } as const;
  const open = { kind: 'rule', rule: 'facts["x"] > 1' } as const;
  const pending = { kind: 'external', verifier: 'ci' } as const;

  it.each<[Test, string]>([
    [{ kind: 'all', of: [met, met] }, 'met'],
    [{ kind: 'all', of: [met, unmet, open] }, 'unmet'],
    [{ kind: 'all', of: [met, pending, open] }, 'inconclusive'],
    [{ kind: 'all', of: [met, pending] }, 'pending'],
    [{ kind: 'any', of: [unmet, open, met] }, 'met'],
    [{ kind: 'any', of: [unmet, unmet] }, 'unmet'],
    [{ kind: 'any', of: [unmet, open] }, 'inconclusive'],
    [{ kind: 'any', of: [open, pending] }, 'pending'],
    [{ kind: 'at-least', count: 2, of: [met, unmet, met] }, 'met'],
    [{ kind: 'at-least', count: 2, of: [met, unmet, unmet] }, 'unmet'],
    [{ kind: 'at-least', count: 2, of: [met, unmet, open] }, 'inconclusive'],
    [{ kind: 'at-least', count: 2, of: [{ kind: 'any', of: [met] }, unmet, pending] }, 'pending'],
  ])('%j are %s', (test, outcome) => expect(check(test).outcome).toBe(outcome));

  it('say which of them are missing, and what they looked at', () => {
    expect(check({ kind: 'all', of: [met, unmet] })).toMatchObject({
      reason: 'It holds: 1 of 2 are met, asked for is 2: the phase monitoring is not completed',
      inputs: [digestOf('b')],
    });
    expect(check({ kind: 'all', of: [met, open] })).not.toHaveProperty('inputs');
  });
});

it('a criterion says what it does when it is not met, and on trial it does nothing', () => {
  const unmet = { check: { kind: 'completed' as const, phase: 'monitoring' } };
  expect(checking(unmet)).not.toHaveProperty('effect');
  expect(checking({ ...unmet, onFail: 'hold' })).toMatchObject({ effect: 'hold' });
  expect(checking({ ...unmet, onFail: 'warn' })).toMatchObject({ effect: 'warn' });
  expect(checking({ ...unmet, onFail: 'hold', shadow: true })).toMatchObject({ effect: 'shadow' });
});

it('values are the same whatever the order of their keys', () => {
  expect(sameValue({ a: 1, b: [{ c: null }] }, { b: [{ c: null }], a: 1 })).toBe(true);
  for (const [left, right] of [
    [{ a: 1 }, { a: 2 }],
    [{ a: 1 }, { a: 1, b: 2 }],
    [{ a: undefined }, { b: undefined }],
    [[1], { 0: 1 }],
    [null, {}],
    [{}, null],
    [1, '1'],
    [undefined, {}],
  ]) {
    expect(sameValue(left, right)).toBe(false);
  }
});
