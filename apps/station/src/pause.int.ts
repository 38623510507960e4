import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { FLEET, PauseScope, type CommandReply, type EventOf } from '@vt/contracts';
import { signVerdict } from '@vt/profiles';
import { PAUSE_TABLE, pauseOfSource, type StimulusName } from '@vt/value-train';
import { CI, PausedTrain, PauseStation, type PipelineId, type Sought } from './testing/pause-station.ts';

jest.setTimeout(40_000);

let station: PauseStation;
beforeAll(async () => {
  station = await PauseStation.open();
}, 60_000);
afterAll(() => station?.close(), 60_000);

/** What a stimulus brought about, and what has to be put right before the train can ride on. */
interface Brought {
  readonly effect: Sought;
  readonly refusal?: CommandReply;
  readonly mend?: () => Promise<unknown>;
}

const completed = (action: string): Sought => ({
  type: 'ActionCompleted',
  where: (data: EventOf<'ActionCompleted'>['data']) => data.action === action,
});
const held = (by: (source: string) => boolean): Sought => ({
  type: 'HoldPlaced',
  where: ({ source }: EventOf<'HoldPlaced'>['data']) => by(source),
});

/** A train whose first action is running while it is paused; the agent has heard of the pause. */
async function atWork(train: PausedTrain, scope: PauseScope, of: PipelineId, budget?: string) {
  const first = train.latch('first');
  await train.start(of, budget);
  await first.begun;
  await train.pause(scope);
  await station.quiet();
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
  await station.asked(train.tenant);
  await train.pause(scope);
}

/** How each line of the table comes about on running services. A line without its entry here does not compile. */
const COMES: Readonly<Record<StimulusName, (train: PausedTrain, scope: PauseScope) => Promise<Brought>>> = {
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
  approval: async (train, scope) => {
    await train.start('approved');
    const { event } = await train.seen({ type: 'ApprovalRequested' });
    await train.pause(scope);
    const { phase, role, evidence } = (event as EventOf<'ApprovalRequested'>).data;
    await train.send('approval.grant', { phase, role, evidence }, 'Sam');
    return { effect: { type: 'ApprovalGranted' } };
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
  timer: async (train, scope) => {
    await train.start('escalated');
    const { event } = await train.seen({ type: 'ApprovalRequested' });
    await train.pause(scope);
    const { phase, role, evidence } = (event as EventOf<'ApprovalRequested'>).data;
    return {
      effect: { type: 'ApprovalEscalated' },
      mend: () => train.send('approval.grant', { phase, role, evidence }, 'Sam'),
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
    const other = new PausedTrain(station, train.tenant);
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
    const again = ({ attempt }: EventOf<'TicketOpened'>['data']) => attempt === 2;
    return { effect: { type: 'TicketOpened', where: again } };
  },
  answer: async (train, scope) => {
    await waiting(train, scope);
    await train.send('task.complete', { ticketId: train.ticketId, action: 'human' });
    return { effect: completed('human') };
  },
  abort: async (train, scope) => {
    await waiting(train, scope);
    await train.send('train.abort', { reason: 'enough' });
    return { effect: { type: 'SessionCancelled' } };
  },
  again: async (train, scope) => {
    await queued(train, scope);
    return { effect: { type: scope === 'train' ? 'TrainPaused' : 'PausePlaced' }, refusal: await train.pause(scope) };
  },
  resume: async (train, scope) => {
    await queued(train, scope);
    await train.pause(scope === 'tenant' ? 'session' : 'tenant');
    await train.liftOne();
    await station.quiet();
    expect(await train.find({ type: 'SessionStarted' })).toEqual([]);
    if (scope === 'train') return { effect: { type: 'TrainResumed' } };
    return {
      effect: { type: 'PauseLifted', where: (lifted: EventOf<'PauseLifted'>['data']) => lifted.scope === scope },
    };
  },
};

describe.each(Object.keys(PAUSE_TABLE) as StimulusName[])('%s', (stimulus) => {
  it.each(PauseScope.options.map((scope) => [PAUSE_TABLE[stimulus].under[scope], scope] as const))(
    'is %s under a pause of the %s',
    async (answer, scope) => {
      const train = new PausedTrain(station);
      const { effect, refusal, mend } = await COMES[stimulus](train, scope);
      // What ought not to happen has had every occasion to.
      if (answer === 'executed') await train.seen(effect);
      else await station.quiet();
      const before = await train.find(effect);
      await mend?.();
      const end = stimulus === 'abort' ? 'TrainAborted' : 'TrainCompleted';
      const lifted = stimulus === 'abort' && scope === 'train' ? Infinity : await train.liftAll();
      await train.seen({ type: end });
      const all = await train.find(effect);

      if (answer === 'refused') {
        expect(refusal).toMatchObject({ kind: 'rejected', code: scope === 'train' ? 'train-paused' : 'paused' });
      } else {
        expect({ before: before.length, all: all.length }).toEqual({ before: answer === 'held' ? 0 : 1, all: 1 });
        expect(all[0]!.position > lifted).toBe(answer === 'held');
      }
      await expectNothingTwice(train);
    },
  );
});

/** Every action of a session is completed once, every session ended once, every ticket judged to its end once. */
async function expectNothingTwice(train: PausedTrain): Promise<void> {
  const events = (await train.events()).map(({ event }) => event);
  const keys = events.flatMap(({ type, data }) => {
    if (type === 'ActionCompleted') return [`${type} ${data.ticketId} ${data.action}`];
    if (type === 'WorkSubmitted' || type === 'SessionCancelled') return [`end ${data.ticketId}`];
    return type === 'PhaseCompleted' || type === 'TicketOpened' ? [`${type} ${data.ticketId}`] : [];
  });
  expect(keys).toEqual([...new Set(keys)]);
  const tickets = events.filter(({ type }) => type === 'TicketOpened').length;
  expect(keys.filter((key) => key.startsWith('end '))).toHaveLength(tickets);
}

it('comes up paused once for each incident, whatever is started again, and goes on when an operator says so', async () => {
  const fleet = async () => (await station.log(FLEET)).map(({ event }) => event.type).slice(known);
  const known = (await station.log(FLEET)).length;
  await station.stopPausable();
  await Promise.all([station.startPausable('incident 42'), station.startPausable('incident 42')]);
  expect(await fleet()).toEqual(['PausePlaced']);
  const train = new PausedTrain(station);
  await train.start('one-step');
  train.willLift('fleet');
  await station.quiet();
  expect((await train.events()).map(({ event }) => event.type)).toEqual(['TrainStarted', 'PhaseEntered', 'HoldPlaced']);
  const [hold] = await train.find({ type: 'HoldPlaced' });
  expect(pauseOfSource((hold!.event as EventOf<'HoldPlaced'>).data.source)).toBe('fleet');
  await train.liftAll();
  await train.seen({ type: 'TrainCompleted' });

  await station.stopPausable();
  await station.startPausable('incident 42');
  const next = new PausedTrain(station);
  await next.start('one-step');
  await next.seen({ type: 'TrainCompleted' });
  expect(await fleet()).toEqual(['PausePlaced', 'PauseLifted']);
});
