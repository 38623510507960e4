import { describe, expect, it } from '@jest/globals';
import { artifact, digestOf, work } from './testing/pipelines.ts';
import {
  abandon,
  after,
  given,
  lastGate,
  manifest,
  releaseManagerAgrees,
  released,
  says,
  sponsorAgrees,
  toRelease,
  unblock,
} from './testing/small-ride.ts';

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

it('a gate that waits for people is not unblocked past them', () => {
  given(...after(...toRelease, released))
    .when(unblock)
    .thenNothing();
});

describe('what somebody else passes on', () => {
  const held = [...toRelease, released];

  it('is refused of who started the train', () => {
    for (const command of [sponsorAgrees, says('RefuseApproval', 'sponsor', 'Sam')]) {
      given(...after(...held))
        .when({ ...command, passedOnBy: 'Olga' })
        .thenRejected('may-not-pass-on');
    }
  });

  it('counts of anybody else', () => {
    given(...after(...held))
      .when({ ...sponsorAgrees, passedOnBy: 'Ann' })
      .thenTypes('ApprovalGranted', 'GateEvaluated');
  });
});
