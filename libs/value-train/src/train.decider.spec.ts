import { describe, expect, it } from '@jest/globals';
import { fold } from '@vt/kernel';
import { specify } from '@vt/testing';
import type { Observed } from './criteria.ts';
import type { Riding } from './train.ts';
import { trainDecider, type TrainCommand } from './train.decider.ts';
import {
  artifact,
  digestOf,
  NOTHING_ELSE,
  pipelineWith,
  smallPipeline,
  start,
  trainId,
  work,
} from './testing/pipelines.ts';

const decider = trainDecider(() => smallPipeline);
const { after, given } = specify(decider);

const notebook = artifact('model/train.ipynb');
const manifest = artifact('deploy/deploy.yaml', 'd');
const triaged = work('triage_1_1', { outcome: 'go' });
const trained = work('training_1_1', { artifacts: [notebook], facts: { auc: 0.78 } });
const validated = work('validation_1_1');
const released = work('release_1_1', { artifacts: [manifest] });
const toRelease = [start, triaged, trained, validated];

const says = (type: 'GrantApproval' | 'RefuseApproval', role: string, by: string, evidence = [manifest.digest]) =>
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
const releaseManagerAgrees = says('GrantApproval', 'release-manager', 'Rita');
const sponsorAgrees = says('GrantApproval', 'sponsor', 'Sam');
const pause = { type: 'Pause', trainId, by: 'Olga', reason: 'holidays' } satisfies TrainCommand;
const resume = { type: 'Resume', trainId, by: 'Olga' } satisfies TrainCommand;
const abort = { type: 'Abort', trainId, by: 'Olga', reason: 'no money' } satisfies TrainCommand;
const unblock = { type: 'Unblock', trainId, by: 'Olga', reason: 'mended' } satisfies TrainCommand;
const hold = { type: 'PlaceHold', trainId, source: 'R007', reason: 'drift', phases: [] } satisfies TrainCommand;
const lift = { type: 'LiftHold', trainId, source: 'R007', reason: 'mitigated' } satisfies TrainCommand;
const abandon = (ticket: string): TrainCommand => ({
  type: 'AcceptAbandonment',
  trainId,
  ticketId: work(ticket).ticketId,
  reasons: ['no memory'],
});

const at = (...commands: TrainCommand[]): Riding => {
  const train = fold(decider, after(...commands));
  if (train.status === 'unknown') throw new Error('the train never started');
  return train;
};
const lastGate = (...commands: TrainCommand[]) => {
  const gate = after(...commands).findLast((event) => event.type === 'GateEvaluated');
  return Object.fromEntries(gate?.data.checks.map(({ id, outcome }) => [id, outcome]) ?? []);
};

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

describe('an approval', () => {
  const held = [...toRelease, released];

  it('can still come after an agent says that it gave up what it had submitted', () => {
    given(...after(...held))
      .when(abandon('release_1_1'))
      .thenNothing();
  });

  it('is asked for once of each role, and the gate is held until the last has come', () => {
    given(...after(...toRelease))
      .when(released)
      .thenTypes('GateEvaluated', 'ApprovalRequested', 'ApprovalRequested');
    given(...after(...held))
      .when(released)
      .thenNothing();
    given(...after(...held))
      .when(releaseManagerAgrees)
      .thenTypes('ApprovalGranted', 'GateEvaluated');
    given(...after(...held, releaseManagerAgrees))
      .when(sponsorAgrees)
      .thenTypes('ApprovalGranted', 'GateEvaluated', 'PhaseCompleted', 'PhaseEntered', 'TicketOpened');
  });

  it('completes the phase with the work that was submitted when the gate was first held', () => {
    const events = after(...held, releaseManagerAgrees, sponsorAgrees);
    expect(events.findLast(({ type }) => type === 'PhaseCompleted')?.data).toMatchObject({ artifacts: [manifest] });
  });

  it.each([
    ['by somebody who is not named', says('GrantApproval', 'sponsor', 'Rita'), 'not-the-approver'],
    ['by the agent that did the work', says('GrantApproval', 'sponsor', 'lab'), 'author-may-not-approve'],
    ['in a role that the gate does not ask for', says('GrantApproval', 'friend', 'Sam'), 'role-not-asked'],
    ['of other evidence', says('GrantApproval', 'sponsor', 'Sam', [digestOf('e')]), 'stale-evidence'],
    ['of part of the evidence', says('GrantApproval', 'sponsor', 'Sam', []), 'stale-evidence'],
    ['of another phase', { ...sponsorAgrees, phase: 'training' }, 'gate-not-held'],
  ])('%s is refused', (_, command, code) => {
    given(...after(...held))
      .when(command)
      .thenRejected(code);
  });

  it('before there is anything to see is refused', () => {
    given(...after(...toRelease))
      .when(sponsorAgrees)
      .thenRejected('gate-not-held');
  });

  it('that comes again changes nothing, also when the train has moved on', () => {
    given(...after(...held, sponsorAgrees))
      .when({ ...sponsorAgrees, comment: 'again' })
      .thenNothing();
    given(...after(...held, releaseManagerAgrees, sponsorAgrees))
      .when(sponsorAgrees)
      .thenNothing();
  });

  it('that is refused fails the attempt', () => {
    const refusal = says('RefuseApproval', 'sponsor', 'Sam');
    given(...after(...held))
      .when(refusal)
      .thenTypes('ApprovalRefused', 'GateEvaluated', 'TicketOpened');
    given(...after(...held, refusal))
      .when(refusal)
      .thenNothing();
    expect(lastGate(...held, refusal)).toMatchObject({ 'approval:sponsor': 'unmet' });
  });

  it('does not count for the next attempt, even if that left the same files', () => {
    const refused = [...held, releaseManagerAgrees, says('RefuseApproval', 'sponsor', 'Sam')];
    const again = [...refused, { ...released, ticketId: work('release_1_2').ticketId }];
    expect(lastGate(...again)).toMatchObject({ 'approval:release-manager': 'pending', 'approval:sponsor': 'pending' });
    given(...after(...again))
      .when(releaseManagerAgrees)
      .thenTypes('ApprovalGranted', 'GateEvaluated');
  });

  it('is stale, and asked for again, when the evidence changes while the gate is held', () => {
    const changed = work('release_1_1', { artifacts: [artifact('deploy/deploy.yaml', 'e')] });
    given(...after(...held, releaseManagerAgrees))
      .when(changed)
      .thenTypes('ApprovalBecameStale', 'GateEvaluated', 'ApprovalRequested', 'ApprovalRequested');
    given(...after(...held, changed))
      .when(sponsorAgrees)
      .thenRejected('stale-evidence');
  });
});

