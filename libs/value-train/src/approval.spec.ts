import { describe, expect, it } from '@jest/globals';
import { fold, Instant } from '@vt/kernel';
import { specify } from '@vt/testing';
import { agreement, artifact, digestOf, pipelineWith, start, trainId, work } from './testing/pipelines.ts';
import { tally, type Quorum } from './approval.ts';
import { momentsOf } from './train-approvals.ts';
import type { TrainCommand } from './train-commands.ts';
import { nextMoment, trainDecider } from './train.decider.ts';
import type { Riding } from './train.ts';

const at = (hour: number) => Instant.parse(`2026-11-21T${String(hour).padStart(2, '0')}:00:00.000Z`);
const plan = artifact('plan.md', 'a');

/** One gate: two of three reviewers and then the sponsor, after somebody has answered a task. */
const pipeline = pipelineWith([
  {
    id: 'plan',
    next: 'build',
    actions: [{ id: 'work', title: 'Work', tool: 'human' }],
    artifacts: [{ path: 'plan.md' }],
    approvals: [
      { role: 'reviewer', count: 2, expiresAfter: '3h', deniedAfter: '20h' },
      { role: 'sponsor', people: ['Sam', 'Zoe'], escalateAfter: [] },
    ] as never,
    approvalsInOrder: true,
    approvalsNeed: { rollback: 'plan.md#Rollback' },
  },
  { id: 'build', next: null, ends: [{ outcome: 'close', as: 'completed' }] },
]);
const decider = trainDecider(() => pipeline);
const { after, given } = specify(decider);

const office = (role: string, ...names: string[]) => names.map((name) => ({ role, name }));
const approvers = [...office('reviewer', 'Ann', 'Ben', 'Cy', 'Ann'), ...office('sponsor', 'Sam', 'Pat')];
const begin = { ...start, approvers, at: at(8) };
const rollback = { id: 'request:rollback', outcome: 'met', reason: 'it is there' } as const;
const submitted = (letter = 'a', ticket = 'plan_1_1') => {
  const command = work(ticket, { artifacts: [artifact('plan.md', letter)], facts: { 'work.by': 'Ben' } });
  return { ...command, checks: [...command.checks, rollback], at: at(8) };
};
const held = [begin, submitted()];
const says = (role: string, by: string, more: Partial<TrainCommand> = {}) =>
  ({
    type: 'GrantApproval',
    ...{ trainId, phase: 'plan', role, by, evidence: [plan.digest], comment: '', simulated: false, at: at(9) },
    ...more,
  }) as TrainCommand;
const delegates = (from: string, to: string, until = at(20), role = 'reviewer'): TrainCommand => ({
  type: 'DelegateApproval',
  ...{ trainId, role, from, to, until, reason: 'away', by: from, at: at(8) },
});
const dismiss = (role: string, name: string): TrainCommand => ({
  type: 'DismissApprover',
  ...{ trainId, role, name, reason: 'left', by: 'Ada', at: at(10) },
});
const tick = (hour: number): TrainCommand => ({ type: 'Tick', trainId, at: at(hour) });
const trainAfter = (...commands: TrainCommand[]) => fold(decider, after(...commands)) as Riding;

