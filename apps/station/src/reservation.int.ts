import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import type { EventOf } from '@vt/contracts';
import { PausedTrain, PauseStation } from './testing/pause-station.ts';

jest.setTimeout(40_000);

let station: PauseStation;
beforeAll(async () => {
  station = await PauseStation.open();
}, 60_000);
afterAll(() => station?.close(), 60_000);

const OF_MONEY = /Allowance|Reserv|^TicketOpened|^SessionStarted|^WorkSubmitted|^TrainCompleted|^TrainPaused/;
const money = async (train: PausedTrain) =>
  (await train.events()).map(({ event }) => event.type).filter((type) => OF_MONEY.test(type));

it('reserves what a phase may cost before its ticket is opened, and releases it when the work is done', async () => {
  const train = new PausedTrain(station);
  await train.start('costly', '10.00');
  await train.seen({ type: 'TrainCompleted' });
  await train.seen({ type: 'ReservationReleased' });
  const happened = await money(train);
  expect(happened.slice(0, 6)).toEqual([
    ...['AllowanceRequested', 'SpendReserved', 'AllowanceGranted', 'TicketOpened'],
    ...['SessionStarted', 'AllowanceReturned'],
  ]);
  const { event } = await train.seen({ type: 'GateEvaluated' });
  const { observed } = (event as EventOf<'GateEvaluated'>).data;
  expect(observed!.spend.reserved).toMatchObject({ currency: 'USD' });
});

it('pauses a train that could pass its budget before anything is spent, and goes on when there is more', async () => {
  const train = new PausedTrain(station);
  await train.start('costly', '1.50');
  const { event: held } = await train.seen({ type: 'HoldPlaced' });
  expect(held.data).toMatchObject({
    source: 'budget',
    reason: 'work may cost 2.00 USD, and of the budget of 1.50 USD, 0.00 are spent and 0.00 reserved',
  });
  await train.seen({ type: 'TrainPaused' });
  expect(await train.find({ type: 'TicketOpened' })).toEqual([]);
  await train.send('budget.set', { budget: { amount: '3.00', currency: 'USD' } });
  await train.seen({ type: 'AllowanceGranted' });
  await train.seen({ type: 'HoldLifted' });
  await train.send('train.resume', {});
  await train.seen({ type: 'TrainCompleted' });
  await train.seen({ type: 'ReservationReleased' });
});

it('releases what was reserved when the train is ended before the work began', async () => {
  const train = new PausedTrain(station);
  await train.start('costly', '1.50');
  await train.seen({ type: 'TrainPaused' });
  await train.send('budget.set', { budget: { amount: '3.00', currency: 'USD' } });
  await train.seen({ type: 'AllowanceGranted' });
  await train.send('train.abort', { reason: 'no need' });
  const { event } = await train.seen({ type: 'ReservationReleased' });
  expect(event.data).toMatchObject({ amount: { amount: '2.00', currency: 'USD' } });
  expect(await train.find({ type: 'TicketOpened' })).toEqual([]);
});