describe('a hold', () => {
  it('keeps a gate from passing until it is lifted', () => {
    given(...after(start, hold))
      .when(triaged)
      .thenTypes('GateEvaluated');
    expect(lastGate(start, hold, triaged)).toMatchObject({ 'hold:R007': 'pending' });
    given(...after(start, hold, triaged))
      .when(lift)
      .thenTypes('HoldLifted', 'GateEvaluated', 'PhaseCompleted', 'PhaseEntered', 'TicketOpened');
  });

  it('touches the gates of its phases only', () => {
    const elsewhere = { ...hold, phases: ['release'] };
    expect(at(start, elsewhere, triaged)).toMatchObject({ phase: 'training' });
  });

  it('that comes while a gate waits for people is shown in its receipt, and outlives their consent', () => {
    const held = [...toRelease, released, hold];
    given(...after(...toRelease, released))
      .when(hold)
      .thenTypes('HoldPlaced', 'GateEvaluated');
    expect(at(...held, releaseManagerAgrees, sponsorAgrees)).toMatchObject({ status: 'held' });
    expect(at(...held, releaseManagerAgrees, sponsorAgrees, lift)).toMatchObject({ phase: 'operation' });
  });

  it('does not save work that fails', () => {
    given(...after(start, triaged, hold))
      .when({ ...trained, facts: {} })
      .thenTypes('GateEvaluated', 'TicketOpened');
  });

  it('placed or lifted twice changes nothing', () => {
    given(...after(start, hold))
      .when(hold)
      .thenNothing();
    given(...after(start, hold, lift))
      .when(lift)
      .thenNothing();
  });
});

describe('a paused train', () => {
  it('lets work be finished, and goes on with it when it is resumed', () => {
    given(...after(start, pause))
      .when(triaged)
      .thenTypes('GateEvaluated');
    given(...after(start, pause, triaged))
      .when(resume)
      .thenTypes('TrainResumed', 'GateEvaluated', 'PhaseCompleted', 'PhaseEntered', 'TicketOpened');
  });

  it('gives out no new ticket after a failed attempt until it is resumed', () => {
    given(...after(start, pause))
      .when(abandon('triage_1_1'))
      .thenTypes('GateEvaluated');
    given(...after(start, pause, abandon('triage_1_1')))
      .when(resume)
      .thenTypes('TrainResumed', 'TicketOpened');
    given(...after(start, pause, abandon('triage_1_1')))
      .when(abandon('triage_1_1'))
      .thenNothing();
  });

  it('gives out none after it was unblocked, either', () => {
    const blocked = [start, ...['triage_1_1', 'triage_1_2', 'triage_1_3'].map(abandon), pause];
    given(...after(...blocked))
      .when(unblock)
      .thenTypes('TrainUnblocked');
    given(...after(...blocked))
      .when(resume)
      .thenTypes('TrainResumed');
    given(...after(...blocked, unblock))
      .when(resume)
      .thenTypes('TrainResumed', 'TicketOpened');
  });

  it('is paused once and resumed once', () => {
    given(...after(start, pause))
      .when({ ...pause, by: 'Ada' })
      .thenNothing();
    given(...after(start))
      .when(resume)
      .thenNothing();
  });
});

describe('an exhausted budget', () => {
  const exhausted = { ...hold, source: 'budget', reason: 'the budget of 5 EUR is exhausted: 6 EUR are spent' };
  const granted = { ...lift, source: 'budget' };

  it('pauses the train, and keeps its work', () => {
    given(...after(start))
      .when(exhausted)
      .thenTypes('HoldPlaced', 'TrainPaused');
    given(...after(start, exhausted))
      .when(triaged)
      .thenTypes('GateEvaluated');
  });

  it('is not got round by somebody who had paused the train before', () => {
    given(...after(start, pause))
      .when(exhausted)
      .thenTypes('HoldPlaced');
    given(...after(start, pause, exhausted))
      .when(resume)
      .thenRejected('budget-exhausted');
  });

  it('is lifted by more budget, after which somebody may resume', () => {
    given(...after(start, exhausted, triaged))
      .when(granted)
      .thenTypes('HoldLifted', 'GateEvaluated');
    given(...after(start, exhausted, granted))
      .when(resume)
      .thenTypes('TrainResumed');
    given(...after(start, exhausted, granted, resume))
      .when(exhausted)
      .thenTypes('HoldPlaced', 'TrainPaused');
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

it('a gate that waits for people is not unblocked past them', () => {
  given(...after(...toRelease, released))
    .when(unblock)
    .thenNothing();
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