describe('who may approve', () => {
  it.each<[string, string, TrainCommand, TrainCommand[]]>([
    [
      'the author of the work through a delegate',
      'author-may-not-approve',
      says('reviewer', 'Dora'),
      [delegates('Ben', 'Dora')],
    ],
    [
      'an author who is a delegate',
      'author-may-not-approve',
      says('reviewer', 'Ben', { standsInFor: 'Cy' }),
      [delegates('Cy', 'Ben')],
    ],
    ['whoever answered a task of the work', 'author-may-not-approve', says('reviewer', 'Ben'), []],
    ['the agent', 'author-may-not-approve', says('reviewer', 'lab'), []],
    ['another agent', 'agent-may-not-approve', says('reviewer', 'conductor'), []],
    [
      'who started the train, for somebody',
      'requester-may-not-approve',
      says('reviewer', 'Olga'),
      [delegates('Cy', 'Olga')],
    ],
    ['somebody without the role', 'not-the-approver', says('reviewer', 'Zoe'), []],
    ['a sponsor whom the gate does not name', 'not-the-approver', says('sponsor', 'Pat'), []],
    [
      'somebody in whose name nobody lets them speak',
      'not-the-delegate',
      says('reviewer', 'Ann', { standsInFor: 'Cy' }),
      [],
    ],
    [
      'a delegate after the end',
      'not-the-approver',
      says('reviewer', 'Dora', { at: at(12) }),
      [delegates('Cy', 'Dora', at(11))],
    ],
    ['in a role that is not asked', 'role-not-asked', says('friend', 'Ann'), []],
    ['out of turn', 'not-your-turn', says('sponsor', 'Sam'), []],
    ['of an artifact that was swapped', 'stale-evidence', says('reviewer', 'Ann'), [submitted('b')]],
    [
      'twice, for another',
      'has-spoken',
      says('reviewer', 'Dora', { standsInFor: 'Ann' }),
      [says('reviewer', 'Ann'), delegates('Ann', 'Dora')],
    ],
    [
      'with two voices of others',
      'has-spoken',
      says('reviewer', 'Dora', { standsInFor: 'Cy' }),
      [delegates('Ann', 'Dora'), delegates('Cy', 'Dora'), says('reviewer', 'Dora', { standsInFor: 'Ann' })],
    ],
    ['a no without a reason', 'reason-missing', says('reviewer', 'Ann', { type: 'RefuseApproval' }), []],
  ])('not %s: %s', (_, code, command, before) => {
    given(...after(...held, ...before))
      .when(command)
      .thenRejected(code);
  });

  it('a delegate, with the voice of who let them, which is one', () => {
    const dora = [...held, delegates('Cy', 'Dora'), says('reviewer', 'Dora')];
    expect(after(...dora)).toContainEqual(
      expect.objectContaining({
        type: 'ApprovalGranted',
        data: expect.objectContaining({ by: 'Dora', standsInFor: 'Cy' }),
      }),
    );
    given(...after(...dora))
      .when(says('reviewer', 'Cy'))
      .thenRejected('has-spoken');
    given(...after(...dora))
      .when(says('reviewer', 'Ann', { standsInFor: 'Ann' }))
      .thenTypes('ApprovalGranted', 'GateEvaluated', 'ApprovalRequested');
  });

  it('nobody by other rules than the gate has', () => {
    const quorum: Quorum = {
      phase: pipeline.phases[0]!,
      evidence: [],
      policy: digestOf('1'),
      authors: [],
      requester: 'Olga',
      approvers,
      delegations: [],
    };
    expect(tally(quorum, [agreement({ role: 'reviewer', by: 'Ann' })])).toMatchObject({
      counted: [],
      void: [{ objection: { code: 'stale-policy' } }],
    });
  });
});

describe('a start', () => {
  it.each([
    ['too few for a count', office('reviewer', 'Ann'), 'needs 2 reviewer, and there is only Ann'],
    ['none but who starts it', office('reviewer', 'Olga'), 'needs 2 reviewer, and there is none'],
    [
      'none whom the gate names',
      [...office('reviewer', 'Ann', 'Cy'), ...office('sponsor', 'Pat')],
      'sponsor among Sam, Zoe',
    ],
    ['an agent among them', [...approvers, ...office('sponsor', 'lab')], 'lab is an agent'],
  ])('with %s is refused', (_, those, reason) => {
    expect(() => after({ ...begin, approvers: those })).toThrow(reason);
  });
});

