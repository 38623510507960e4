import { Environment, type ASTNode } from '@marcbachmann/cel-js';
import type { Facts } from '@vt/contracts';
import { suggest } from './problem.ts';

/** What a rule may look at: the work at the gate, and nothing else. */
export interface RuleVariables {
  readonly facts: Facts;
  readonly outcome: string;
  readonly cycle: number;
  readonly attempt: number;
  /** Paths of the files that the work left. */
  readonly artifacts: readonly string[];
}

/** `inconclusive` is never a pass: a fact is missing, or values do not compare. */
export type RuleOutcome = 'met' | 'unmet' | 'inconclusive';
export type Rule = (variables: RuleVariables) => RuleOutcome;

export type CompiledRule =
  | { readonly ok: true; readonly rule: Rule; /** Facts that it reads by name. */ readonly facts: readonly string[] }
  | { readonly ok: false; readonly message: string; readonly mend: string };

const VARIABLES = {
  facts: 'map<string, dyn>',
  outcome: 'string',
  cycle: 'int',
  attempt: 'int',
  artifacts: 'list<string>',
};

/**
 * A gate cannot interrupt a rule, so no rule may run long: no regular expressions (their time can grow without bound),
 * no loop inside a loop, short rules, and input of bounded size.
 */
const LOOPS = new Set(['exists', 'exists_one', 'all', 'filter']);
const FUNCTIONS = [...LOOPS, 'size', 'has', 'startsWith', 'endsWith', 'contains', 'int', 'double', 'string'];
const RULE_LENGTH_MAX = 1_000;
const ENTRIES_MAX = 1_000;
const TEXT_LENGTH_MAX = 10_000;

const environment = Object.entries(VARIABLES).reduce(
  (declared, [name, type]) => declared.registerVariable(name, type),
  new Environment({ limits: { maxAstNodes: 300, maxDepth: 30 } }),
);

const isNode = (value: unknown): value is ASTNode => typeof value === 'object' && value !== null && 'op' in value;
const childrenOf = (node: ASTNode): ASTNode[] => [node.args].flat(3).filter(isNode);
const withDescendants = (node: ASTNode): ASTNode[] => [node, ...childrenOf(node).flatMap(withDescendants)];

const calledBy = (node: ASTNode): string | undefined =>
  node.op === 'call' || node.op === 'rcall' ? node.args[0] : undefined;
const isLoop = (node: ASTNode) => LOOPS.has(calledBy(node) ?? '');

/** The fact that a node reads: `facts["rows"]`, `facts.rows`, `"rows" in facts`. */
const factReadBy = (node: ASTNode): string | undefined => {
  const [map, key] =
    node.op === '.' || node.op === '[]'
      ? [node.args[0], node.args[1]]
      : node.op === 'in'
        ? [node.args[1], node.args[0]]
        : [];
  if (map?.op !== 'id' || map.args !== 'facts') return undefined;
  const name = isNode(key) ? key.args : key;
  return typeof name === 'string' && !(isNode(key) && key.op !== 'value') ? name : undefined;
};

const refused = (message: string, mend: string): CompiledRule => ({ ok: false, message, mend });

const mendOf = (code: string | undefined, summary: string): string => {
  if (code === 'no_matching_overload') return `a rule may call ${FUNCTIONS.join(', ')}`;
  if (code === 'unknown_variable') return suggest(summary.split(' ').at(-1) ?? '', Object.keys(VARIABLES));
  return code === 'no_such_overload'
    ? `compare values of one type; a rule knows ${Object.entries(VARIABLES)
        .map(([name, type]) => `${name}: ${type}`)
        .join(', ')}`
    : 'write a CEL expression, such as facts["rows"] >= 100';
};

const withinBounds = ({ facts, outcome, artifacts }: RuleVariables): boolean =>
  Object.keys(facts).length <= ENTRIES_MAX &&
  artifacts.length <= ENTRIES_MAX &&
  [outcome, ...Object.values(facts), ...artifacts].every(
    (value) => typeof value !== 'string' || value.length <= TEXT_LENGTH_MAX,
  );

/** Parses and type-checks a rule once, so that a gate only evaluates it. */
export const compileRule = (source: string): CompiledRule => {
  if (source.length > RULE_LENGTH_MAX)
    return refused(`the rule has ${source.length} characters`, `split it in rules of at most ${RULE_LENGTH_MAX}`);
  const checked = environment.check(source);
  if (!checked.valid) {
    const { code, summary = 'not a CEL expression', range } = checked.error ?? {};
    const place = range === undefined ? '' : ` at character ${range.start + 1} of the rule`;
    return refused(`${summary}${place}`, mendOf(code, summary));
  }
  if (checked.type !== 'bool')
    return refused(`the rule answers ${checked.type ?? 'nothing'}, not yes or no`, 'compare the value, as in == true');

  const evaluate = environment.parse(source);
  const nodes = withDescendants(evaluate.ast);
  const foreign = nodes.map(calledBy).find((name) => name !== undefined && !FUNCTIONS.includes(name));
  if (foreign !== undefined) return refused(`a rule may not call ${foreign}`, `use one of: ${FUNCTIONS.join(', ')}`);
  if (nodes.some((node) => isLoop(node) && childrenOf(node).flatMap(withDescendants).some(isLoop)))
    return refused('a loop inside a loop', 'split the rule, so that each has one loop');

  return {
    ok: true,
    facts: nodes.map(factReadBy).filter((name) => name !== undefined),
    rule: (variables) => {
      if (!withinBounds(variables)) return 'inconclusive';
      try {
        const { cycle, attempt } = variables;
        const answer: unknown = evaluate({ ...variables, cycle: BigInt(cycle), attempt: BigInt(attempt) });
        return typeof answer === 'boolean' ? (answer ? 'met' : 'unmet') : 'inconclusive';
      } catch {
        return 'inconclusive';
      }
    },
  };
};

/** Evaluates a rule that may not have been loaded; one that would be refused is `inconclusive`. */
export const evaluateRule = (source: string, variables: RuleVariables): RuleOutcome => {
  const compiled = compileRule(source);
  return compiled.ok ? compiled.rule(variables) : 'inconclusive';
};
