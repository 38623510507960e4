import type { Agent, Check, EventOf, Facts, Phase } from '@vt/contracts';
import type { Digest } from '@vt/kernel';
import { performersOf } from './handoff.ts';
import { phaseOf, type Criterion, type Pipeline, type Test } from './pipeline.ts';

/** What a rule may look at. */
export interface Evidence {
  readonly facts: Facts;
  readonly outcome: string;
  readonly cycle: number;
  readonly attempt: number;
  /** Paths of the files that the work left. */
  readonly artifacts: readonly string[];
}

/** What a phase reported when it was last completed, and the digests of the files that it left then. */
export interface Report {
  readonly facts: Facts;
  readonly evidence: readonly Digest[];
}

/** What stood in other streams when the work was submitted. */
export type Observed = NonNullable<EventOf<'GateEvaluated'>['data']['observed']>;

/** What a verifier outside said about the attempt. */
export type ExternalVerdict = Pick<EventOf<'VerdictReported'>['data'], 'verifier' | 'outcome' | 'evidence' | 'reason'>;

/** All that criteria look at. */
export interface Case {
  readonly pipeline: Pipeline;
  /** Whose criteria they are, and the agents that do its work. */
  readonly phase: Phase;
  readonly performers: readonly Agent[];
  readonly work: Evidence;
  /** By phase, that which was completed last is last. */
  readonly reports: ReadonlyMap<Phase, Report>;
  /** Phases that need no more work. */
  readonly completed: ReadonlySet<Phase>;
  /** What the verifiers said about exactly this work, the latest last. */
  readonly verdicts: readonly ExternalVerdict[];
  readonly observed: Observed | null;
}

type RuleOutcome = 'met' | 'unmet' | 'inconclusive';

/** Evaluates a CEL expression. `inconclusive` when it asks for something that is not there, or gives no yes or no. */
export type EvaluateRule = (rule: string, variables: Evidence) => RuleOutcome;

interface Finding {
  readonly outcome: Check['outcome'];
  /** What there is to say besides the sentence of the criterion; empty when that says it all. */
  readonly detail: string;
  readonly inputs?: readonly Digest[];
}

/** What criteria find, as checks `<prefix><id>`. */
export const checkCriteria = (
  prefix: string,
  criteria: readonly Criterion[],
  at: Case,
  evaluateRule: EvaluateRule,
): Check[] =>
  criteria.map(({ id, says, check, onFail, shadow }) => {
    const { outcome, detail, inputs } = find(check, at, evaluateRule);
    const effect = shadow ? 'shadow' : onFail === 'block' ? undefined : onFail;
    return {
      id: `${prefix}${id}`,
      outcome,
      reason: detail === '' ? says : `${says.replace(/\.$/, '')}: ${detail}`,
      ...(effect && { effect }),
      ...(inputs && { inputs: [...new Set(inputs)].sort() }),
    };
  });

function find(test: Test, at: Case, evaluateRule: EvaluateRule): Finding {
  switch (test.kind) {
    case 'fact':
      return findFact(test, at.work.facts, '');
    case 'rule':
      return findRule(test.rule, at.work, evaluateRule);
    case 'completed':
      return at.completed.has(test.phase)
        ? { outcome: 'met', detail: '', inputs: at.reports.get(test.phase)?.evidence ?? [] }
        : notCompleted(test.phase);
    case 'evidence':
      return findEvidence(test, at);
    case 'fresh':
      return findFreshness(test, at);
    case 'risks':
      return findRisks(test.below, at);
    case 'budget':
      return findBudget(test.share, at);
    case 'external':
      return findVerdict(test.verifier, at);
    case 'all':
      return findSeveral(test.of.length, test.of, at, evaluateRule);
    case 'any':
      return findSeveral(1, test.of, at, evaluateRule);
    case 'at-least':
      return findSeveral(test.count, test.of, at, evaluateRule);
  }
}

const notCompleted = (phase: Phase): Finding => ({
  outcome: 'unmet',
  detail: `the phase ${phase} is not completed`,
  inputs: [],
});

function findRule(rule: string, work: Evidence, evaluateRule: EvaluateRule): Finding {
  // A rule that throws is no answer, and no answer is never a pass.
  try {
    const outcome = evaluateRule(rule, work);
    const details = {
      met: '',
      // People read the sentence; the rule stands in the pipeline under the id of the check.
      unmet: 'this does not hold',
      inconclusive: `nobody can tell whether ${rule}, because something that it asks for is missing`,
    };
    return { outcome, detail: details[outcome] };
  } catch (error) {
    return { outcome: 'inconclusive', detail: `nobody can tell whether ${rule}: ${String(error)}` };
  }
}

type Comparison = Omit<Extract<Test, { kind: 'fact' }>, 'kind'>;