describe('a request', () => {
  it('is made of one group after the other, with its moments, and says what it brings', () => {
    const [asked, ...more] = after(...held).filter(({ type }) => type === 'ApprovalRequested');
    expect(more).toEqual([]);
    expect(asked?.data).toMatchObject({
      ...{ role: 'reviewer', count: 2, people: ['Ann', 'Ben', 'Cy'], brings: { rollback: 'plan.md#Rollback' } },
      ...{ escalatesAt: [at(12), at(16), '2026-11-22T08:00:00.000Z'], deniedAt: '2026-11-22T04:00:00.000Z' },
    });
  });

  it('that lacks what it must bring is no request: the attempt fails, and the next ticket says why', () => {
    const lacking = { ...submitted(), checks: submitted().checks.slice(0, 1) };
    given(...after(begin))
      .when(lacking)
      .thenTypes('GateEvaluated', 'TicketOpened');
    expect(after(begin, lacking).at(-1)?.data).toMatchObject({
      feedback: ['the request brings no rollback: plan.md#Rollback was not found'],
    });
  });

  it('is escalated, and means no in the end; done at once when the clock was not looked at for long', () => {
    expect(nextMoment(trainAfter(...held), () => pipeline, at(8))).toBe(at(12));
    given(...after(...held))
      .when(tick(11))
      .thenNothing();
    given(...after(...held))
      .when(tick(16))
      .thenTypes('ApprovalEscalated');
    expect(nextMoment(trainAfter(...held, tick(16)), () => pipeline, at(16))).toBe('2026-11-22T04:00:00.000Z');
    const late = { ...tick(0), at: Instant.parse('2026-11-22T04:00:00.000Z') };
    given(...after(...held))
      .when(late)
      .thenTypes('ApprovalEscalated', 'ApprovalTimedOut', 'GateEvaluated', 'TicketOpened');
    given(...after(...held, late))
      .when(late)
      .thenNothing();
    expect(after(...held, late).at(-1)?.data).toMatchObject({
      feedback: ['the reviewer did not answer in time, which means no'],
    });
  });

  it('that is answered rests', () => {
    const answered = [...held, says('reviewer', 'Ann'), says('reviewer', 'Cy')];
    given(...after(...answered))
      .when({ ...tick(0), at: at(11) })
      .thenNothing();
    expect(nextMoment(trainAfter(...answered), () => pipeline, at(9))).toBe(at(12));
  });
});

describe('an approval becomes stale, and is asked for again,', () => {
  const ann = [...held, says('reviewer', 'Ann')];
  const causes = (...commands: TrainCommand[]) =>
    after(...commands).flatMap(({ type, data }) => (type === 'ApprovalBecameStale' ? [data.cause] : []));

  it.each<[string, string, TrainCommand[]]>([
    ['when the work changes', 'stale-evidence', [submitted('b')]],
    ['when the person loses the role', 'not-the-approver', [dismiss('reviewer', 'Ann')]],
    ['when it expires', 'expired', [tick(12)]],
    ['when it has expired and somebody else comes', 'expired', [says('reviewer', 'Cy', { at: at(13) })]],
  ])('%s: %s', (_, cause, then) => {
    expect(causes(...ann, ...then)).toEqual([cause]);
    const types = after(...ann, ...then).map(({ type }) => type);
    expect(types.slice(types.indexOf('ApprovalBecameStale'))).toContain('ApprovalRequested');
  });

  it('when the delegation ends by which it was given', () => {
    const dora = [...held, delegates('Cy', 'Dora', at(11)), says('reviewer', 'Dora')];
    expect(causes(...dora, tick(11))).toEqual(['not-the-delegate']);
    const end: TrainCommand = { type: 'EndDelegation', trainId, role: 'reviewer', from: 'Cy', to: 'Dora', by: 'Cy' };
    expect(causes(...dora, end)).toEqual(['not-the-delegate']);
    given(...after(...dora, end))
      .when(end)
      .thenNothing();
  });

  it('and with it those that came after it in order', () => {
    const both = [...ann, says('reviewer', 'Cy')];
    const zoe = { type: 'AppointApprover', trainId, role: 'sponsor', name: 'Zoe', by: 'Ada' } as const;
    const hold = { type: 'PlaceHold', trainId, source: 'R1', reason: 'risk', phases: [] } as const;
    const all = [...both, zoe, hold, says('sponsor', 'Zoe')];
    expect(causes(...all, dismiss('reviewer', 'Ann'))).toEqual(['not-the-approver', 'not-your-turn']);
    given(...after(...all))
      .when(zoe)
      .thenNothing();
    expect(trainAfter(...all, { type: 'LiftHold', trainId, source: 'R1', reason: 'gone' })).toMatchObject({
      phase: 'build',
    });
  });

  it('and is not revived when the person gets the role back', () => {
    const back = { type: 'AppointApprover', trainId, role: 'reviewer', name: 'Ann', by: 'Ada' } as const;
    const train = trainAfter(...ann, dismiss('reviewer', 'Ann'), back);
    expect(train.agreements).toEqual([]);
    given(...after(...ann, dismiss('reviewer', 'Ann'), back))
      .when(says('reviewer', 'Ann', { at: at(11) }))
      .thenTypes('ApprovalGranted', 'GateEvaluated');
  });
});

