import type { Agent, Check, EventOf, Phase, Verdict } from '@vt/contracts';
import type { Digest } from '@vt/kernel';
import { checkEntry, checkExit, type EvaluateRule, type Evidence } from './criteria.ts';
import { phaseOf, type Pipeline, type PipelinePhase } from './pipeline.ts';

/** What an agent submitted, and what the inspection of its artifacts found: one check `artifact:<path>` for each. */
export type Submission = NonNullable<EventOf<'GateEvaluated'>['data']['submission']>;

/** What a person said about a gate. */
export interface Agreement {
  readonly role: string;
  readonly by: string;
  readonly evidence: readonly Digest[];
  readonly agreed: boolean;
}

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
  readonly completed: ReadonlySet<string>;
  /** What the phases before reported. */
  readonly earlierFacts: Evidence['facts'];
  readonly approvers: readonly { readonly role: string; readonly name: string }[];
  /** What was said about this attempt. */
  readonly agreements: readonly Agreement[];
  readonly holds: ReadonlyMap<string, Hold>;
  readonly paused: boolean;
}

export interface Judgement {
  readonly verdict: Verdict;
  readonly checks: Check[];
  readonly evidence: Digest[];
  /** Roles whose agreement is still missing. */
  readonly missing: string[];
}

/** Content that a gate judges and an approval is bound to: the digests of the artifacts, each once, in order. */
export const evidenceOf = ({ artifacts }: Pick<Submission, 'artifacts'>): Digest[] =>
  [...new Set(artifacts.map(({ digest }) => digest))].sort();

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

/** Why a person's word does not count at a gate; undefined when it does. */
export const objectionTo = (
  { role, by, evidence }: Agreement,
  { phase, agent, approvers, submission }: Pick<Hearing, 'phase' | 'agent' | 'approvers' | 'submission'>,
): { readonly code: string; readonly reason: string } | undefined => {
  if (!phase.approvals.some((approval) => approval.role === role)) {
    return { code: 'role-not-asked', reason: `the gate of ${phase.id} does not ask for a ${role}` };
  }
  if (by === agent) {
    return { code: 'author-may-not-approve', reason: `${by} did this work, and may not approve it` };
  }
  const named = approvers.filter((approver) => approver.role === role).map(({ name }) => name);
  if (!named.includes(by)) {
    return { code: 'not-the-approver', reason: `the ${role} of this train is ${named.join(' or ')}, not ${by}` };
  }
  const judged = evidenceOf(submission);
  const seen = new Set(evidence);
  if (seen.size !== judged.length || judged.some((digest) => !seen.has(digest))) {
    return { code: 'stale-evidence', reason: `${by} saw other evidence than lies at the gate of ${phase.id} now` };
  }
  return undefined;
};

/** The gate: anything unmet fails the attempt, anything open holds it, and only what is met throughout passes. */
export const judge = (hearing: Hearing, evaluateRule: EvaluateRule): Judgement => {
  const { submission } = hearing;
  const approvals = checkApprovals(hearing);
  const checks = [
    ...checkActions(hearing),
    ...checkArtifacts(hearing),
    ...checkCriteria(hearing, evaluateRule),
    ...approvals,
    ...checkHolds(hearing),
  ];
  return {
    verdict: verdictOf(checks),
    checks,
    evidence: evidenceOf(submission),
    missing: hearing.phase.approvals
      .filter((_, index) => approvals[index]?.outcome === 'pending')
      .map(({ role }) => role),
  };
};

const verdictOf = (checks: readonly Check[]): Verdict => {
  if (checks.some(({ outcome }) => outcome === 'unmet')) return 'failed';
  return checks.every(({ outcome }) => outcome === 'met') ? 'passed' : 'held';
};

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
  const { artifacts, outcome, checks } = submission;
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
    return inspected.has(id) ? [] : [{ id, outcome: 'unknown', reason: `${path} was not inspected` }];
  });
  const missing = new Set(gaps.map(({ id }) => id));
  return [...checks.filter(({ id }) => !missing.has(id)), ...gaps];
}

/** The criteria of this phase, and those of the next, which sees what all phases before it reported. */
function checkCriteria(hearing: Hearing, evaluateRule: EvaluateRule): Check[] {
  const { pipeline, phase, cycle, attempt, submission, completed } = hearing;
  const { facts, outcome, artifacts } = submission;
  const evidence = { facts, outcome, cycle, attempt, artifacts: artifacts.map(({ path }) => path) };
  const exit = checkExit(phase, evidence, completed, evaluateRule);
  const destination = destinationOf(pipeline, phase, outcome);
  switch (destination.kind) {
    case 'end':
      return exit;
    case 'nowhere':
      return [...exit, { id: 'outcome', outcome: 'unmet', reason: destination.reason }];
    case 'phase': {
      const known = { ...evidence, facts: { ...hearing.earlierFacts, ...facts } };
      return [...exit, ...checkEntry(destination.phase, known, new Set([...completed, phase.id]), evaluateRule)];
    }
  }
}

const checkApprovals = (hearing: Hearing): Check[] =>
  hearing.phase.approvals.map(({ role }) => {
    const id = `approval:${role}`;
    const said = hearing.agreements.filter((agreement) => agreement.role === role && !objectionTo(agreement, hearing));
    const refusal = said.find(({ agreed }) => !agreed);
    if (refusal) return { id, outcome: 'unmet', reason: `${refusal.by}, ${role}, did not agree` };
    const consent = said.at(0);
    if (consent) return { id, outcome: 'met', reason: `${consent.by}, ${role}, agreed` };
    return { id, outcome: 'pending', reason: `the ${role} must agree` };
  });

const checkHolds = ({ phase, holds, paused }: Hearing): Check[] => [
  ...[...holds]
    .filter(([, { phases }]) => phases.length === 0 || phases.includes(phase.id))
    .map(([source, { reason }]): Check => ({ id: `hold:${source}`, outcome: 'pending', reason })),
  ...(paused ? [{ id: 'pause', outcome: 'pending', reason: 'the train is paused' } as const] : []),
];
