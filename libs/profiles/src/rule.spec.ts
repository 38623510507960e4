import { describe, expect, it } from '@jest/globals';
import { compileRule, evaluateRule, type RuleVariables } from './rule.ts';

const work: RuleVariables = {
  facts: { rows: 120, 'metric.roc-auc': 0.78, sorted: true, family: 'linear' },
  outcome: 'go',
  cycle: 1,
  attempt: 2,
  artifacts: ['report.md'],
};

describe('a rule', () => {
  it.each([
    ['facts["rows"] >= 100', 'met'],
    ['facts.rows >= 100', 'met'],
    ['facts["rows"] > 120.5', 'unmet'],
    ['facts["family"] == "linear" && facts["sorted"] == true', 'met'],
    ['facts.exists(name, name.startsWith("metric."))', 'met'],
    ['facts.all(name, facts[name] != "none")', 'met'],
    ['"report.md" in artifacts && size(artifacts) == 1', 'met'],
    ['cycle > 1 || attempt == 2', 'met'],
    ['outcome in ["no-go", "conditional"]', 'unmet'],
  ] as const)('%s is %s', (rule, outcome) => expect(evaluateRule(rule, work)).toBe(outcome));

  it.each([
    ['asks for a fact that is missing', 'facts["columns"] >= 3'],
    ['denies a fact that is missing', '!(facts["columns"] >= 3)'],
    ['asks for what every object inherits', 'facts["constructor"] != 1'],
    ['compares a word with a number', 'facts["family"] > 3'],
    ['would be refused when loaded', 'facts["family"].matches("^(l+)+$")'],
  ])('that %s is inconclusive', (_, rule) => expect(evaluateRule(rule, work)).toBe('inconclusive'));

  it('is decided by the side that is known', () => {
    expect(evaluateRule('facts["columns"] >= 3 || outcome == "go"', work)).toBe('met');
    expect(evaluateRule('facts["columns"] >= 3 && outcome == "no-go"', work)).toBe('unmet');
  });

  it('is inconclusive for more input than a gate may be kept waiting by', () => {
    const facts = Object.fromEntries(Array.from({ length: 1_001 }, (_, index) => [`fact-${index}`, index]));
    expect(evaluateRule('outcome == "go"', { ...work, facts })).toBe('inconclusive');
    expect(evaluateRule('outcome != ""', { ...work, outcome: 'g'.repeat(10_001) })).toBe('inconclusive');
  });

  it('is refused when it might run long', () => {
    expect(compileRule(`outcome == "${'g'.repeat(1_000)}"`)).toMatchObject({ ok: false });
    expect(compileRule('artifacts.exists(one, artifacts.exists(other, one != other))')).toMatchObject({
      ok: false,
      message: 'a loop inside a loop',
    });
    expect(compileRule(`${'!('.repeat(40)}true${')'.repeat(40)}`)).toMatchObject({ ok: false });
  });

  it('names the facts that it reads', () => {
    const compiled = compileRule('"a" in facts && facts["b"] == 1 && facts.c == 2 && facts[outcome] == 3');
    expect(compiled).toMatchObject({ ok: true, facts: ['a', 'b', 'c'] });
  });
});
