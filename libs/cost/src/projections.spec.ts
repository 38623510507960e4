import { expect, it } from '@jest/globals';
import { DomainEvent, type EventOf } from '@vt/contracts';
import { budgetWatch, type BudgetRow } from './budget.projection.ts';
import { addMoney, spendByTicket, type SpendRow } from './spend.projection.ts';

const trainId = '018f8e2a-7d34-4d11-9f3e-1d1d3f1a2b3c';
const eur = (amount: string) => ({ amount, currency: 'EUR' });
const meta = { position: 1, at: '2026-01-01T00:00:00.000Z', actor: 'cost' };
const recorded = (tokens: object[], cost: object | null) =>
  DomainEvent.parse({
    type: 'SpendRecorded',
    data: {
      trainId,
      ticketId: `design_1_1_${trainId}`,
      phase: 'design',
      agent: 'studio',
      attempt: 1,
      action: 'a',
      source: 's',
      usage: { cpuMs: 10, wallMs: 20, tokens },
      cost,
      priceBook: '2026-11-01',
    },
  }) as EventOf<'SpendRecorded'>;

it('sums what a ticket used and cost, by model and by currency, and counts what has no price', () => {
  const row = [
    recorded([{ model: 'm', input: 1, output: 2 }], eur('0.10')),
    recorded([{ model: 'm', input: 10, output: 20 }], eur('0.000000001')),
    recorded([{ model: 'n', input: 5, output: 5 }], { amount: '1.00', currency: 'USD' }),
    recorded([{ model: 'unknown', input: 1, output: 1 }], null),
  ].reduce<SpendRow | undefined>((sum, event) => spendByTicket.evolve(sum, event, meta), undefined);
  expect(row).toMatchObject({
    cpuMs: 40,
    wallMs: 80,
    cost: [eur('0.100000001'), { amount: '1.00', currency: 'USD' }],
    unpriced: 1,
  });
  expect(row?.tokens).toContainEqual({ model: 'm', input: 11, output: 22 });
  expect(spendByTicket.keyOf(recorded([], null), meta)).toBe(`design_1_1_${trainId}`);
});

it('adds amounts without losing a digit, also below zero', () => {
  expect(addMoney([eur('0.1')], eur('0.2'))).toEqual([eur('0.30')]);
  expect(addMoney([eur('1')], eur('-1.25'))).toEqual([eur('-0.25')]);
});

it('shows whether a train is within its budget, warned or stopped, and starts afresh with a new budget', () => {
  const set = { type: 'BudgetSet', data: { trainId, budget: eur('10.00'), by: 'Ada' } };
  const alarm = { trainId, spent: eur('8.00'), budget: eur('10.00') };
  const states = [
    set,
    { type: 'BudgetWarned', data: alarm },
    { type: 'BudgetExhausted', data: { ...alarm, spent: eur('10.00') } },
    set,
  ].reduce<BudgetRow[]>((rows, given) => {
    const event = DomainEvent.parse(given) as EventOf<'BudgetSet'>;
    expect(budgetWatch.keyOf(event, meta)).toBe(trainId);
    return [...rows, budgetWatch.evolve(rows.at(-1), event, meta)!];
  }, []);
  expect(states.map(({ state, spentThen }) => [state, spentThen?.amount])).toEqual([
    ['within', undefined],
    ['warned', '8.00'],
    ['exhausted', '10.00'],
    ['within', undefined],
  ]);
});
