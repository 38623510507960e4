import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { FLEET, PauseScope, type DomainEvent, type DomainEventType, type EventOf } from '@vt/contracts';
import { PAUSE_TABLE, pauseOfSource, underPause, type StimulusName } from '@vt/value-train';
import { PausedTrain, PauseStation, type Sought } from './testing/pause-station.ts';
import { COMES } from './testing/pause-stimuli.ts';

jest.setTimeout(40_000);

let station: PauseStation;
beforeAll(async () => {
  station = await PauseStation.open();
}, 60_000);
afterAll(() => station?.close(), 60_000);

describe.each(Object.keys(PAUSE_TABLE) as StimulusName[])('%s', (stimulus) => {
  // Each train has a tenant of its own, which the fleet's pause alone reaches beyond.
  const apart = PauseScope.options.filter((scope) => scope !== 'fleet');
  const rides = new Map<PauseScope, Promise<void>>();

  it.each(PauseScope.options.map((scope) => [PAUSE_TABLE[stimulus].under[scope], scope] as const))(
    'is %s under a pause of the %s',
    async (_, scope) => {
      if (rides.size === 0) {
        for (const each of apart) rides.set(each, ride(stimulus, each));
        // Each is told by its own test.
        for (const riding of rides.values()) riding.catch(() => undefined);
      }
      if (scope === 'fleet') await Promise.allSettled(rides.values());
      await (rides.get(scope) ?? ride(stimulus, scope));
    },
  );
});

/** Lets a stimulus come under a pause, and looks whether it did what the table says. */
async function ride(stimulus: StimulusName, scope: PauseScope): Promise<void> {
  const answer = underPause(stimulus, scope);
  const train = new PausedTrain(station);
  const { effect, refusal, mend, finish, end = 'TrainCompleted' } = await COMES[stimulus](train, scope);
  if (answer === 'executed') await train.seen(effect);
  // What ought not to happen has every occasion to.
  await train.quiet();
  const before = await train.find(effect);
  await expectNothingBegun(train, stimulus, scope, effect);
  await mend?.();
  const lifted = stimulus === 'abort' && scope === 'train' ? Infinity : await train.liftAll();
  await finish?.();
  await train.seen({ type: end });
  const all = await train.find(effect);

  if (answer === 'refused') {
    expect(refusal).toMatchObject({ kind: 'rejected', code: scope === 'train' ? 'train-paused' : 'paused' });
  } else {
    expect({ before: before.length, all: all.length }).toEqual({ before: answer === 'held' ? 0 : 1, all: 1 });
    expect(all[0]!.position > lifted).toBe(answer === 'held');
  }
  await expectNothingTwice(train);
}

const OF_TRAINS: readonly DomainEventType[] = ['PhaseCompleted', 'TicketOpened'];
const OF_WORK: readonly DomainEventType[] = ['SessionStarted', 'HandoffAccepted', 'SessionResumed', 'ActionStarted'];

/** Since the last pause nothing went on that it covers, whatever came. */
async function expectNothingBegun(
  train: PausedTrain,
  stimulus: StimulusName,
  scope: PauseScope,
  effect: Sought,
): Promise<void> {
  // These pauses are over another train.
  if (stimulus === 'start' && ['session', 'ticket', 'train'].includes(scope)) return;
  const events = await train.events();
  const paused = events.findLastIndex(({ event: { type } }) => type === 'PausePlaced' || type === 'TrainPaused');
  const types = underPause('submission', scope) === 'held' ? [...OF_TRAINS, ...OF_WORK] : OF_WORK;
  const isCovered = (data: DomainEvent['data']) => {
    if (scope === 'agent') return !('agent' in data) || data.agent === train.agent;
    return (scope !== 'session' && scope !== 'ticket') || ('ticketId' in data && data.ticketId === train.ticketId);
  };
  const begun = events
    .slice(paused + 1)
    .filter(({ event: { type, data } }) => type !== effect.type && types.includes(type) && isCovered(data));
  expect(begun.map(({ event }) => event)).toEqual([]);
}

const ENDS: readonly DomainEventType[] = ['WorkSubmitted', 'WorkAbandoned', 'SessionCancelled'];

/** Every action of a session is completed once, every session ended once, every ticket judged to its end once. */
async function expectNothingTwice(train: PausedTrain): Promise<void> {
  const events = (await train.events()).map(({ event }) => event);
  const keys = events.flatMap(({ type, data }) => {
    if (type === 'ActionCompleted') return [`${type} ${data.ticketId} ${data.action}`];
    if (ENDS.includes(type) && 'ticketId' in data) return [`end ${data.ticketId}`];
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
  await train.quiet();
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
