import { describe, expect, it } from '@jest/globals';
import { DomainEvent, type EventOf } from '@vt/contracts';
import { fold, TicketId, TrainId } from '@vt/kernel';
import fc from 'fast-check';
import { money, nanos } from './money.ts';
import type { PriceBook } from './price-book.ts';
import { spendDecider, type SpendCommand } from './spend.decider.ts';
import { spendByTicket, type SpendRow } from './spend.projection.ts';
import { spendReactions } from './spend.reactions.ts';
import { sumOf, type SpendEvent } from './spend.ts';

const book: PriceBook = {
  date: '2026-11-01',
  currency: 'USD',
  source: 'the test',
  cpuHour: '3600',
  models: { wordy: { input: '3', output: '15' } },
};
const decider = spendDecider(book);
const trainId = TrainId.parse('0191b2c4-6f3e-4a75-9d4e-2f1c0a9b8d7e');
const ticket = (nth: number) => TicketId.parse(`training_1_${nth}_${trainId}`);
const usd = (amount: string) => ({ amount, currency: 'USD' });
const setBudget = (amount: string): SpendCommand => ({ type: 'SetBudget', trainId, budget: usd(amount), by: 'Dana' });
const reserve = (nth: number, amount: string, currency = 'USD'): SpendCommand => ({
  ...{ type: 'ReserveSpend', trainId, ticketId: ticket(nth), phase: 'training', attempt: nth, agent: 'lab' },
  amount: { amount, currency },
});
// A second costs a dollar by the book above.
const record = (nth: number, seconds: number, source: string): SpendCommand => ({
  ...{ type: 'RecordSpend', trainId, ticketId: ticket(nth), phase: 'training', attempt: nth, agent: 'lab', source },
  ...{ action: 'narrate', usage: { cpuMs: seconds * 1_000, wallMs: 0, tokens: [] } },
});
const release = (nth: number): SpendCommand => ({ type: 'ReleaseReservation', trainId, ticketId: ticket(nth) });
const releaseAll: SpendCommand = { type: 'ReleaseReservation', trainId };
const after = (...commands: SpendCommand[]) =>
  commands.reduce<SpendEvent[]>(
    (events, command) => [...events, ...decider.decide(command, fold(decider, events))],
    [],
  );
const typesOf = (events: readonly SpendEvent[]) => events.map(({ type }) => type);

describe('a reservation', () => {
  it('is taken from the budget before anything is spent, and tells by which prices', () => {
    expect(after(setBudget('10'), reserve(1, '4')).at(-1)).toMatchObject({
      type: 'SpendReserved',
      data: { amount: usd('4'), priceBook: '2026-11-01', models: book.models },
    });
    expect(after(setBudget('10'), reserve(1, '4'), record(2, 3, 'a'), reserve(3, '3.5')).at(-1)).toMatchObject({
      type: 'ReservationRefused',
      data: {
        ...{ spent: usd('3.00'), reserved: usd('4.00'), budget: usd('10') },
        reason: 'training may cost 3.5 USD, and of the budget of 10 USD, 3.00 are spent and 4.00 reserved',
      },
    });
  });

  it('is settled by what its ticket spends, and what is left of it is free when the ticket is over', () => {
    const events = after(setBudget('10'), reserve(1, '4'), record(1, 3, 'a'), release(1));
    expect(events.at(-1)).toMatchObject({ type: 'ReservationReleased', data: { amount: usd('1.00') } });
    expect(sumOf(fold(decider, events).reserved)).toBe(0n);
    const overspent = after(reserve(1, '4'), record(1, 5, 'a'), release(1));
    expect(overspent.at(-1)).toMatchObject({ data: { amount: usd('0.00') } });
  });

  it('is not settled by what nobody can price', () => {
    const unpriced = {
      ...record(1, 0, 'a'),
      usage: { cpuMs: 0, wallMs: 0, tokens: [{ model: 'x', input: 1, output: 1 }] },
    };
    expect(sumOf(fold(decider, after(reserve(1, '4'), unpriced as SpendCommand)).reserved)).toBe(nanos(usd('4')));
  });

  it('needs no budget', () => {
    expect(typesOf(after(reserve(1, '1000000')))).toEqual(['SpendReserved']);
  });

  it('is made once for a ticket, and never for one that is over', () => {
    expect(typesOf(after(reserve(1, '4'), reserve(1, '4'), release(1), release(1), reserve(1, '4')))).toEqual([
      'SpendReserved',
      'ReservationReleased',
    ]);
  });

  it('that was refused is made when the budget is raised enough, and asked for no more when its train has ended', () => {
    const refused = [setBudget('3'), reserve(1, '4'), reserve(2, '5'), reserve(2, '5')];
    expect(typesOf(after(...refused))).toEqual(['BudgetSet', 'ReservationRefused', 'ReservationRefused']);
    expect(typesOf(after(...refused, setBudget('8'))).slice(3)).toEqual([
      'BudgetSet',
      'SpendReserved',
      'ReservationRefused',
    ]);
    expect(typesOf(after(...refused, setBudget('8'), releaseAll, setBudget('100'))).slice(6)).toEqual([
      'ReservationReleased',
      'ReservationReleased',
      'BudgetSet',
    ]);
  });

  it('in another currency than the prices is refused, and says so', () => {
    expect(after(reserve(1, '4', 'EUR')).at(-1)).toMatchObject({
      data: { reason: 'training may cost 4 EUR, but prices are in USD', budget: null },
    });
  });
});