it('an agent is appointed to nothing', () => {
  given(...after(...held))
    .when({ type: 'AppointApprover', trainId, role: 'sponsor', name: 'ops', by: 'Ada' })
    .thenRejected('agent-may-not-approve');
});

it('who asks for changes is heard by the next attempt, and strikes nobody', () => {
  const revise = says('reviewer', 'Ann', {
    type: 'RefuseApproval',
    revise: true,
    comment: 'line it with stone',
  } as never);
  const reject = says('reviewer', 'Ann', { type: 'RefuseApproval', comment: 'too dear' } as never);
  const revised = trainAfter(...held, revise);
  expect(revised).toMatchObject({
    failures: 0,
    ticket: { feedback: ['Ann, reviewer, asks for changes: line it with stone'] },
  });
  expect(trainAfter(...held, reject)).toMatchObject({
    failures: 1,
    ticket: { feedback: ['Ann, reviewer, did not agree: too dear'] },
  });
});

describe('a delegation is refused', () => {
  it.each<[string, string, TrainCommand, TrainCommand[]]>([
    ['of a role that one has not', 'not-the-approver', delegates('Zoe', 'Dora'), []],
    ['to an agent', 'agent-may-not-approve', delegates('Ann', 'lab'), []],
    ['to oneself', 'delegation-to-oneself', delegates('Ann', 'Ann'), []],
    ['that is over', 'delegation-over', delegates('Ann', 'Dora', at(7)), []],
    ['while another stands', 'delegated-already', delegates('Ann', 'Eve'), [delegates('Ann', 'Dora')]],
    ['on, of what was delegated', 'delegation-chain', delegates('Cy', 'Eve'), [delegates('Ann', 'Cy')]],
    ['back, in a circle', 'delegation-chain', delegates('Cy', 'Ann'), [delegates('Ann', 'Cy')]],
  ])('%s: %s', (_, code, command, before) => {
    given(...after(begin, ...before))
      .when(command)
      .thenRejected(code);
  });

  it('not of another role, and not twice the same', () => {
    given(...after(begin, delegates('Ann', 'Cy')))
      .when(delegates('Sam', 'Ann', at(20), 'sponsor'))
      .thenTypes('ApprovalDelegated');
    given(...after(begin, delegates('Ann', 'Cy')))
      .when(delegates('Ann', 'Cy'))
      .thenNothing();
  });
});

it('events name the moments at which something will be due', () => {
  const events = after(...held, delegates('Cy', 'Dora'), says('reviewer', 'Ann'));
  const moments = events.flatMap((event) =>
    event.type === 'ApprovalRequested' || event.type === 'ApprovalGranted' || event.type === 'ApprovalDelegated'
      ? [momentsOf(event)]
      : [],
  );
  expect(moments).toEqual([
    [at(12), at(16), '2026-11-22T08:00:00.000Z', '2026-11-22T04:00:00.000Z'],
    [at(20)],
    [at(12)],
  ]);
  const timeless = (command: TrainCommand): TrainCommand => ({ ...command, at: undefined }) as never;
  const [asked, granted] = after(...held.map(timeless), timeless(says('reviewer', 'Ann'))).filter(
    (event) => event.type === 'ApprovalRequested' || event.type === 'ApprovalGranted',
  );
  expect([momentsOf(asked!), momentsOf(granted!)]).toEqual([[], []]);
});