/** @param by what follows `reported`, such as ` by validation` */
function findFact({ fact, op, value }: Comparison, facts: Facts, by: string): Finding {
  // The facts are a record that work filled: a name such as `constructor` must not find what nobody reported.
  const found = Object.hasOwn(facts, fact) ? facts[fact] : undefined;
  if (found === undefined) return { outcome: 'unmet', detail: `${fact} was not reported${by}` };
  const detail = `${fact} is ${found}, asked for is ${op} ${value}`;
  return { outcome: compare(found, op, value) ? 'met' : 'unmet', detail };
}

/** Numbers are ordered; words and yes-or-no are only equal or not. */
function compare(found: Facts[string], op: Comparison['op'], value: Facts[string]): boolean {
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

/** Only what the other phase reported counts, whatever the work says of itself. */
function findEvidence(test: Extract<Test, { kind: 'evidence' }>, at: Case): Finding {
  const { phase } = test;
  const judging = phaseOf(at.pipeline, phase);
  const both = judging && performersOf(judging).find((agent) => at.performers.includes(agent));
  if (both !== undefined) {
    return { outcome: 'unmet', detail: `${both} did the work of ${phase} too, and may not judge its own` };
  }
  const report = at.reports.get(phase);
  if (!report || !at.completed.has(phase)) return notCompleted(phase);
  return { ...findFact(test, report.facts, ` by ${phase}`), inputs: report.evidence };
}

/** Without a clock: phases stand in the order in which they were last completed. */
function findFreshness({ phase, after }: Extract<Test, { kind: 'fresh' }>, { reports }: Case): Finding {
  const order = [...reports.keys()];
  const missing = [phase, after].find((each) => !reports.has(each));
  if (missing !== undefined) return notCompleted(missing);
  const inputs = [phase, after].flatMap((each) => [...reports.get(each)!.evidence]);
  return order.indexOf(phase) > order.indexOf(after)
    ? { outcome: 'met', detail: '', inputs }
    : { outcome: 'unmet', detail: `${after} was completed again after ${phase}, which is stale`, inputs };
}

const nobodyLooked: Finding = { outcome: 'inconclusive', detail: 'nobody looked', inputs: [] };

function findRisks(below: number, { observed, phase }: Case): Finding {
  if (!observed) return nobodyLooked;
  const open = observed.risks.filter(
    ({ score, phases, accepted }) => score >= below && !accepted && (phases.length === 0 || phases.includes(phase)),
  );
  if (open.length === 0) return { outcome: 'met', detail: '', inputs: [] };
  const risks = open.map(({ riskId, score }) => `${riskId} scores ${score}`).join(', ');
  return { outcome: 'unmet', detail: `${risks}, and ${below} is too much`, inputs: [] };
}

function findBudget(share: number, { observed }: Case): Finding {
  if (!observed) return nobodyLooked;
  const { share: spent, unpriced } = observed.spend;
  if (spent === null) return { outcome: 'inconclusive', detail: 'the train has no budget', inputs: [] };
  const detail = `${spent} of the budget is spent, asked for is at most ${share}`;
  if (spent > share) return { outcome: 'unmet', detail, inputs: [] };
  if (unpriced === 0) return { outcome: 'met', detail, inputs: [] };
  return { outcome: 'inconclusive', detail: `nobody knows what ${unpriced} of the actions cost`, inputs: [] };
}

function findVerdict(verifier: string, { verdicts }: Case): Finding {
  const verdict = verdicts.findLast((verdict) => verdict.verifier === verifier);
  if (!verdict) return { outcome: 'pending', detail: `${verifier} has not said anything about this work` };
  const { outcome, reason } = verdict;
  const said = `${verifier} says ${outcome}`;
  return { outcome: outcome === 'pass' ? 'met' : 'unmet', detail: reason === '' ? said : `${said}: ${reason}` };
}

/** Met by so many that are met; unmet when that can not be reached any more. */
function findSeveral(count: number, tests: readonly Test[], at: Case, evaluateRule: EvaluateRule): Finding {
  const findings = tests.map((test) => find(test, at, evaluateRule));
  const of = (outcome: Check['outcome']) => findings.filter((finding) => finding.outcome === outcome).length;
  const [met, pending, open] = [of('met'), of('pending'), of('inconclusive')];
  const outcome =
    met >= count ? 'met' : met + pending + open < count ? 'unmet' : met + pending < count ? 'inconclusive' : 'pending';
  // Of one that looked at everything there is nothing to list.
  const inputs = findings.every((finding) => finding.inputs) && findings.flatMap(({ inputs }) => [...inputs!]);
  const rest = findings.filter((finding) => finding.outcome !== 'met').map(({ detail }) => detail);
  const detail =
    outcome === 'met' ? '' : `${met} of ${tests.length} are met, asked for is ${count}: ${rest.join('; ')}`;
  return { outcome, detail, ...(inputs && { inputs }) };
}
