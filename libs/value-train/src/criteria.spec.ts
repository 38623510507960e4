import { describe, expect, it } from '@jest/globals';
import { checkEntry, checkExit, type EvaluateRule, type Evidence } from './criteria.ts';
import type { Criterion } from './pipeline.ts';
import { sameValue } from './same-value.ts';
import { pipelineWith } from './testing/pipelines.ts';

const evidence: Evidence = {
  facts: { auc: 0.78, family: 'logistic', calibrated: true },
  outcome: 'go',
  cycle: 1,
  attempt: 2,
  artifacts: ['model/train.ipynb'],
};

const check = (check: Criterion['check'], evaluateRule: EvaluateRule = () => 'unknown') => {
  const [phase] = pipelineWith([{ id: 'p', next: null, exit: [{ id: 'c', says: 'It holds', check }] }]).phases;
  return checkExit(phase!, evidence, new Set(['triage']), evaluateRule)[0]!;
};
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

it('a rule sees the evidence, and its answer stands, also when it is no answer', () => {
  const rule = { kind: 'rule', rule: 'facts["auc"] > 0.5' } as const;
  for (const outcome of ['met', 'unmet', 'unknown'] as const) {
    expect(
      check(rule, (source, variables) => (source === rule.rule && variables === evidence ? outcome : 'met')),
    ).toMatchObject({ outcome });
  }
});

it('a phase is completed or not', () => {
  expect(check({ kind: 'completed', phase: 'triage' }).outcome).toBe('met');
  expect(check({ kind: 'completed', phase: 'training' }).outcome).toBe('unmet');
});

it('a criterion of entry is named by the phase that it guards', () => {
  const entry = [{ id: 'c', says: 'It holds', check: { kind: 'completed' as const, phase: 'triage' } }];
  const [phase] = pipelineWith([{ id: 'p', next: null, entry }]).phases;
  expect(checkEntry(phase!, evidence, new Set(), () => 'unknown')).toMatchObject([
    { id: 'entry:p.c', outcome: 'unmet' },
  ]);
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
