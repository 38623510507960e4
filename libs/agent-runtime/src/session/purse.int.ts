import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { TenantId } from '@vt/kernel';
import { randomUUID } from 'node:crypto';
import { CircuitOpen } from '../circuit-breaker.ts';
import type { Action } from '../action.ts';
import { until } from '../testing/noting.ts';
import { pipelineOf, Workshop } from '../testing/workshop.ts';
import { scriptedModel, type ModelAnswer } from '../tools/model.ts';
import { TicketWorker } from '../work/ticket-worker.ts';
import { Purse, Unaffordable } from './purse.ts';

jest.setTimeout(30_000);

let workshop: Workshop;
beforeAll(async () => {
  workshop = await Workshop.open();
});
afterAll(() => workshop.demolish());

// A token costs a thousandth of a dollar, whichever way it goes.
const wordy = { input: '1000', output: '1000' };
const model = { name: 'wordy', outputTokensMax: 8 };
const allowanceOf = (amount: string) => ({
  amount: { amount, currency: 'USD' },
  priceBook: '2026-11-01',
  models: { wordy },
});

/** Claims a ticket of a train, for which this much was reserved. */
const claimed = async (amount: string) => {
  const { ticket } = await workshop.train(pipelineOf([{ id: 'only' }]), TenantId.parse(`t-${randomUUID()}`), {
    allowance: allowanceOf(amount),
  });
  const claims = await workshop.items.claim('me', 1_000);
  return claims.find((claim) => claim.ticket.ticketId === ticket.ticketId)!;
};
const taken = async ({ ticket }: { ticket: { ticketId: string } }) => {
  const { rows } = await workshop.subscriber.query<{ taken: string }>(
    'select taken::float8::text as taken from work.item where ticket_id = $1',
    [ticket.ticketId],
  );
  return Number(rows[0]!.taken);
};
const answer = (input: number, output: number): ModelAnswer => ({ text: 'so', tokens: { input, output } });

it('makes no call that could pass what is reserved, however many are made at a time', async () => {
  const claim = await claimed('0.100');
  expect(claim.allowance).toEqual(allowanceOf('0.100'));
  const purse = new Purse(workshop.subscriber, { ...claim, allowance: claim.allowance! });
  const gate = Promise.withResolvers<void>();
  let made = 0;
  const calls = Array.from({ length: 100 }, () =>
    purse.pay(model, 'ab', async () => {
      made += 1;
      await gate.promise;
      return answer(2, 8);
    }),
  );
  const refused = calls.map((call) => call.catch((error: unknown) => error));
  // Each may cost two bytes and eight tokens: ten of them are all that is reserved.
  await until(async () => made === 10 && (await taken(claim)) === 0.1);
  gate.resolve();
  const ends = await Promise.all(refused);
  expect(ends.filter((end) => end instanceof Unaffordable)).toHaveLength(90);
  expect(made).toBe(10);
  expect(String(ends.find((end) => end instanceof Unaffordable))).toContain(
    'a call of wordy may cost 0.01 USD, and 0.10 of the 0.100 that are reserved are taken',
  );
});

it('gives back what a call did not cost, and nothing of one whose end nobody knows', async () => {
  const claim = await claimed('0.100');
  const purse = new Purse(workshop.subscriber, { ...claim, allowance: claim.allowance! });
  await purse.pay(model, 'ab', async () => answer(1, 1));
  expect(await taken(claim)).toBe(0.002);
  await expect(purse.pay(model, 'ab', async () => Promise.reject(new Error('cut off')))).rejects.toThrow('cut off');
  expect(await taken(claim)).toBe(0.012);
  await purse.pay(model, 'ab', async () => ({ text: 'uncounted' }));
  expect(await taken(claim)).toBe(0.022);
  const open = new CircuitOpen('model:wordy', 1);
  await expect(purse.pay(model, 'ab', async () => Promise.reject(open))).rejects.toBe(open);
  expect(await taken(claim)).toBe(0.022);
});

it('remembers what a claimant took who died, and takes nothing for one who has lost the claim', async () => {
  const claim = await claimed('0.015');
  const lost = new Purse(workshop.subscriber, { ...claim, allowance: claim.allowance! });
  // It never answers: its process is gone.
  void lost.pay(model, 'ab', () => new Promise(() => undefined));
  await until(async () => (await taken(claim)) === 0.01);
  await workshop.items.release('me', claim);
  const [next] = (await workshop.items.claim('other', 1_000)).filter(
    ({ ticket }) => ticket.ticketId === claim.ticket.ticketId,
  );
  const purse = new Purse(workshop.subscriber, { ...next!, allowance: next!.allowance! });
  await expect(purse.pay(model, 'ab', async () => answer(1, 1))).rejects.toThrow(Unaffordable);
  await expect(lost.pay(model, '', async () => answer(0, 1))).rejects.toThrow(Unaffordable);
});

it('spends nothing on a model without a price', async () => {
  const claim = await claimed('5');
  const purse = new Purse(workshop.subscriber, { ...claim, allowance: claim.allowance! });
  const call = purse.pay({ ...model, name: 'unheard-of' }, 'ab', async () => answer(1, 1));
  await expect(call).rejects.toThrow('the price book has no price of unheard-of');
  expect(await taken(claim)).toBe(0);
});

it('leaves a section plain that can not be paid, says so, and returns what is left at the end', async () => {
  const tenant = TenantId.parse(`t-${randomUUID()}`);
  const pipeline = pipelineOf([{ id: 'tell' }]);
  const tell: Action = ({ narrate }) => narrate('Weather', {}, 'It rains.');
  const session = {
    ...workshop.dependencies(pipeline, { 'lab.tell': tell }),
    model: scriptedModel(() => 'It pours.', 'wordy'),
  };
  const worker = new TicketWorker({ items: workshop.items, session, sessionsMax: 4, log: session.log });
  const stop = new AbortController();
  const ran = worker.run(stop.signal);
  const ends = await Promise.all(
    ['0.10', '1000'].map(async (amount) => {
      const { ticket } = await workshop.train(pipeline, tenant, { allowance: allowanceOf(amount) });
      worker.wake();
      const events = () => workshop.session({ tenant, ticketId: ticket.ticketId });
      await until(async () => (await events()).some(({ type }) => type === 'WorkSubmitted'));
      return events();
    }),
  );
  stop.abort();
  await ran;
  const [poor, rich] = ends;
  expect(poor!.map(({ type }) => type)).toEqual([
    ...['SessionStarted', 'ActionCompleted', 'AllowanceReturned', 'WorkSubmitted'],
  ]);
  const said = expect.stringMatching(
    /^Weather \(a call of wordy may cost .* of the 0.10 that are reserved are taken\)$/,
  );
  expect(poor![1]).toMatchObject({ data: { usage: { tokens: [] }, facts: { 'tell.not-by-model': said } } });
  expect(rich![1]).toMatchObject({ data: { facts: {}, usage: { tokens: [{ model: 'wordy' }] } } });
});
