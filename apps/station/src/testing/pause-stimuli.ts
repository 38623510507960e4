import { expect } from '@jest/globals';
import type { CommandReply, EventOf, PauseScope } from '@vt/contracts';
import { Instant, Rejection } from '@vt/kernel';
import { signVerdict } from '@vt/profiles';
import type { StimulusName } from '@vt/value-train';
import { CI, type PausedTrain, type PipelineId, type Sought } from './pause-station.ts';

/** What a stimulus brought about, and what has to be put right before the train can ride on. */
export interface Brought {
  readonly effect: Sought;
  readonly refusal?: CommandReply;
  readonly mend?: () => Promise<unknown>;
  /** What the train waits for when the pause is over. */
  readonly finish?: () => Promise<unknown>;
  /** How the train ends, if not at its end. */
  readonly end?: 'TrainAborted';
}

const completed = (action: string): Sought => ({
  type: 'ActionCompleted',
  where: (data: EventOf<'ActionCompleted'>['data']) => data.action === action,
});
const held = (by: (source: string) => boolean): Sought => ({
  type: 'HoldPlaced',
  where: ({ source }: EventOf<'HoldPlaced'>['data']) => by(source),
});

const nextTicket: Sought = {
  type: 'TicketOpened',
  where: ({ attempt }: EventOf<'TicketOpened'>['data']) => attempt === 2,
};

/** What is asked at the gate of an attempt. */
async function requested(train: PausedTrain, attempt = 1) {
  const where = (data: EventOf<'ApprovalRequested'>['data']) => data.attempt === attempt;
  const { event } = await train.seen({ type: 'ApprovalRequested', where });
  const { phase, role, evidence } = (event as EventOf<'ApprovalRequested'>).data;
  return { phase, role, evidence };
}
const agree = (train: PausedTrain, request: Awaited<ReturnType<typeof requested>>, by = 'Sam') =>
  train.send('approval.grant', request, by);
const abort = (train: PausedTrain) => train.send('train.abort', { reason: 'enough' });

/** Long enough for a pause to be placed before it is over. */
const MOMENT_MS = 1_000;
const soon = (ms: number) => Instant.parse(new Date(Date.now() + ms).toISOString());
const waiver = (ms: number) => ({
  ...{ phase: 'work', checks: ['criterion:unmet'], reason: 'it is known', owner: 'Olga', role: 'sponsor' },
  until: soon(ms),
});

/** A train whose work waits at its gate for nobody: only a waiver or other work can change that. */
async function stuck(train: PausedTrain, of: PipelineId): Promise<void> {
  await train.start(of);
  await agree(train, await requested(train));
}

/** A train that leaves its first phase by a waiver that will soon be over. */
async function leaning(train: PausedTrain): Promise<void> {
  await stuck(train, 'unmet-first');
  await train.send('waiver.grant', waiver(MOMENT_MS), 'Sam');
}

/** A train whose first action is running while it is paused; the agent has heard of the pause. */
async function atWork(train: PausedTrain, scope: PauseScope, of: PipelineId, budget?: string) {
  const first = train.latch('first');
  await train.start(of, budget);
  await first.begun;
  await train.pause(scope);
  await train.quiet();
  return first;
}

/** A train whose ticket nobody has claimed, under the pause; another pause kept it from being claimed until then. */
async function queued(train: PausedTrain, scope: PauseScope): Promise<void> {
  if (scope === 'agent') {
    await train.pause('agent');
    return train.start('one-step');
  }
  await train.pause('agent');
  await train.start('one-step');
  await train.pause(scope);
  await train.liftOne();
}

/** A train whose session waits for a person, under the pause. */
async function waiting(train: PausedTrain, scope: PauseScope): Promise<void> {
  await train.start('person');
  await train.asked();
  await train.pause(scope);
}

