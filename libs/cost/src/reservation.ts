import type { Money } from '@vt/contracts';
import type { TicketId, TrainId } from '@vt/kernel';
import { money, nanos } from './money.ts';
import type { PriceBook } from './price-book.ts';
import { evolveSpend, sumOf, type Reservation, type Spend, type SpendEvent } from './spend.ts';

/** Sets money aside, once for each ticket; one that was refused is asked for again by a new budget. */
export function reserve(reservation: Reservation, state: Spend, book: PriceBook): SpendEvent[] {
  const { ticketId } = reservation;
  if (state.reserved.has(ticketId) || state.refused.has(ticketId) || state.over.has(ticketId)) return [];
  return [answerTo(reservation, state, book)];
}

/** What was refused, asked for again in its order; each sees what those before it were given. */
export function retried(state: Spend, book: PriceBook): SpendEvent[] {
  const events: SpendEvent[] = [];
  let after = state;
  for (const reservation of state.refused.values()) {
    const answer = answerTo(reservation, after, book);
    events.push(answer);
    after = evolveSpend(after, answer);
  }
  return events;
}

function answerTo(reservation: Reservation, state: Spend, book: PriceBook): SpendEvent {
  const { phase, amount } = reservation;
  const { budget = null, spent } = state;
  const [asked, reserved] = [nanos(amount), sumOf(state.reserved)];
  const refusal = (reason: string): SpendEvent => {
    const sums = { spent: money(spent, book.currency), reserved: money(reserved, book.currency) };
    return { type: 'ReservationRefused', data: { ...reservation, ...sums, budget, reason } };
  };
  const asks = `${phase} may cost ${words(amount)}`;
  if (amount.currency !== book.currency) return refusal(`${asks}, but prices are in ${book.currency}`);
  if (budget && spent + reserved + asked > nanos(budget)) {
    const left = `${money(spent, book.currency).amount} are spent and ${money(reserved, book.currency).amount} reserved`;
    return refusal(`${asks}, and of the budget of ${words(budget)}, ${left}`);
  }
  return { type: 'SpendReserved', data: { ...reservation, priceBook: book.date, models: book.models } };
}

/** What is left is free again. */
export function release(
  { trainId, ticketId }: { readonly trainId: TrainId; readonly ticketId?: TicketId },
  { reserved, refused }: Spend,
  book: PriceBook,
): SpendEvent[] {
  return [...refused.keys(), ...reserved.keys()]
    .filter((each) => ticketId === undefined || each === ticketId)
    .map((each) => ({
      type: 'ReservationReleased',
      data: { trainId, ticketId: each, amount: money(reserved.get(each) ?? 0n, book.currency) },
    }));
}

const words = ({ amount, currency }: Money) => `${amount} ${currency}`;
