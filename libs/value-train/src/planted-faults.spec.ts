import { expect, it } from '@jest/globals';
import { specify } from '@vt/testing';
import { artifact, pipelineWith, start, trainId, work } from './testing/pipelines.ts';
import type { TrainCommand } from './train-commands.ts';
import { trainDecider } from './train.decider.ts';

/** What somebody may try to get past a gate with, each with the rule that refuses it. */
const pipeline = pipelineWith([
  { id: 'testing', owner: 'evaluator', next: 'build' },
  {
    id: 'build',
    owner: 'lab',
    next: 'release',
    exit: [
      {
        id: 'tests-green',
        says: 'The evaluator ran the tests, and they are green.',
        check: { kind: 'evidence', phase: 'testing', fact: 'tests-green', op: '==', value: true },
      },
    ],
    loops: [{ outcome: 'again', to: 'testing' }],
  },
  {
    id: 'release',
    owner: 'ops',
    next: null,
    artifacts: [{ path: 'package.tgz' }],
    approvals: [{ role: 'sponsor' }, { role: 'release-manager' }],
    ends: [{ outcome: 'close', as: 'completed' }],
  },
]);
const { after, given } = specify(trainDecider(() => pipeline));
const tested = work('testing_1_1', { facts: { 'tests-green': true } });
const built = work('build_1_1', { facts: { 'tests-green': true } });

it('an agent that claims green tests of its own is refused by the criterion that asks another agent', () => {
  const events = after(start, { ...tested, facts: {} }, built);
  expect(events.findLast(({ type }) => type === 'GateEvaluated')).toMatchObject({
    data: {
      verdict: 'failed',
      checks: expect.arrayContaining([
        expect.objectContaining({
          id: 'criterion:tests-green',
          outcome: 'unmet',
          reason: 'The evaluator ran the tests, and they are green: tests-green was not reported by testing',
        }),
      ]),
    },
  });
  given(...after(start, tested))
    .when({ ...built, facts: {} })
    .thenTypes('GateEvaluated', 'PhaseCompleted', 'PhaseEntered', 'TicketOpened');
});

it('an artifact that is swapped after an approval voids it, and the one who saw the first is refused as stale', () => {
  const shown = artifact('package.tgz', 'a');
  const swapped = artifact('package.tgz', 'b');
  const released = (file = shown) => work('release_1_1', { artifacts: [file], outcome: 'close' });
  const agrees = (role: string, by: string, file = shown) =>
    ({
      ...{ type: 'GrantApproval', trainId, phase: 'release', role, by, evidence: [file.digest] },
      ...{ comment: '', simulated: false },
    }) satisfies TrainCommand;
  const approved = after(start, tested, built, released(), agrees('sponsor', 'Sam'));
  given(...approved)
    .when(released(swapped))
    .thenTypes('ApprovalBecameStale', 'GateEvaluated', 'ApprovalRequested', 'ApprovalRequested');
  const events = after(start, tested, built, released(), agrees('sponsor', 'Sam'), released(swapped));
  expect(events.find(({ type }) => type === 'ApprovalBecameStale')).toMatchObject({
    data: { cause: 'stale-evidence' },
  });
  given(...events)
    .when(agrees('release-manager', 'Rita'))
    .thenRejected('stale-evidence');
});