/** How each line of the table comes about on running services. A line without its entry here does not compile. */
export const COMES: Readonly<Record<StimulusName, (train: PausedTrain, scope: PauseScope) => Promise<Brought>>> = {
  claim: async (train, scope) => {
    await queued(train, scope);
    return { effect: { type: 'SessionStarted' } };
  },
  step: async (train, scope) => {
    (await atWork(train, scope, 'two-steps')).end();
    return { effect: completed('second') };
  },
  result: async (train, scope) => {
    (await atWork(train, scope, 'two-steps')).end();
    return { effect: completed('first') };
  },
  handoff: async (train, scope) => {
    train.agent = 'studio';
    await train.pause('agent');
    await train.start('handed-off');
    await train.seen({ type: 'HandoffOffered' });
    if (scope !== 'agent') {
      await train.pause(scope);
      await train.liftOne();
    }
    return { effect: { type: 'HandoffAccepted' } };
  },
  handback: async (train, scope) => {
    const away = train.latch('away');
    await train.start('handed-off');
    await away.begun;
    await train.pause(scope);
    await train.quiet();
    away.end();
    await train.seen({ type: 'HandoffReturned' });
    const takenIn = ({ handoff }: EventOf<'ActionCompleted'>['data']) => handoff !== undefined;
    return { effect: { type: 'ActionCompleted', where: takenIn } };
  },
  retry: async (train, scope) => {
    (await atWork(train, scope, 'one-step')).end(new Error('not this time'));
    await train.seen({ type: 'ActionFailed' });
    return { effect: completed('first') };
  },
  submission: async (train, scope) => {
    (await atWork(train, scope, 'one-step')).end();
    await train.seen({ type: 'WorkSubmitted' });
    return { effect: { type: 'PhaseCompleted' } };
  },
  failure: async (train, scope) => {
    (await atWork(train, scope, 'two-attempts')).end();
    await train.seen({ type: 'GateEvaluated' });
    return { effect: nextTicket };
  },
  abandonment: async (train, scope) => {
    (await atWork(train, scope, 'two-attempts')).end(new Rejection('no-such-column', 'there is no column rain'));
    await train.seen({ type: 'WorkAbandoned' });
    return { effect: nextTicket };
  },
  approval: async (train, scope) => {
    await train.start('approved');
    const request = await requested(train);
    await train.pause(scope);
    await train.send('approval.grant', request, 'Sam');
    return { effect: { type: 'ApprovalGranted' } };
  },
  refusal: async (train, scope) => {
    await train.start('approved');
    const request = await requested(train);
    await train.pause(scope);
    await train.send('approval.refuse', { ...request, comment: 'not yet' }, 'Sam');
    return { effect: { type: 'ApprovalRefused' }, finish: async () => agree(train, await requested(train, 2)) };
  },
  office: async (train, scope) => {
    await train.start('approved');
    const request = await requested(train);
    await train.pause(scope);
    await train.send('approver.appoint', { role: 'sponsor', name: 'Uma' });
    await train.send('approver.dismiss', { role: 'sponsor', name: 'Sue', reason: 'she left' });
    return { effect: { type: 'ApproverDismissed' }, mend: () => agree(train, request, 'Uma') };
  },
  delegation: async (train, scope) => {
    await train.start('approved');
    const request = await requested(train);
    await train.pause(scope);
    const from = { role: 'sponsor', to: 'Dora', reason: 'away' };
    await train.send('approval.delegate', { ...from, until: soon(3_600_000) }, 'Sam');
    return { effect: { type: 'ApprovalDelegated' }, mend: () => agree(train, request, 'Dora') };
  },
  waiver: async (train, scope) => {
    await stuck(train, 'unmet');
    await train.pause(scope);
    await train.send('waiver.grant', waiver(3_600_000), 'Sam');
    return { effect: { type: 'WaiverGranted' } };
  },
  force: async (train, scope) => {
    await stuck(train, 'unmet');
    await train.pause(scope);
    const { checks: _, ...all } = waiver(3_600_000);
    await train.send('gate.force', all, 'Sam');
    return { effect: { type: 'WaiverGranted' } };
  },
  settlement: async (train, scope) => {
    const second = train.latch('second');
    await leaning(train);
    await second.begun;
    await train.seen(held((source) => source === 'waiver:W1'));
    train.goesTo('after');
    await train.pause(scope);
    const accepted = { waiverId: 'W1', as: 'accepted', reason: 'it is so', role: 'sponsor' } as const;
    await train.send('waiver.settle', accepted, 'Sam');
    return { effect: { type: 'WaiverSettled' }, mend: async () => second.end() };
  },
  verdict: async (train, scope) => {
    await train.start('verified');
    const { event } = await train.seen({ type: 'GateEvaluated' });
    await train.pause(scope);
    const { phase, cycle, attempt, evidence } = (event as EventOf<'GateEvaluated'>).data;
    const verdict = { phase, cycle, attempt, verifier: 'ci', outcome: 'pass', evidence, reason: 'green' } as const;
    const signature = signVerdict({ trainId: train.trainId, ...verdict }, CI.privateKey);
    await train.send('verdict.report', { ...verdict, signature });
    return { effect: { type: 'VerdictReported' } };
  },
  escalation: async (train, scope) => {
    await train.start('escalated');
    const request = await requested(train);
    await train.pause(scope);
    return { effect: { type: 'ApprovalEscalated' }, mend: () => agree(train, request) };
  },
  timeout: async (train, scope) => {
    await train.start('denied');
    await requested(train);
    await train.pause(scope);
    return { effect: { type: 'ApprovalTimedOut' }, finish: () => abort(train), end: 'TrainAborted' };
  },
  expiry: async (train, scope) => {
    await train.start('two-voices');
    await agree(train, await requested(train));
    await train.pause(scope);
    return { effect: { type: 'ApprovalBecameStale' }, finish: () => abort(train), end: 'TrainAborted' };
  },
  return: async (train, scope) => {
    await train.start('approved');
    const request = await requested(train);
    const from = { role: 'sponsor', to: 'Dora', reason: 'away' };
    await train.send('approval.delegate', { ...from, until: soon(MOMENT_MS) }, 'Sam');
    await train.pause(scope);
    return { effect: { type: 'DelegationEnded' }, mend: () => agree(train, request) };
  },
  end: async (train, scope) => {
    const second = train.latch('second');
    await leaning(train);
    await second.begun;
    await train.pause(scope);
    return {
      effect: { type: 'WaiverEnded' },
      mend: async () => {
        await train.send('waiver.grant', waiver(3_600_000), 'Sam');
        second.end();
      },
    };
  },
  event: async (train, scope) => {
    const first = await atWork(train, scope, 'one-step');
    const worst = { catalogue: 'R001', title: 'Drift', reason: 'seen', probability: 5, impact: 5 };
    await train.send('risk.raise', worst);
    const effect = held((source) => source.startsWith('R001'));
    return {
      effect,
      mend: async () => {
        const { event } = await train.seen(effect);
        const { source: riskId } = (event as EventOf<'HoldPlaced'>).data;
        await train.send('risk.close', { riskId, reason: 'over' });
        first.end();
      },
    };
  },
  budget: async (train, scope) => {
    // A tenth of a millisecond of processor time: the action that waits has more than that.
    (await atWork(train, scope, 'two-steps', '0.000000001')).end();
    return {
      effect: held((source) => source === 'budget'),
      mend: async () => {
        await train.send('budget.set', { budget: { amount: '1000', currency: 'USD' } });
        await train.seen({ type: 'HoldLifted' });
        const { event } = await train.seen(held((source) => source.startsWith('R010')));
        await train.send('risk.close', { riskId: (event as EventOf<'HoldPlaced'>).data.source, reason: 'over' });
        // The exhausted budget paused the train besides.
        if (scope !== 'train') train.willLift('train');
      },
    };
  },
  start: async (train, scope) => {
    const other = train.beside();
    const first = other.latch('first');
    await other.start('one-step');
    await first.begun;
    await train.pause(scope, other);
    await train.start('one-step');
    return { effect: { type: 'TicketOpened' }, mend: async () => first.end() };
  },
  unblock: async (train, scope) => {
    await train.start('second-try');
    await train.seen({ type: 'TrainBlocked' });
    await train.pause(scope);
    await train.send('train.unblock', { reason: 'another try' });
    return { effect: nextTicket };
  },
  renewal: async (train, scope) => {
    await stuck(train, 'unmet');
    await train.pause(scope);
    await train.send('train.unblock', { reason: 'another try' });
    return {
      effect: nextTicket,
      finish: async () => {
        await agree(train, await requested(train, 2));
        await train.send('waiver.grant', waiver(3_600_000), 'Sam');
      },
    };
  },
  answer: async (train, scope) => {
    await waiting(train, scope);
    await train.send('task.complete', { ticketId: train.ticketId, action: 'human' });
    return { effect: completed('human') };
  },
  rollback: async (train, scope) => {
    await waiting(train, scope);
    await train.send('session.rollback', { ticketId: train.ticketId, to: 1, reason: 'wrong file' });
    return {
      effect: { type: 'SessionRolledBack' },
      mend: () => train.send('task.complete', { ticketId: train.ticketId, action: 'human' }),
    };
  },
  abort: async (train, scope) => {
    await waiting(train, scope);
    await abort(train);
    return { effect: { type: 'SessionCancelled' }, end: 'TrainAborted' };
  },
  pause: async (train, scope) => {
    await queued(train, scope);
    const other = scope === 'session' ? 'ticket' : 'session';
    await train.pause(other);
    return {
      effect: { type: 'PausePlaced', where: (placed: EventOf<'PausePlaced'>['data']) => placed.scope === other },
    };
  },
  again: async (train, scope) => {
    await queued(train, scope);
    return { effect: { type: scope === 'train' ? 'TrainPaused' : 'PausePlaced' }, refusal: await train.pause(scope) };
  },
  resume: async (train, scope) => {
    await queued(train, scope);
    await train.pause(scope === 'tenant' ? 'session' : 'tenant');
    await train.liftOne();
    await train.quiet();
    expect(await train.find({ type: 'SessionStarted' })).toEqual([]);
    if (scope === 'train') return { effect: { type: 'TrainResumed' } };
    return {
      effect: { type: 'PauseLifted', where: (lifted: EventOf<'PauseLifted'>['data']) => lifted.scope === scope },
    };
  },
};
