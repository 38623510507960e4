import { describe, expect, it } from '@jest/globals';
import { fold } from '@vt/kernel';
import { trainDecider } from './train.decider.ts';
import { artifact, pipelineWith, start, trainId, work } from './testing/pipelines.ts';
import {
  abandon,
  abort,
  after,
  at,
  decider,
  given,
  hold,
  lastGate,
  lift,
  manifest,
  notebook,
  pause,
  releaseManagerAgrees,
  released,
  resume,
  says,
  sponsorAgrees,
  toRelease,
  trained,
  triaged,
  unblock,
} from './testing/small-ride.ts';

describe('a start', () => {
  it('puts the train on the first phase with a ticket for its owner', () => {
    const ticketId = work('triage_1_1').ticketId;
    const { by, type: _, ...data } = start;
    given()
      .when(start)
      .then(
        {
          type: 'TrainStarted',
          data: { ...data, inputs: [...data.inputs], approvers: [...data.approvers], startedBy: by },
        },
        { type: 'PhaseEntered', data: { trainId, phase: 'triage', cycle: 1 } },
        {
          type: 'TicketOpened',
          data: { trainId, ticketId, phase: 'triage', cycle: 1, attempt: 1, agent: 'lab', mode: 'build', feedback: [] },
        },
      );
  });

  it('that comes twice is one train, also after the pipeline got a new version', () => {
    given(...after(start))
      .when({ ...start, pipeline: { ...start.pipeline, version: 2 } })
      .thenNothing();
  });

  it('under the id of another train is refused', () => {
    given(...after(start))
      .when({ ...start, client: 'Somebody else' })
      .thenRejected('train-exists');
  });

  it('without a person for every role that gates ask for is refused', () => {
    given()
      .when({ ...start, approvers: start.approvers.slice(1) })
      .thenRejected('approver-missing');
  });
});

it.each([work('triage_1_1'), releaseManagerAgrees, pause, resume, abort, unblock, hold, lift])(
  '$type on a train that never started is refused',
  (command) => given().when(command).thenRejected('train-unknown'),
);

describe('a gate', () => {
  it('that passes moves the train and opens the next ticket in the same decision', () => {
    given(...after(start))
      .when(triaged)
      .thenTypes('GateEvaluated', 'PhaseCompleted', 'PhaseEntered', 'TicketOpened');
    expect(at(start, triaged)).toMatchObject({ status: 'working', phase: 'training', ticket: { attempt: 1 } });
  });

  it('says by which pipeline and on what evidence it judged', () => {
    expect(after(start, triaged, trained).find(({ type }) => type === 'GateEvaluated')).toMatchObject({
      data: { verdict: 'passed', policy: start.pipeline, evidence: [] },
    });
    expect(after(start, triaged, trained)).toContainEqual(
      expect.objectContaining({
        type: 'GateEvaluated',
        data: expect.objectContaining({ phase: 'training', evidence: [notebook.digest] }),
      }),
    );
  });

  it('that fails opens the ticket of the next attempt for the same phase', () => {
    given(...after(start, triaged))
      .when(work('training_1_1', { artifacts: [notebook], facts: { auc: 0.7 } }))
      .thenTypes('GateEvaluated', 'TicketOpened');
    expect(at(start, triaged, { ...trained, facts: {} })).toMatchObject({ phase: 'training', ticket: { attempt: 2 } });
  });

  it('judges a ticket once', () => {
    given(...after(start, triaged, trained))
      .when(trained)
      .thenNothing();
    given(...after(start, triaged, { ...trained, facts: {} }))
      .when(trained)
      .thenNothing();
  });

  it('refuses work on a ticket that this train never opened', () => {
    given(...after(start))
      .when(trained)
      .thenRejected('ticket-unknown');
    given(...after(start))
      .when(work('triage_1_2'))
      .thenRejected('ticket-unknown');
  });
});

describe('three strikes', () => {
  const failing = (attempt: number) => work(`training_1_${attempt}`, { artifacts: [notebook], facts: { auc: 0.7 } });
  const blocked = [start, triaged, failing(1), failing(2), failing(3)];

  it('block the train, and name what was not met', () => {
    given(...after(...blocked.slice(0, -1)))
      .when(failing(3))
      .thenTypes('GateEvaluated', 'TrainBlocked');
    expect(after(...blocked).at(-1)?.data).toMatchObject({
      reasons: ['Good enough: auc is 0.7, asked for is >= 0.75'],
    });
  });

  it('count abandoned work as failed', () => {
    given(...after(start))
      .when(abandon('triage_1_1'))
      .thenTypes('GateEvaluated', 'TicketOpened');
    const twice = [start, abandon('triage_1_1'), abandon('triage_1_2')];
    given(...after(...twice))
      .when(abandon('triage_1_3'))
      .thenTypes('GateEvaluated', 'TrainBlocked');
    given(...after(...twice))
      .when(abandon('triage_1_1'))
      .thenNothing();
  });

  it('are forgiven by an operator for one more attempt', () => {
    given(...after(...blocked))
      .when(unblock)
      .thenTypes('TrainUnblocked', 'TicketOpened');
    given(...after(...blocked, unblock))
      .when(failing(4))
      .thenTypes('GateEvaluated', 'TrainBlocked');
    given(...after(...blocked, unblock))
      .when(unblock)
      .thenNothing();
    expect(at(...blocked, unblock, { ...trained, ticketId: failing(4).ticketId })).toMatchObject({
      phase: 'validation',
    });
  });

  it('start anew on the next phase, and the attempts of a phase go on when the train comes back to it', () => {
    const back = [start, triaged, failing(1), { ...trained, ticketId: failing(2).ticketId }];
    const iterate = work('validation_1_1', { outcome: 'iterate' });
    expect(at(...back)).toMatchObject({ phase: 'validation', failures: 0 });
    expect(at(...back, iterate)).toMatchObject({ phase: 'training', failures: 0, ticket: { attempt: 3 } });
  });
});