/** What a session that keeps to its allowance, and a person who never takes a budget back, can do to a train. */
const step = fc.oneof(
  fc.record({ kind: fc.constant('raise' as const), by: fc.integer({ min: 1, max: 20 }) }),
  fc.record({
    kind: fc.constant('reserve' as const),
    nth: fc.integer({ min: 1, max: 6 }),
    amount: fc.nat({ max: 12 }),
  }),
  fc.record({ kind: fc.constant('spend' as const), nth: fc.integer({ min: 1, max: 6 }), share: fc.nat({ max: 100 }) }),
  fc.record({ kind: fc.constant('end' as const), nth: fc.integer({ min: 1, max: 6 }) }),
  fc.record({ kind: fc.constant('abort' as const) }),
);

it('spent and reserved together never pass the hard line, and no reservation outlives its ticket', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 10, maxLength: 60 }), (steps) => {
      let state = fold(decider, after(setBudget('10')));
      const ended = new Set<TicketId>();
      steps.forEach((each, place) => {
        const carryOut = (command: SpendCommand) => {
          state = decider.decide(command, state).reduce(decider.evolve, state);
        };
        switch (each.kind) {
          case 'raise':
            carryOut(setBudget(money(nanos(state.budget!) + nanos({ amount: String(each.by) }), 'USD').amount));
            break;
          case 'reserve':
            carryOut(reserve(each.nth, String(each.amount)));
            break;
          case 'spend': {
            const left = state.reserved.get(ticket(each.nth)) ?? 0n;
            const cents = (left * BigInt(each.share)) / 100n / nanos({ amount: '0.01' });
            carryOut(record(each.nth, Number(cents) / 100, `${place}`));
            break;
          }
          case 'end':
            if (state.reserved.has(ticket(each.nth))) ended.add(ticket(each.nth));
            carryOut(release(each.nth));
            break;
          case 'abort':
            for (const ticketId of state.reserved.keys()) ended.add(ticketId);
            carryOut(releaseAll);
        }
        expect(state.spent + sumOf(state.reserved)).toBeLessThanOrEqual(nanos(state.budget!));
        expect([...state.reserved.keys()].filter((ticketId) => ended.has(ticketId))).toEqual([]);
      });
    }),
    { numRuns: 1_000 },
  );
});

it('is asked for by a ticket before it is opened, and given back by its session or with its train', () => {
  const key = { trainId, ticketId: ticket(1), phase: 'training' };
  const asked = { ...key, cycle: 1, attempt: 1, agent: 'lab' as const, amount: usd('4') };
  expect(spendReactions.AllowanceRequested!({ type: 'AllowanceRequested', data: asked })).toEqual([reserve(1, '4')]);
  expect(spendReactions.AllowanceReturned!({ type: 'AllowanceReturned', data: key })).toEqual([release(1)]);
  const aborted = { trainId, by: 'Olga', reason: 'no need' };
  expect(spendReactions.TrainAborted!({ type: 'TrainAborted', data: aborted })).toEqual([releaseAll]);
});

it('is shown with its ticket for as long as it stands', () => {
  type Shown = EventOf<'SpendRecorded' | 'SpendReserved' | 'ReservationReleased'>;
  const rows = after(reserve(1, '4'), record(1, 3, 'a'), record(1, 3, 'b'), release(1)).map((event) =>
    DomainEvent.parse(event),
  );
  const shown = rows.reduce<SpendRow[]>((before, event) => {
    const meta = { position: 1, at: '2026-01-01T00:00:00.000Z', actor: 'cost' };
    return [...before, spendByTicket.evolve(before.at(-1), event as Shown, meta)!];
  }, []);
  expect(shown.map(({ reserved }) => reserved)).toEqual([[usd('4')], [usd('1.00')], [usd('0.00')], []]);
  expect(shown.at(-1)).toMatchObject({ cost: [usd('6.00')], agent: 'lab', attempt: 1 });
});
