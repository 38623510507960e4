import { fold } from '@vt/kernel';
import { specify } from '@vt/testing';
import type { TrainCommand } from '../train-commands.ts';
import { trainDecider } from '../train.decider.ts';
import type { Riding } from '../train.ts';
import { artifact, smallPipeline, start, trainId, work } from './pipelines.ts';

export const decider = trainDecider(() => smallPipeline);
export const { after, given } = specify(decider);

export const notebook = artifact('model/train.ipynb');
export const manifest = artifact('deploy/deploy.yaml', 'd');
export const triaged = work('triage_1_1', { outcome: 'go' });
export const trained = work('training_1_1', { artifacts: [notebook], facts: { auc: 0.78 } });
export const validated = work('validation_1_1');
export const released = work('release_1_1', { artifacts: [manifest] });
export const toRelease = [start, triaged, trained, validated];

export const says = (
  type: 'GrantApproval' | 'RefuseApproval',
  role: string,
  by: string,
  evidence = [manifest.digest],
) =>
  ({
    type,
    trainId,
    phase: 'release',
    role,
    by,
    evidence,
    comment: 'I looked at it',
    simulated: false,
  }) satisfies TrainCommand;
export const releaseManagerAgrees = says('GrantApproval', 'release-manager', 'Rita');
export const sponsorAgrees = says('GrantApproval', 'sponsor', 'Sam');
export const pause = { type: 'Pause', trainId, by: 'Olga', reason: 'holidays' } satisfies TrainCommand;
export const resume = { type: 'Resume', trainId, by: 'Olga' } satisfies TrainCommand;
export const abort = { type: 'Abort', trainId, by: 'Olga', reason: 'no money' } satisfies TrainCommand;
export const unblock = { type: 'Unblock', trainId, by: 'Olga', reason: 'mended' } satisfies TrainCommand;
export const hold = { type: 'PlaceHold', trainId, source: 'R007', reason: 'drift', phases: [] } satisfies TrainCommand;
export const lift = { type: 'LiftHold', trainId, source: 'R007', reason: 'mitigated' } satisfies TrainCommand;
export const abandon = (ticket: string): TrainCommand => ({
  type: 'AcceptAbandonment',
  trainId,
  ticketId: work(ticket).ticketId,
  reasons: ['no memory'],
});

export const at = (...commands: TrainCommand[]): Riding => {
  const train = fold(decider, after(...commands));
  if (train.status === 'unknown') throw new Error('the train never started');
  return train;
};
export const lastGate = (...commands: TrainCommand[]) => {
  const gate = after(...commands).findLast((event) => event.type === 'GateEvaluated');
  return Object.fromEntries(gate?.data.checks.map(({ id, outcome }) => [id, outcome]) ?? []);
};
