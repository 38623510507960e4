import { describe, expect, it } from '@jest/globals';
import { specify } from '@vt/testing';
import { Instant, TenantId, type CommandId, type Recorded } from '@vt/kernel';
import { decisionAbout, GateReceipt, receiptOf } from './gate-receipt.ts';
import { replayGates } from './gate-replay.ts';
import type { Pipeline } from './pipeline.ts';
import { artifact, NOTHING_ELSE, pipelineWith, smallPipeline, start, trainId, work } from './testing/pipelines.ts';
import type { TrainCommand } from './train-commands.ts';
import { trainDecider } from './train.decider.ts';
import type { TrainEvent } from './train.ts';

const notebook = artifact('model/train.ipynb');
const manifest = artifact('deploy/deploy.yaml', 'd');
const trained = (auc: number, attempt = 1) => work(`training_1_${attempt}`, { artifacts: [notebook], facts: { auc } });
const agrees = (role: string, by: string) =>
  ({
    ...{ type: 'GrantApproval', trainId, phase: 'release', role, by, evidence: [manifest.digest] },
    ...{ comment: '', simulated: false },
  }) satisfies TrainCommand;

/** Triage, a first model that falls short, a second one, its release with two people's word, and a hold that stays. */
const story: TrainCommand[] = [
  start,
  work('triage_1_1'),
  trained(0.7),
  trained(0.8, 2),
  work('validation_1_1'),
  work('release_1_1', { artifacts: [manifest], observed: { ...NOTHING_ELSE, risks: [risk(9)] } }),
  agrees('release-manager', 'Rita'),
  agrees('sponsor', 'Sam'),
  { type: 'PlaceHold', trainId, source: 'R007', reason: 'drift', phases: ['operation'] },
  work('operation_1_1'),
];

function risk(score: number) {
  return { riskId: 'R001', score, phases: [], accepted: false };
}

/** The events as they would lie in the store, an hour apart. */
const recordedOf = (events: readonly TrainEvent[]): readonly Recorded<TrainEvent>[] =>
  events.map((event, index) => ({
    ...{ id: `train-1@${index + 1}`, tenant: TenantId.parse('acme'), stream: 'train-1', version: index + 1 },
    ...{ hash: String(index), commandId: 'c' as CommandId, event },
    causation: { actor: 'olga', causationId: 'x', correlationId: 'y' },
    at: Instant.parse(new Date(Date.UTC(2026, 0, 1, index)).toISOString()),
  }));

const stream = recordedOf(specify(trainDecider(() => smallPipeline)).after(...story));

/** The pipeline with other phases in places; no rule can be evaluated. */
const policyWith = (...changed: Parameters<typeof pipelineWith>[0]) => {
  const others = changed.length > 0 ? pipelineWith(changed).phases : [];
  const phases = smallPipeline.phases.map((phase) => others.find(({ id }) => id === phase.id) ?? phase);
  return { pipeline: { ...smallPipeline, phases } satisfies Pipeline, evaluateRule: () => 'inconclusive' as const };
};
const replay = (policy: ReturnType<typeof policyWith>, since?: string) =>
  replayGates(stream, () => smallPipeline, policy, since);

describe('the time machine', () => {
  it('flips nothing by the very policy that was applied', () => {
    expect(replay(policyWith())).toEqual({ judged: 6, elsewhere: 0, flips: [] });
  });

  it('tells which attempts would flip, and by which checks', () => {
    const exit = [
      { id: 'auc', says: 'Good enough', check: { kind: 'fact' as const, fact: 'auc', op: '>=' as const, value: 0.65 } },
    ];
    const artifacts = [{ path: notebook.path }];
    expect(replay(policyWith({ id: 'training', next: 'validation', artifacts, exit })).flips).toEqual([
      {
        ...{ trainId, phase: 'training', cycle: 1, attempt: 1, decision: 'train-1@8', at: stream[7]!.at },
        ...{ from: 'failed', to: 'passed' },
        because: [
          { check: 'criterion:auc', was: 'unmet', is: 'met', reason: 'Good enough: auc is 0.7, asked for is >= 0.65' },
        ],
      },
    ]);
  });

  it('knows what people said, what was observed, and what held, at each moment', () => {
    const release = {
      ...{ id: 'release', next: 'operation', artifacts: [{ path: manifest.path }] },
      entry: [{ id: 'after-validation', says: 'S', check: { kind: 'completed' as const, phase: 'validation' } }],
    };
    const exit = [{ id: 'safe', says: 'Safe', check: { kind: 'risks' as const, below: 8 } }];
    const asked = { approvals: [{ role: 'release-manager' }, { role: 'sponsor' }] };
    expect(replay(policyWith({ ...release, ...asked })).flips).toEqual([]);
    expect(replay(policyWith({ ...release, ...asked, exit })).flips).toMatchObject([
      {
        phase: 'release',
        from: 'passed',
        to: 'failed',
        because: [{ check: 'criterion:safe', was: null, is: 'unmet' }],
      },
    ]);
    const more = { approvals: [...asked.approvals, { role: 'auditor' }] };
    expect(replay(policyWith({ ...release, ...more })).flips).toMatchObject([
      { to: 'held', because: [{ check: 'approval:auditor', is: 'pending' }] },
    ]);
    // The hold is the world's, and no policy takes it away.
    expect(replay(policyWith({ id: 'operation', next: 'improvement' })).flips).toEqual([]);
  });

  it('says what the policy asks no more', () => {
    expect(
      replay(policyWith({ id: 'training', next: 'validation', artifacts: [{ path: notebook.path }] })).flips,
    ).toMatchObject([
      { to: 'passed', because: [{ check: 'criterion:auc', is: null, reason: 'the policy does not ask for it' }] },
    ]);
  });

  it('counts attempts at phases that the policy lacks, and leaves out those before a moment', () => {
    const without = { ...policyWith(), pipeline: pipelineWith([{ id: 'triage', next: null }]) };
    expect(replay(without)).toMatchObject({ judged: 1, elsewhere: 5 });
    expect(replay(policyWith(), stream[8]!.at).judged).toBe(4);
  });

  it('passes over work that was abandoned, and events of no train', () => {
    const abandoned = specify(trainDecider(() => smallPipeline)).after(start, {
      ...{ type: 'AcceptAbandonment', trainId, ticketId: work('triage_1_1').ticketId, reasons: ['lost'] },
    });
    expect(replayGates(recordedOf(abandoned), () => smallPipeline, policyWith()).judged).toBe(0);
    expect(replayGates(stream.slice(1), () => smallPipeline, policyWith()).judged).toBe(0);
  });
});

