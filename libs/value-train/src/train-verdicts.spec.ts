import { describe, expect, it } from '@jest/globals';
import { specify } from '@vt/testing';
import type { Observed } from './criteria.ts';
import type { TrainCommand } from './train-commands.ts';
import { trainDecider } from './train.decider.ts';
import { artifact, digestOf, NOTHING_ELSE, pipelineWith, start, trainId, work } from './testing/pipelines.ts';
import { unblock } from './testing/small-ride.ts';

it('a rule that nobody can evaluate holds the gate, and may be judged again when there is more to go by', () => {
  const ruled = pipelineWith([
    {
      id: 'only',
      next: null,
      exit: [{ id: 'rule', says: 'It holds', check: { kind: 'rule', rule: 'facts["x"] > 1' } }],
      ends: [{ outcome: 'close', as: 'completed' }],
    },
  ]);
  const submission = work('only_1_1', { outcome: 'close' });
  const unknowing = specify(trainDecider(() => ruled));
  unknowing
    .given(...unknowing.after(start))
    .when(submission)
    .thenTypes('GateEvaluated');
  const knowing = specify(
    trainDecider(
      () => ruled,
      (_, { facts }) => (facts['x'] === undefined ? 'inconclusive' : 'met'),
    ),
  );
  knowing
    .given(...knowing.after(start, submission))
    .when({ ...submission, facts: { x: 2 } })
    .thenTypes('GateEvaluated', 'PhaseCompleted', 'TrainCompleted');
  unknowing
    .given(...unknowing.after(start, submission))
    .when(unblock)
    .thenTypes('TrainUnblocked', 'TicketOpened');
  unknowing
    .given(...unknowing.after(start, submission, unblock))
    .when(submission)
    .thenNothing();
});

describe('what a gate sees of the world outside', () => {
  const outside = pipelineWith([
    {
      id: 'only',
      next: null,
      artifacts: [{ path: 'model.tgz' }],
      exit: [
        { id: 'safe', says: 'No risk is open', check: { kind: 'risks', below: 8 }, onFail: 'hold' },
        { id: 'ci', says: 'CI is green', check: { kind: 'external', verifier: 'ci' } },
      ],
      ends: [{ outcome: 'close', as: 'completed' }],
    },
  ]);
  const { after, given } = specify(trainDecider(() => outside));
  const model = artifact('model.tgz');
  const risky = { ...NOTHING_ELSE, risks: [{ riskId: 'R007', score: 9, phases: [], accepted: false }] };
  const submitted = work('only_1_1', { artifacts: [model], outcome: 'close', observed: risky });
  const observe = (observed: Observed) => ({ type: 'Observe', trainId, observed }) satisfies TrainCommand;
  const said = {
    ...{ type: 'ReportVerdict', trainId, phase: 'only', cycle: 1, attempt: 1 },
    ...{ verifier: 'ci', outcome: 'pass', evidence: [model.digest], reason: '212 tests', signature: 's1' },
  } satisfies TrainCommand;

  it('is recorded with its verdict, and by a change of it the gate judges again', () => {
    expect(after(start, submitted).at(-1)).toMatchObject({ data: { verdict: 'held', observed: risky } });
    given(...after(start, submitted, said))
      .when(observe(NOTHING_ELSE))
      .thenTypes('GateEvaluated', 'PhaseCompleted', 'TrainCompleted');
    given(...after(start, submitted))
      .when(observe(risky))
      .thenNothing();
    given(...after(start))
      .when(observe(risky))
      .thenNothing();
  });

  it('may be the word of a verifier about exactly what was submitted, once', () => {
    given(...after(start, submitted))
      .when(said)
      .thenTypes('VerdictReported', 'GateEvaluated');
    given(...after(start, submitted, said))
      .when(said)
      .thenNothing();
    given(...after(start, submitted, observe(NOTHING_ELSE)))
      .when(said)
      .thenTypes('VerdictReported', 'GateEvaluated', 'PhaseCompleted', 'TrainCompleted');
    given(...after(start, submitted, observe(NOTHING_ELSE)))
      .when({ ...said, outcome: 'fail' })
      .thenTypes('VerdictReported', 'GateEvaluated', 'TicketOpened');
  });

  it.each([
    ['other evidence', { evidence: [digestOf('e')] }, 'stale-evidence'],
    ['another attempt', { attempt: 2 }, 'gate-not-held'],
    ['another lap', { cycle: 2 }, 'gate-not-held'],
    ['another phase', { phase: 'other' }, 'gate-not-held'],
  ])('is not the word of a verifier about %s', (_, change, code) => {
    given(...after(start, submitted))
      .when({ ...said, ...change })
      .thenRejected(code);
  });

  it('is nothing before there is work to look at', () => {
    given(...after(start))
      .when(said)
      .thenRejected('gate-not-held');
  });

  it('may hold a gate for good, and an operator gives the work another try', () => {
    given(...after(start, submitted, said))
      .when(unblock)
      .thenTypes('TrainUnblocked', 'TicketOpened');
  });
});
