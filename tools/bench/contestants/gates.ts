// A train whose gates have much to look at, and a policy that would have decided some of them otherwise.
import type { Artifact } from '@vt/contracts';
import { Digest, type TrainId } from '@vt/kernel';
import { contentOfPipeline, readPipeline, type LoadedPipeline } from '@vt/profiles';
import {
  Pipeline,
  trainDecider,
  type EvaluateRule,
  type Train,
  type TrainCommand,
  type TrainEvent,
} from '@vt/value-train';

export const PHASES = 18;
/** The criteria of the last phase; with its action and its file, its gate has more checks than these. */
export const CRITERIA = 20;

const DIGEST = Digest.parse(`sha256:${'5f'.repeat(32)}`);
const FILE: Artifact = { path: 'report.md', digest: DIGEST, size: 2_048, mediaType: 'text/markdown' };
const FACTS = { done: true, score: 0.7, family: 'logistic', rows: 1_461, 'metric.roc-auc': 0.78, 'metric.f1': 0.61 };

const rule = (rule: string) => ({ kind: 'rule', rule });
const few = (before: string | undefined, least: number) => [
  { kind: 'fact', fact: 'done', op: '==', value: true },
  rule(`facts["score"] >= ${least}`),
  rule('facts.exists(name, name.startsWith("metric."))'),
  rule('cycle > 1 || attempt <= 3'),
  { kind: 'risks', below: 15 },
  ...(before ? [{ kind: 'evidence', phase: before, fact: 'rows', op: '>=', value: 100 }] : []),
];
const many = (before: string, least: number) => [
  ...few(before, least),
  ...['rows', 'score', 'metric.roc-auc', 'metric.f1'].map((fact) =>
    rule(`facts["${fact}"] > 0.1 && facts["family"] != ""`),
  ),
  ...[0.2, 0.3, 0.4, 0.5].map((bound) => rule(`outcome in ["close"] || facts["score"] >= ${bound}`)),
  { kind: 'fresh', phase: before, after: 'phase-1' },
  { kind: 'budget', share: 0.9 },
  { kind: 'completed', phase: before },
  { kind: 'all', of: [{ kind: 'completed', phase: before }, rule('size(artifacts) == 1')] },
  { kind: 'any', of: [rule('attempt > 3'), { kind: 'fact', fact: 'rows', op: '>', value: 10 }] },
  { kind: 'at-least', count: 2, of: [rule('cycle == 1'), rule('attempt == 1'), rule('attempt == 2')] },
];

/** Two agents take turns; `least` is the score that a phase must reach. */
export const policyWith = (least: number): LoadedPipeline & { readonly evaluateRule: EvaluateRule } => {
  const phases = Array.from({ length: PHASES }, (_, index) => {
    const before = index > 0 ? `phase-${index}` : undefined;
    const checks = index === PHASES - 1 ? many(before!, 0.5) : few(before, index === 2 ? least : 0.5);
    return {
      ...{ id: `phase-${index + 1}`, title: 'A phase', group: 'delivery', mode: 'work' },
      owner: index % 2 === 0 ? 'lab' : 'evaluator',
      actions: [{ id: 'do', title: 'Do it', tool: 'model', produces: [FILE.path], reports: Object.keys(FACTS) }],
      artifacts: [{ path: FILE.path }],
      exit: checks.map((check, nth) => ({ id: `c${nth}`, says: 'It is as the charter wants it.', check })),
      next: index === PHASES - 1 ? null : `phase-${index + 2}`,
      ends: index === PHASES - 1 ? [{ outcome: 'close', as: 'completed' }] : [],
    };
  });
  const mode = { id: 'work', title: 'Work', agents: ['lab', 'evaluator'], tools: ['model'], transitions: ['work'] };
  const head = { id: 'past', version: 1, title: 'Past', description: 'A line for measuring.' };
  const loaded = readPipeline(contentOfPipeline(Pipeline.parse({ ...head, modes: [mode], phases })));
  return { ...loaded, evaluateRule: (rule, work) => loaded.rules.get(rule)?.(work) ?? 'inconclusive' };
};

/** A train up to where only its last phase is left, and the work that its gate is to judge. */
export function rideOn({ pipeline, digest, evaluateRule }: ReturnType<typeof policyWith>, trainId: TrainId) {
  const decider = trainDecider(() => pipeline, evaluateRule);
  const start: TrainCommand = {
    ...{ type: 'StartTrain', trainId, name: 'Rain tomorrow', client: 'Open Air', inputs: [], approvers: [], by: 'ada' },
    ...{ pipeline: { id: pipeline.id, version: 1, digest }, budget: { amount: '50.00', currency: 'EUR' } },
  };
  const events: TrainEvent[] = [...decider.decide(start, decider.initial)];
  let train = events.reduce(decider.evolve, decider.initial);
  for (let done = 1; done < PHASES; done += 1) {
    const decision = decider.decide(submissionTo(train), train);
    events.push(...decision);
    train = decision.reduce(decider.evolve, train);
  }
  return { decider, events, train, last: submissionTo(train) };
}

function submissionTo(train: Train): TrainCommand {
  if (train.status !== 'working') throw new Error(`the train is ${train.status}`);
  const { trainId, ticketId, phase } = train.ticket;
  return {
    ...{ type: 'JudgeWork', trainId, ticketId, artifacts: [FILE], facts: FACTS, checklist: ['do'] },
    outcome: phase === `phase-${PHASES}` ? 'close' : '',
    checks: [{ id: `artifact:${FILE.path}`, outcome: 'met', reason: `${FILE.path} opens, 2048 bytes` }],
    observed: {
      risks: [{ riskId: 'R007-drift', score: 9, phases: [], accepted: false }],
      spend: {
        spent: { amount: '1.20', currency: 'EUR' },
        budget: { amount: '50.00', currency: 'EUR' },
        share: 0.024,
        unpriced: 0,
      },
    },
  };
}
