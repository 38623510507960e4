import type { Agent, Check, EventOf, Facts, Phase, Verdict } from '@vt/contracts';
import type { Digest } from '@vt/kernel';
import { askedNow, checkApprovals, checkNeeds, type Agreement, type Request } from './approval.ts';
import { checkCriteria, type EvaluateRule, type ExternalVerdict, type Observed, type Report } from './criteria.ts';
import { performersOf } from './handoff.ts';
import { phaseOf, type ApprovalGroup, type Pipeline, type PipelinePhase } from './pipeline.ts';
import { waived, type Waiver } from './waiver.ts';

/** What an agent submitted, and what the inspection of its artifacts found: one check `artifact:<path>` for each. */
export type Submission = NonNullable<EventOf<'GateEvaluated'>['data']['submission']>;

/** Source of the hold of an exhausted budget, which pauses its train for as long as it stands. */
export const BUDGET = 'budget';

export interface Hold {
  readonly reason: string;
  /** Phases whose gates are held; empty means all. */
  readonly phases: readonly Phase[];
}

/** Where the train goes with an outcome. */
export type Destination =
  | { readonly kind: 'phase'; readonly phase: PipelinePhase; readonly retraining: boolean }
  | { readonly kind: 'end'; readonly as: 'archived' | 'completed' }
  | { readonly kind: 'nowhere'; readonly reason: string };

/** Everything that a gate looks at. */
export interface Hearing {
  readonly pipeline: Pipeline;
  readonly phase: PipelinePhase;
  readonly cycle: number;
  readonly attempt: number;
  /** Who did the work. */
  readonly agent: Agent;
  readonly submission: Submission;
  /** Phases before this one that need no more work. */
  readonly completed: ReadonlySet<Phase>;
  /** What the phases before reported when they were last completed, the latest last. */
  readonly reports: ReadonlyMap<Phase, Report>;
  readonly observed: Observed | null;
  /** What verifiers said about this attempt. */
  readonly verdicts: readonly ExternalVerdict[];
  readonly approvers: readonly { readonly role: string; readonly name: string }[];
  /** What was said about this attempt, and counts. */
  readonly agreements: readonly Agreement[];
  readonly requests: ReadonlyMap<string, Request>;
  /** Of this phase in this cycle. */
  readonly waivers: readonly Waiver[];
  readonly holds: ReadonlyMap<string, Hold>;
  readonly paused: boolean;
}

export interface Judgement {
  readonly verdict: Verdict;
  readonly checks: Check[];
  readonly evidence: Digest[];
  /** Groups whose agreement is missing, and whose turn it is. */
  readonly missing: readonly ApprovalGroup[];
}

/** Content that a gate judges and an approval is bound to: the digests of the artifacts, each once, in order. */
export const evidenceOf = ({ artifacts }: Pick<Submission, 'artifacts'>): Digest[] =>
  [...new Set(artifacts.map(({ digest }) => digest))].sort();

/** Whether somebody who saw this evidence saw the whole submission, and nothing else. */
export const isOf = (submission: Submission, evidence: readonly Digest[]): boolean => {
  const judged = evidenceOf(submission);
  const seen = new Set(evidence);
  return seen.size === judged.length && judged.every((digest) => seen.has(digest));
};

export const destinationOf = (pipeline: Pipeline, phase: PipelinePhase, outcome: string): Destination => {
  const end = phase.ends.find((end) => end.outcome === outcome);
  if (end) return { kind: 'end', as: end.as };
  const loop = phase.loops.find((loop) => loop.outcome === outcome);
  const to = loop ? loop.to : phase.next;
  if (to === null) {
    const outcomes = [...phase.loops, ...phase.ends].map(({ outcome }) => outcome);
    return { kind: 'nowhere', reason: `the outcome is "${outcome}", but must be one of: ${outcomes.join(', ')}` };
  }
  const next = phaseOf(pipeline, to);
  if (!next) return { kind: 'nowhere', reason: `the pipeline ${pipeline.id} has no phase ${to}` };
  return { kind: 'phase', phase: next, retraining: loop?.retraining ?? false };
};

/** The gate: what is unmet fails the attempt, anything open holds it, and only what is met throughout passes. */
export const judge = (hearing: Hearing, evaluateRule: EvaluateRule): Judgement => {
  const { submission, phase, agreements } = hearing;
  const found = [
    ...checkActions(hearing),
    ...checkArtifacts(hearing),
    ...checkDoors(hearing, evaluateRule),
    ...checkNeeds(phase, submission.checks),
    ...checkApprovals(hearing, agreements, hearing.requests),
    ...checkHolds(hearing),
  ];
  const checks = waived(found, hearing.waivers);
  return {
    verdict: verdictOf(checks),
    checks,
    evidence: evidenceOf(submission),
    missing: askedNow(phase, agreements),
  };
};