describe('a receipt', () => {
  const about = (phase: string, which: { cycle?: number; attempt?: number } = {}) => {
    const decision = decisionAbout(stream, { phase, ...which });
    return decision && GateReceipt.parse(receiptOf(decision, stream, smallPipeline));
  };

  it('is of the last decision, or that of the attempt that is asked for', () => {
    expect(about('training')).toMatchObject({ attempt: 2, verdict: 'passed', id: 'train-1@10' });
    expect(about('training', { attempt: 1 })).toMatchObject({ verdict: 'failed' });
    expect(about('training', { attempt: 3 })).toBeUndefined();
    expect(about('training', { cycle: 2 })).toBeUndefined();
  });

  it('says who agreed, what was observed, and what each check looked at', () => {
    expect(about('release')).toMatchObject({
      ...{ verdict: 'passed', actor: 'olga', policy: start.pipeline },
      approvals: [
        { role: 'release-manager', by: 'Rita', standsInFor: null, agreed: true, evidence: [manifest.digest] },
        { role: 'sponsor', by: 'Sam', agreed: true },
      ],
      observed: { risks: [risk(9)] },
      submission: { artifacts: [manifest] },
    });
    expect(about('release')!.checks.every(({ inputs }) => Array.isArray(inputs))).toBe(true);
    expect(about('release')!.checks.find(({ id }) => id === 'approval:sponsor')?.inputs).toEqual([manifest.digest]);
  });

  it('says what held the gate', () => {
    expect(about('operation')).toMatchObject({
      verdict: 'held',
      holds: [{ source: 'R007', reason: 'drift', phases: ['operation'] }],
    });
    expect(about('release')!.holds).toEqual([]);
  });

  it('says what was waived, by whom and why, and what verifiers said about exactly this work', () => {
    const external = { id: 'ci', says: 'Green', check: { kind: 'external' as const, verifier: 'ci' } };
    const pipeline: Pipeline = {
      ...smallPipeline,
      waivers: { roles: ['sponsor'], never: [] },
      phases: smallPipeline.phases.map((phase) =>
        phase.id === 'training'
          ? { ...phase, exit: [...phase.exit, { ...external, onFail: 'block', shadow: false }] }
          : phase,
      ),
    };
    const said = {
      ...{ type: 'ReportVerdict', trainId, phase: 'training', cycle: 1, attempt: 2, verifier: 'ci', outcome: 'pass' },
      ...{ evidence: [notebook.digest], reason: '212 tests', signature: 's' },
    } satisfies TrainCommand;
    const waiver = {
      ...{
        type: 'GrantWaiver',
        trainId,
        phase: 'training',
        checks: ['criterion:auc'],
        reason: 'good enough for a pilot',
      },
      ...{ owner: 'Lea', until: Instant.parse('2100-01-01T00:00:00.000Z'), role: 'sponsor', by: 'Sam' },
    } satisfies TrainCommand;
    const events = recordedOf(
      specify(trainDecider(() => pipeline)).after(
        start,
        work('triage_1_1'),
        trained(0.7),
        waiver,
        trained(0.7, 2),
        said,
      ),
    );
    const receipt = GateReceipt.parse(receiptOf(decisionAbout(events, { phase: 'training' })!, events, pipeline));
    expect(receipt).toMatchObject({
      ...{ verdict: 'passed', attempt: 2 },
      waivers: [{ waiverId: 'W1', checks: ['criterion:auc'], by: 'Sam', owner: 'Lea' }],
      verdicts: [{ verifier: 'ci', outcome: 'pass', reason: '212 tests', signature: 's' }],
    });
    expect(receipt.checks.find(({ id }) => id === 'criterion:auc')).toMatchObject({ outcome: 'waived' });
    const first = receiptOf(decisionAbout(events, { phase: 'training', attempt: 1 })!, events, pipeline);
    expect(first).toMatchObject({ verdict: 'failed', waivers: [], verdicts: [] });
  });

  it('of abandoned work has nothing to show', () => {
    const events = recordedOf(
      specify(trainDecider(() => smallPipeline)).after(start, {
        ...{ type: 'AcceptAbandonment', trainId, ticketId: work('triage_1_1').ticketId, reasons: ['lost'] },
      }),
    );
    const receipt = receiptOf(decisionAbout(events, { phase: 'triage' })!, events, smallPipeline);
    expect(receipt).toMatchObject({ submission: null, verdicts: [], checks: [{ id: 'work', inputs: [] }] });
  });
});
