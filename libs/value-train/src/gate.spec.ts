import { describe, expect, it } from '@jest/globals';
import type { Digest } from '@vt/kernel';
import { destinationOf, evidenceOf, judge, type Hearing } from './gate.ts';
import { phaseOf, type Pipeline, type PipelinePhase } from './pipeline.ts';
import {
  agreement,
  artifact,
  digestOf,
  NOTHING_ELSE,
  pipelineWith,
  smallPipeline,
  start,
} from './testing/pipelines.ts';

const phase = (id: string): PipelinePhase => phaseOf(smallPipeline, id)!;
const manifest = artifact('deploy/deploy.yaml', 'd');

/** A hearing at the gate of the release, with everything in order. */
const hearing: Hearing = {
  pipeline: smallPipeline,
  phase: phase('release'),
  cycle: 1,
  attempt: 1,
  agent: 'ops',
  submission: {
    artifacts: [manifest],
    facts: {},
    checklist: ['work'],
    outcome: '',
    checks: [{ id: `artifact:${manifest.path}`, outcome: 'met', reason: 'opens' }],
  },
  completed: new Set(['training', 'validation']),
  reports: new Map(),
  observed: NOTHING_ELSE,
  verdicts: [],
  approvers: start.approvers,
  agreements: start.approvers.map(({ role, name }) => agreement({ role, by: name, evidence: [manifest.digest] })),
  requests: new Map(),
  waivers: [],
  holds: new Map(),
  paused: false,
};
const verdict = (change: Partial<Hearing>) => judge({ ...hearing, ...change }, () => 'inconclusive').verdict;
const outcomes = (change: Partial<Hearing>) =>
  Object.fromEntries(
    judge({ ...hearing, ...change }, () => 'inconclusive').checks.map(({ id, outcome }) => [id, outcome]),
  );
const submission = hearing.submission;

it('passes when everything is met', () => {
  expect(judge(hearing, () => 'inconclusive')).toMatchObject({
    verdict: 'passed',
    missing: [],
    evidence: [manifest.digest],
  });
});

describe('fails', () => {
  it('when a required action is not on the checklist', () => {
    expect(verdict({ submission: { ...submission, checklist: [] } })).toBe('failed');
  });

  it('when a required artifact is missing, whatever the inspection says', () => {
    expect(outcomes({ submission: { ...submission, artifacts: [] } })).toMatchObject({
      [`artifact:${manifest.path}`]: 'unmet',
    });
  });

  it('when the inspection found something wrong with a file, also with one that is not required', () => {
    const found = { id: 'artifact:notes.md', outcome: 'unmet', reason: 'holds the placeholder TBD' } as const;
    expect(verdict({ submission: { ...submission, checks: [...submission.checks, found] } })).toBe('failed');
  });

  it('even when it could be held as well', () => {
    expect(verdict({ paused: true, agreements: [], submission: { ...submission, checklist: [] } })).toBe('failed');
  });

  it('when the next phase asks for more', () => {
    expect(outcomes({ phase: phase('validation'), completed: new Set(), agreements: [] })).toMatchObject({
      'entry:release.after-validation': 'met',
    });
    const skip = { ...submission, outcome: 'skip' };
    expect(outcomes({ phase: phase('validation'), submission: skip })).toMatchObject({
      'entry:operation.after-release': 'unmet',
    });
  });
});

describe('is held', () => {
  it('by a required artifact that nobody inspected', () => {
    expect(verdict({ submission: { ...submission, checks: [] } })).toBe('held');
  });

  it('by a missing approval, which it names', () => {
    const judgement = judge({ ...hearing, agreements: hearing.agreements.slice(1) }, () => 'inconclusive');
    expect(judgement).toMatchObject({ verdict: 'held', missing: [{ role: 'release-manager' }] });
  });

  it('by a hold on its phase, and by a pause', () => {
    expect(verdict({ holds: new Map([['R001', { reason: 'r', phases: ['release'] }]]) })).toBe('held');
    expect(verdict({ holds: new Map([['R001', { reason: 'r', phases: ['training'] }]]) })).toBe('passed');
    expect(verdict({ paused: true })).toBe('held');
  });
});

describe('what a criterion does when it is not met', () => {
  const ends = [{ outcome: '', as: 'completed' as const }];
  const unmet = (effect: object) => {
    const exit = [
      { id: 'no', says: 'No', check: { kind: 'fact' as const, fact: 'x', op: '==' as const, value: 1 }, ...effect },
    ];
    return verdict({ phase: pipelineWith([{ id: 'release', next: null, exit, ends }]).phases[0]!, agreements: [] });
  };

  it('is to fail the attempt, to hold the gate, to warn, or nothing', () => {
    expect(unmet({})).toBe('failed');
    expect(unmet({ onFail: 'hold' })).toBe('held');
    expect(unmet({ onFail: 'warn' })).toBe('passed');
    expect(unmet({ shadow: true })).toBe('passed');
  });
});