const verdictOf = (checks: readonly Check[]): Verdict => {
  const open = checks.filter(isInTheWay);
  if (open.some(({ outcome, effect }) => outcome === 'unmet' && effect !== 'hold')) return 'failed';
  return open.length === 0 ? 'passed' : 'held';
};

/** Whether a check keeps its gate from passing. What only warns or is on trial never does. */
export const isInTheWay = ({ outcome, effect }: Check): boolean =>
  outcome !== 'met' && outcome !== 'waived' && effect !== 'warn' && effect !== 'shadow';

/** Whether a check that is in the way waits for nobody: only another attempt can change what it found. */
export const isStuck = (check: Check): boolean => check.outcome !== 'pending' && isInTheWay(check);

const checkActions = ({ phase, submission }: Hearing): Check[] =>
  phase.actions
    .filter(({ required }) => required)
    .map(({ id, title }) =>
      submission.checklist.includes(id)
        ? { id: `action:${id}`, outcome: 'met', reason: title }
        : { id: `action:${id}`, outcome: 'unmet', reason: `${title}: not completed` },
    );

/** What the inspection found, and what it could not look at: a required file that is missing or was not inspected. */
function checkArtifacts({ phase, cycle, submission }: Hearing): Check[] {
  const { artifacts, outcome } = submission;
  const digests = new Map(artifacts.map(({ path, digest }) => [`artifact:${path}`, digest]));
  const checks = submission.checks.map((check): Check => {
    const digest = digests.get(check.id);
    return digest ? { ...check, inputs: [digest] } : check;
  });
  const required = phase.artifacts.filter(
    (artifact) =>
      artifact.required &&
      (!artifact.onlyRetraining || cycle > 1) &&
      (artifact.onlyOutcome === undefined || artifact.onlyOutcome === outcome),
  );
  const inspected = new Set(checks.map(({ id }) => id));
  const gaps = required.flatMap(({ path }): Check[] => {
    const id = `artifact:${path}`;
    if (!artifacts.some((artifact) => artifact.path === path)) {
      return [{ id, outcome: 'unmet', reason: `${path} is missing` }];
    }
    return inspected.has(id) ? [] : [{ id, outcome: 'inconclusive', reason: `${path} was not inspected` }];
  });
  const missing = new Set(gaps.map(({ id }) => id));
  return [...checks.filter(({ id }) => !missing.has(id)), ...gaps];
}

/** The criteria of this phase, and those of the next, which sees what all phases before it reported. */
function checkDoors(hearing: Hearing, evaluateRule: EvaluateRule): Check[] {
  const { pipeline, phase, cycle, attempt, agent, submission, completed, reports, verdicts, observed } = hearing;
  const { facts, outcome, artifacts } = submission;
  const work = { facts, outcome, cycle, attempt, artifacts: artifacts.map(({ path }) => path) };
  const performers = [agent, ...performersOf(phase)];
  const at = { pipeline, phase: phase.id, performers, work, reports, completed, observed };
  const exact = { ...at, verdicts: verdicts.filter(({ evidence }) => isOf(submission, evidence)) };
  const exit = checkCriteria('criterion:', phase.exit, exact, evaluateRule);
  const destination = destinationOf(pipeline, phase, outcome);
  switch (destination.kind) {
    case 'end':
      return exit;
    case 'nowhere':
      return [...exit, { id: 'outcome', outcome: 'unmet', reason: destination.reason }];
    case 'phase': {
      const { id, entry } = destination.phase;
      if (entry.length === 0) return exit;
      const known = new Map([...reports].filter(([other]) => other !== phase.id));
      known.set(phase.id, { facts, evidence: evidenceOf(submission) });
      const earlier: Facts = Object.assign({}, ...[...reports.values()].map((report) => report.facts));
      const next = {
        ...exact,
        phase: id,
        performers: performersOf(destination.phase),
        work: { ...work, facts: { ...earlier, ...facts } },
        reports: known,
        completed: new Set([...completed, phase.id]),
      };
      return [...exit, ...checkCriteria(`entry:${id}.`, entry, next, evaluateRule)];
    }
  }
}

const checkHolds = ({ phase, holds, paused }: Hearing): Check[] => [
  ...[...holds]
    .filter(([, { phases }]) => phases.length === 0 || phases.includes(phase.id))
    .map(([source, { reason }]): Check => ({ id: `hold:${source}`, outcome: 'pending', reason })),
  ...(paused ? [{ id: 'pause', outcome: 'pending', reason: 'the train is paused' } as const] : []),
];