describe('the outcome of work', () => {
  const operated = [...toRelease, released, releaseManagerAgrees, sponsorAgrees, work('operation_1_1')];
  const plan = artifact('improvement/retraining-plan.md', 'f');
  const retrain = work('improvement_1_1', { outcome: 'retrain', artifacts: [plan] });

  it('may end the train early', () => {
    const declined = work('triage_1_1', { outcome: 'no-go' });
    given(...after(start))
      .when(declined)
      .thenTypes('GateEvaluated', 'PhaseCompleted', 'TrainArchived');
    given(...after(start, declined))
      .when(declined)
      .thenNothing();
  });

  it('may send it back, on the same lap', () => {
    expect(at(start, work('triage_1_1', { outcome: 'conditional' }))).toMatchObject({
      phase: 'triage',
      cycle: 1,
      ticket: { attempt: 2 },
    });
  });

  it('may begin a retraining lap, with tickets of its own', () => {
    given(...after(...operated))
      .when(retrain)
      .thenTypes('GateEvaluated', 'PhaseCompleted', 'CycleStarted', 'PhaseEntered', 'TicketOpened');
    expect(after(...operated, retrain)).toContainEqual({
      type: 'CycleStarted',
      data: { trainId, cycle: 2, from: 'improvement', to: 'training' },
    });
    expect(at(...operated, retrain)).toMatchObject({
      phase: 'training',
      cycle: 2,
      ticket: { ticketId: work('training_2_1').ticketId },
    });
  });

  it('decides which artifacts are required', () => {
    expect(lastGate(...operated, { ...retrain, artifacts: [], checks: [] })).toMatchObject({
      [`artifact:${plan.path}`]: 'unmet',
    });
    const close = work('improvement_1_1', { outcome: 'close' });
    expect(at(...operated, close)).toMatchObject({ status: 'ended', as: 'completed' });
  });

  it('must be one that leads somewhere', () => {
    expect(lastGate(...operated, work('improvement_1_1', { outcome: 'dance' }))).toMatchObject({ outcome: 'unmet' });
  });

  it('can not lead past what the next phase asks for', () => {
    const lap = [...operated, retrain, { ...trained, ticketId: work('training_2_1').ticketId }];
    expect(lastGate(...lap)).toMatchObject({ 'artifact:retrain/retrain.ipynb': 'unmet' });
    const comparison = artifact('retrain/retrain.ipynb', 'b');
    const retrained = work('training_2_1', { artifacts: [notebook, comparison], facts: { auc: 0.8 } });
    const skip = work('validation_2_1', { outcome: 'skip' });
    expect(lastGate(...operated, retrain, retrained, skip)).toMatchObject({ 'entry:operation.after-release': 'unmet' });
  });

  it('keeps the files of earlier laps as they were', () => {
    const retrained = work('training_2_1', {
      artifacts: [artifact('model/train.ipynb', 'b'), artifact('retrain/retrain.ipynb', 'b')],
      facts: { auc: 0.8 },
    });
    const { artifacts } = at(...operated, retrain, retrained);
    expect(artifacts.get(1)).toEqual([notebook, manifest, plan]);
    expect(artifacts.get(2)).toEqual(retrained.artifacts);
  });
});

describe('after the end', () => {
  const aborted = after(start, abort);

  it('nothing happens any more', () => {
    for (const command of [pause, hold, says('GrantApproval', 'sponsor', 'Sam')]) {
      given(...aborted)
        .when(command)
        .thenRejected('train-ended');
    }
  });

  it('what comes late or twice is no news', () => {
    given(...aborted)
      .when(abort)
      .thenNothing();
    given(...aborted)
      .when(triaged)
      .thenNothing();
    given(...aborted)
      .when(resume)
      .thenNothing();
  });

  it('a train that rode to its end can not be aborted', () => {
    given(...after(start, work('triage_1_1', { outcome: 'no-go' })))
      .when(abort)
      .thenRejected('train-ended');
  });
});

it('an event that does not fit changes nothing that it does not say', () => {
  const ticket = { trainId, ticketId: work('triage_1_1').ticketId, phase: 'triage', cycle: 1, attempt: 1 };
  const escalated = { ...ticket, role: 'sponsor', level: 1 };
  const settled = { trainId, waiverId: 'W9', as: 'mended' as const, reason: '', role: 'sponsor', by: 'Sam' };
  const held = {
    ...{ ...ticket, verdict: 'held' as const, checks: [], policy: start.pipeline, evidence: [] },
    ...{ submission: null, observed: null, approvals: [], authors: [] },
  };
  expect(fold(decider, [{ type: 'TrainResumed', data: { trainId, by: 'Olga' } }])).toEqual({ status: 'unknown' });
  for (const stray of [
    { type: 'ApprovalEscalated' as const, data: escalated },
    { type: 'WaiverSettled' as const, data: settled },
    { type: 'GateEvaluated' as const, data: held },
  ]) {
    expect(fold(decider, [...after(start), stray])).toEqual(at(start));
  }
});

it('a train never goes on with a pipeline that lacks the phase it is on', () => {
  const other = trainDecider(() => pipelineWith([{ id: 'other', next: null }]));
  expect(() => other.decide(triaged, at(start))).toThrow('pipeline small version 1 has no phase triage');
});