it('criteria see what stood in other streams, and what verifiers said about exactly this work', () => {
  const exit = [
    { id: 'safe', says: 'Safe', check: { kind: 'risks' as const, below: 8 } },
    { id: 'ci', says: 'Green', check: { kind: 'external' as const, verifier: 'ci' } },
  ];
  const [release] = pipelineWith([{ id: 'release', next: null, exit, approvals: phase('release').approvals }]).phases;
  const says = (digest: Digest) => [{ verifier: 'ci', outcome: 'pass' as const, reason: '', evidence: [digest] }];
  expect(outcomes({ phase: release!, verdicts: says(manifest.digest) })).toMatchObject({
    'criterion:safe': 'met',
    'criterion:ci': 'met',
  });
  expect(outcomes({ phase: release!, verdicts: says(digestOf('e')), observed: null })).toMatchObject({
    'criterion:safe': 'inconclusive',
    'criterion:ci': 'pending',
  });
});

it('the door of the next phase is kept from the one who will work there, not from the one who reported', () => {
  const entry = [
    {
      id: 'judged',
      says: 'Judged',
      check: { kind: 'evidence' as const, phase: 'two', fact: 'go', op: '==' as const, value: true },
    },
    { id: 'fresh', says: 'Fresh', check: { kind: 'fresh' as const, phase: 'two', after: 'one' } },
  ];
  const owned = (owner: 'lab' | 'ops') =>
    pipelineWith([
      { id: 'one', next: 'two' },
      { id: 'two', owner: 'evaluator', next: 'three' },
      { id: 'three', owner, next: null, entry },
    ]);
  const at = (pipeline: Pipeline) =>
    outcomes({
      ...{ pipeline, phase: phaseOf(pipeline, 'two')!, agent: 'evaluator', agreements: [] },
      submission: { ...submission, facts: { go: true } },
      reports: new Map([
        ['two', { facts: {}, evidence: [] }],
        ['one', { facts: {}, evidence: [] }],
      ]),
    });
  expect(at(owned('ops'))).toMatchObject({ 'entry:three.judged': 'met', 'entry:three.fresh': 'met' });
  expect(
    at({ ...owned('ops'), phases: owned('ops').phases.map((each) => ({ ...each, owner: 'evaluator' })) }),
  ).toMatchObject({
    'entry:three.judged': 'unmet',
  });
});

it('evidence is every digest once, in order', () => {
  const artifacts = [artifact('b', 'b'), artifact('a', 'a'), artifact('again', 'a')];
  expect(evidenceOf({ artifacts })).toEqual([digestOf('a'), digestOf('b')]);
});

it('artifacts are required where the cycle and the outcome ask for them', () => {
  const at = (id: string, cycle: number, outcome: string) =>
    outcomes({ phase: phase(id), cycle, submission: { ...submission, outcome } });
  expect(at('training', 1, '')).not.toHaveProperty(['artifact:retrain/retrain.ipynb']);
  expect(at('training', 2, '')).toHaveProperty(['artifact:retrain/retrain.ipynb'], 'unmet');
  expect(at('improvement', 1, 'operate')).not.toHaveProperty(['artifact:improvement/retraining-plan.md']);
  expect(at('improvement', 1, 'retrain')).toHaveProperty(['artifact:improvement/retraining-plan.md'], 'unmet');
});

it('what the phases before reported opens the door of the next phase, but does not close this one', () => {
  const fact = {
    id: 'go',
    says: 'It is a go',
    check: { kind: 'fact' as const, fact: 'go', op: '==' as const, value: true },
  };
  const pipeline = pipelineWith([
    { id: 'one', next: 'two', exit: [fact] },
    { id: 'two', next: null, entry: [fact] },
  ]);
  const change = {
    pipeline,
    phase: pipeline.phases[0]!,
    agreements: [],
    reports: new Map([['zero', { facts: { go: true }, evidence: [] }]]),
  };
  expect(outcomes(change)).toMatchObject({ 'criterion:go': 'unmet', 'entry:two.go': 'met' });
});

it('a phase of another pipeline leads nowhere', () => {
  const [stray] = pipelineWith([{ id: 'stray', next: 'nowhere' }]).phases;
  expect(destinationOf(smallPipeline, stray!, '')).toMatchObject({ kind: 'nowhere' });
});
