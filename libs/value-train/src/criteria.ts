import type { Check, Facts } from '@vt/contracts';
import type { Criterion, PipelinePhase } from './pipeline.ts';

/** What a criterion may look at. */
export interface Evidence {
  readonly facts: Facts;
  readonly outcome: string;
  readonly cycle: number;
  readonly attempt: number;
  /** Paths of the files that the work left. */
  readonly artifacts: readonly string[];
}

/** Evaluates a CEL expression. `unknown` when it asks for something that is not there, or gives no yes or no. */
export type EvaluateRule = (rule: string, variables: Evidence) => 'met' | 'unmet' | 'unknown';

type Fact = Extract<Criterion['check'], { kind: 'fact' }>;
type Finding = Pick<Check, 'outcome' | 'reason'>;

/** What must hold to leave a phase, as checks `criterion:<id>`. `completed` are the phases that need no more work. */
export const checkExit = (
  phase: PipelinePhase,
  evidence: Evidence,
  completed: ReadonlySet<string>,
  evaluateRule: EvaluateRule,
): Check[] =>
  phase.exit.map((criterion) => ({
    id: `criterion:${criterion.id}`,
    ...check(criterion, evidence, completed, evaluateRule),
  }));

/** What must hold to enter a phase, as checks `entry:<phase>.<id>`. */
export const checkEntry = (
  phase: PipelinePhase,
  evidence: Evidence,
  completed: ReadonlySet<string>,
  evaluateRule: EvaluateRule,
): Check[] =>
  phase.entry.map((criterion) => ({
    id: `entry:${phase.id}.${criterion.id}`,
    ...check(criterion, evidence, completed, evaluateRule),
  }));

function check(
  { says, check }: Criterion,
  evidence: Evidence,
  completed: ReadonlySet<string>,
  evaluateRule: EvaluateRule,
): Finding {
  const claim = says.replace(/\.$/, '');
  switch (check.kind) {
    case 'fact':
      return checkFact(claim, check, evidence.facts);
    case 'completed':
      return completed.has(check.phase)
        ? { outcome: 'met', reason: says }
        : { outcome: 'unmet', reason: `${claim}: the phase ${check.phase} is not completed` };
    case 'rule': {
      const outcome = evaluateRule(check.rule, evidence);
      const why = {
        met: says,
        // People read the sentence; the rule stands in the pipeline under the id of the check.
        unmet: `${claim}: this does not hold`,
        unknown: `${claim}: nobody can tell whether ${check.rule}, because something that it asks for is missing`,
      };
      return { outcome, reason: why[outcome] };
    }
  }
}

function checkFact(claim: string, { fact, op, value }: Fact, facts: Facts): Finding {
  // The facts are a record that work filled: a name such as `constructor` must not find what nobody reported.
  const found = Object.hasOwn(facts, fact) ? facts[fact] : undefined;
  if (found === undefined) return { outcome: 'unmet', reason: `${claim}: ${fact} was not reported` };
  const reason = `${claim}: ${fact} is ${found}, asked for is ${op} ${value}`;
  return { outcome: compare(found, op, value) ? 'met' : 'unmet', reason };
}

/** Numbers are ordered; words and yes-or-no are only equal or not. */
function compare(found: Facts[string], op: Fact['op'], value: Facts[string]): boolean {
  if (op === '==') return found === value;
  if (op === '!=') return found !== value;
  if (typeof found !== 'number' || typeof value !== 'number') return false;
  switch (op) {
    case '>=':
      return found >= value;
    case '>':
      return found > value;
    case '<=':
      return found <= value;
    case '<':
      return found < value;
  }
}
