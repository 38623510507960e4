import { spendStream, type Agent, type Money, type Usage } from '@vt/contracts';
import { Rejection, type Decider, type TicketId, type TrainId } from '@vt/kernel';
import { money, nanos } from './money.ts';
import { priceOf, type PriceBook } from './price-book.ts';
import { release, reserve, retried } from './reservation.ts';
import { evolveSpend, NOTHING_SPENT, type Reservation, type Spend, type SpendEvent } from './spend.ts';

export type SpendCommand =
  | { type: 'SetBudget'; trainId: TrainId; budget: Money; by: string }
  | {
      type: 'RecordSpend';
      trainId: TrainId;
      ticketId: TicketId;
      phase: string;
      agent: Agent;
      attempt: number;
      action: string;
      source: string;
      usage: Usage;
    }
  | ({ type: 'ReserveSpend' } & Reservation)
  /** Without a ticket: all that is reserved on the train. */
  | { type: 'ReleaseReservation'; trainId: TrainId; ticketId?: TicketId };

const WARN_SHARE = { of: 4n, in: 5n };

export const spendStreamOf = ({ trainId }: SpendCommand) => spendStream(trainId);

/** Meters a train against its budget, by the prices of one book, and sets aside what its tickets may cost. */
export const spendDecider = (book: PriceBook): Decider<Spend, SpendCommand, SpendEvent> => ({
  initial: NOTHING_SPENT,
  decide: (command, state) => {
    switch (command.type) {
      case 'SetBudget':
        return setBudget(command, state, book);
      case 'RecordSpend':
        return recordSpend(command, state, book);
      case 'ReserveSpend': {
        const { type: _, ...reservation } = command;
        return reserve(reservation, state, book);
      }
      case 'ReleaseReservation':
        return release(command, state, book);
    }
  },
  evolve: evolveSpend,
});

function setBudget(
  { trainId, budget, by }: Extract<SpendCommand, { type: 'SetBudget' }>,
  state: Spend,
  book: PriceBook,
): SpendEvent[] {
  if (budget.currency !== book.currency) {
    throw new Rejection('currency', `the budget is in ${budget.currency}, but prices are in ${book.currency}`);
  }
  if (state.budget && nanos(state.budget) === nanos(budget)) return [];
  const set: SpendEvent = { type: 'BudgetSet', data: { trainId, budget, by } };
  const after = evolveSpend(state, set);
  return [set, ...retried(after, book), ...alarms(trainId, after, book)];
}

function recordSpend(
  { type: _, ...spend }: Extract<SpendCommand, { type: 'RecordSpend' }>,
  state: Spend,
  book: PriceBook,
): SpendEvent[] {
  if (state.metered.has(spend.source)) return [];
  const recorded: SpendEvent = {
    type: 'SpendRecorded',
    data: { ...spend, cost: priceOf(spend.usage, book), priceBook: book.date },
  };
  return [recorded, ...alarms(spend.trainId, evolveSpend(state, recorded), book)];
}

/** Each alarm is raised once for a budget; a new budget arms them again. */
function alarms(trainId: TrainId, { budget, spent, warned, exhausted }: Spend, book: PriceBook): SpendEvent[] {
  if (budget === undefined) return [];
  const data = { trainId, spent: money(spent, book.currency), budget };
  const limit = nanos(budget);
  const events: SpendEvent[] = [];
  if (!warned && spent * WARN_SHARE.in >= limit * WARN_SHARE.of) events.push({ type: 'BudgetWarned', data });
  if (!exhausted && spent >= limit) events.push({ type: 'BudgetExhausted', data });
  return events;
}
