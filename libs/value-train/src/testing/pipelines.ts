import type { Artifact, Check } from '@vt/contracts';
import { Digest, TicketId, TrainId } from '@vt/kernel';
import type { z } from 'zod';
import type { Agreement } from '../approval.ts';
import type { Observed } from '../criteria.ts';
import { Pipeline, type PipelinePhase } from '../pipeline.ts';
import type { CommandOf } from '../train-commands.ts';

export const trainId = TrainId.parse('0191b2c4-6f3e-4a75-9d4e-2f1c0a9b8d7e');

/** A pipeline of these phases, each with one action `work` unless it says otherwise. */
export const pipelineWith = (
  phases: readonly (Partial<z.input<typeof PipelinePhase>> & { readonly id: string; readonly next: string | null })[],
  attemptsMax = 3,
): Pipeline =>
  Pipeline.parse({
    id: 'small',
    version: 1,
    title: 'Small',
    description: 'A pipeline for tests.',
    attemptsMax,
    modes: [{ id: 'build', title: 'Build', agents: ['lab'], tools: ['lab.*'], transitions: ['build'] }],
    phases: phases.map((phase) => ({
      title: phase.id,
      group: 'delivery',
      owner: 'lab',
      mode: 'build',
      actions: [{ id: 'work', title: 'Work', tool: 'lab.work' }],
      ...phase,
    })),
  });

const mustBeCompleted = (phase: string) => ({
  id: `after-${phase}`,
  says: `${phase} is done`,
  check: { kind: 'completed' as const, phase },
});

/** The shape of the real pipeline in six phases: decision, work, validation, release with approvals, operation, lap. */
export const smallPipeline = pipelineWith([
  {
    id: 'triage',
    next: 'training',
    loops: [{ outcome: 'conditional', to: 'triage' }],
    ends: [{ outcome: 'no-go', as: 'archived' }],
  },
  {
    id: 'training',
    next: 'validation',
    artifacts: [{ path: 'model/train.ipynb' }, { path: 'retrain/retrain.ipynb', onlyRetraining: true }],
    exit: [{ id: 'auc', says: 'Good enough', check: { kind: 'fact', fact: 'auc', op: '>=', value: 0.75 } }],
  },
  {
    id: 'validation',
    next: 'release',
    entry: [mustBeCompleted('training')],
    loops: [
      { outcome: 'iterate', to: 'training' },
      { outcome: 'skip', to: 'operation' },
    ],
  },
  {
    id: 'release',
    next: 'operation',
    entry: [mustBeCompleted('validation')],
    artifacts: [{ path: 'deploy/deploy.yaml' }],
    approvals: [{ role: 'release-manager' }, { role: 'sponsor' }],
  },
  { id: 'operation', next: 'improvement', entry: [mustBeCompleted('release')] },
  {
    id: 'improvement',
    next: null,
    artifacts: [{ path: 'improvement/retraining-plan.md', onlyOutcome: 'retrain' }],
    loops: [
      { outcome: 'operate', to: 'operation' },
      { outcome: 'retrain', to: 'training', retraining: true },
    ],
    ends: [{ outcome: 'close', as: 'completed' }],
  },
]);

export const digestOf = (letter: string): Digest => Digest.parse(`sha256:${letter.repeat(64)}`);

export const artifact = (path: string, letter = 'a'): Artifact => ({
  path,
  digest: digestOf(letter),
  size: 100,
  mediaType: 'text/plain',
});

export const start: CommandOf<'StartTrain'> = {
  type: 'StartTrain',
  trainId,
  name: 'Rain tomorrow',
  client: 'Open Air Ltd',
  pipeline: { id: 'small', version: 1, digest: digestOf('0') },
  inputs: [artifact('charter.yaml', 'c')],
  budget: { amount: '100', currency: 'EUR' },
  approvers: [
    { role: 'release-manager', name: 'Rita' },
    { role: 'sponsor', name: 'Sam' },
  ],
  by: 'Olga',
};

/** Other streams say nothing that would keep a gate from passing. */
export const NOTHING_ELSE: Observed = {
  risks: [],
  spend: { spent: null, budget: null, share: null, unpriced: 0 },
};

/** Submitted work with everything in order, unless it says otherwise. */
export const work = (
  ticketId: string,
  submission: Partial<Omit<CommandOf<'JudgeWork'>, 'ticketId'>> = {},
): CommandOf<'JudgeWork'> => {
  const { artifacts = [] } = submission;
  return {
    type: 'JudgeWork',
    trainId,
    // Tests name tickets by their place; the decider refuses what it did not open.
    ticketId: `${ticketId}_${trainId}` as CommandOf<'JudgeWork'>['ticketId'],
    artifacts,
    facts: {},
    checklist: ['work'],
    outcome: '',
    observed: NOTHING_ELSE,
    checks: artifacts.map(({ path }): Check => ({ id: `artifact:${path}`, outcome: 'met', reason: 'opens' })),
    ...submission,
  };
};

/** A yes of the release's gate, unless it says otherwise. */
export const agreement = (said: Partial<Agreement> & Pick<Agreement, 'role' | 'by'>): Agreement => ({
  ticketId: TicketId.parse(`release_1_1_${trainId}`),
  phase: 'release',
  standsInFor: null,
  evidence: [],
  policy: start.pipeline.digest,
  agreed: true,
  revise: false,
  comment: '',
  expiresAt: null,
  ...said,
});
