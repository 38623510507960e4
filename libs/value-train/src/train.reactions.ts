import type { DomainEvent } from '@vt/contracts';
import type { Reactions } from '@vt/kernel';
import { BUDGET } from './gate.ts';
import type { TrainCommand } from './train-commands.ts';

/** What the conductor does about events of other services, as far as no file has to be opened for it. */
export const trainReactions: Reactions<DomainEvent, TrainCommand> = {
  WorkAbandoned: ({ data: { trainId, ticketId, reasons } }) => [
    { type: 'AcceptAbandonment', trainId, ticketId, reasons },
  ],
  RiskBecameCritical: ({ data: { trainId, riskId, reason, phases } }) => [
    { type: 'PlaceHold', trainId, source: riskId, reason, phases },
  ],
  RiskSettled: ({ data: { trainId, riskId, reason } }) => [{ type: 'LiftHold', trainId, source: riskId, reason }],
  BudgetExhausted: ({ data: { trainId, spent, budget } }) => [
    {
      type: 'PlaceHold',
      trainId,
      source: BUDGET,
      phases: [],
      reason: `the budget of ${budget.amount} ${budget.currency} is exhausted: ${spent.amount} ${spent.currency} are spent`,
    },
  ],
  SpendReserved: ({ data: { trainId, ticketId, amount, priceBook, models } }) => [
    { type: 'AcceptReservation', trainId, ticketId, allowance: { amount, priceBook, models } },
  ],
  // Before anything of it is spent: more budget is granted, or the train ends.
  ReservationRefused: ({ data: { trainId, reason } }) => [
    { type: 'PlaceHold', trainId, source: BUDGET, phases: [], reason },
  ],
  // One that is spent already is exhausted next. More budget resumes nothing: whoever grants it decides about that.
  BudgetSet: ({ data: { trainId, budget } }) => [
    { type: 'LiftHold', trainId, source: BUDGET, reason: `the budget is ${budget.amount} ${budget.currency} now` },
  ],
};
