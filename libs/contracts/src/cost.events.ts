import { TicketId, TrainId } from '@vt/kernel';
import { z } from 'zod';
import { defineEvent } from './define-event.ts';
import { Agent, Allowance, Money, Phase, Usage } from './vocabulary.ts';

export const SpendRecorded = defineEvent('SpendRecorded', 'What one ticket used so far was metered and priced.', {
  trainId: TrainId,
  ticketId: TicketId,
  phase: Phase,
  agent: Agent,
  attempt: z.int().positive(),
  action: z.string(),
  /** Id of the event that was metered: each is metered once. */
  source: z.string(),
  usage: Usage,
  /** null: a model has no price in the book, so the cost is unknown, which is not zero. */
  cost: Money.nullable(),
  /** Date of the price book, YYYY-MM-DD. */
  priceBook: z.string(),
});

export const BudgetSet = defineEvent('BudgetSet', 'A train may spend this much.', {
  trainId: TrainId,
  budget: Money,
  by: z.string(),
});

export const BudgetWarned = defineEvent('BudgetWarned', 'Four fifths of the budget are spent.', {
  trainId: TrainId,
  spent: Money,
  budget: Money,
});

export const BudgetExhausted = defineEvent(
  'BudgetExhausted',
  'The budget is spent: the train pauses and keeps its work.',
  {
    trainId: TrainId,
    spent: Money,
    budget: Money,
  },
);

const reservation = {
  trainId: TrainId,
  ticketId: TicketId,
  phase: Phase,
  attempt: z.int().positive(),
  agent: Agent,
};

export const SpendReserved = defineEvent(
  'SpendReserved',
  'Part of the budget is set aside for a ticket before it is worked on. What it spends is taken from that.',
  { ...reservation, ...Allowance.shape },
);

export const ReservationRefused = defineEvent(
  'ReservationRefused',
  'More than is left was to be reserved for a ticket: nothing of it is spent, and the train pauses.',
  {
    ...reservation,
    amount: Money,
    spent: Money,
    reserved: Money,
    budget: Money.nullable(),
    reason: z.string(),
  },
);

export const ReservationReleased = defineEvent(
  'ReservationReleased',
  'A ticket is over: what was reserved for it and was not spent is free again.',
  { trainId: TrainId, ticketId: TicketId, amount: Money },
);
