import { Money, type EventOf } from '@vt/contracts';
import type { Projection } from '@vt/kernel';
import { z } from 'zod';

type BudgetEvent = EventOf<'BudgetSet' | 'BudgetWarned' | 'BudgetExhausted'>;

export const BudgetRow = z.object({
  trainId: z.string(),
  budget: Money,
  setBy: z.string(),
  state: z.enum(['within', 'warned', 'exhausted']),
  /** What was spent when the state last changed; null while it is within. */
  spentThen: Money.nullable(),
  changedAt: z.iso.datetime(),
});
export type BudgetRow = z.infer<typeof BudgetRow>;

/** One row for each train that has a budget: how much it may spend, and whether it was warned or stopped. */
export const budgetWatch: Projection<BudgetEvent, BudgetRow> = {
  name: 'budget',
  version: 1,
  types: ['BudgetSet', 'BudgetWarned', 'BudgetExhausted'],
  keyOf: ({ data }) => data.trainId,
  evolve: (row, event, { at }) => {
    switch (event.type) {
      case 'BudgetSet': {
        const { trainId, budget, by } = event.data;
        return { trainId, budget, setBy: by, state: 'within', spentThen: null, changedAt: at };
      }
      case 'BudgetWarned':
        return row && { ...row, state: 'warned', spentThen: event.data.spent, changedAt: at };
      case 'BudgetExhausted':
        return row && { ...row, state: 'exhausted', spentThen: event.data.spent, changedAt: at };
    }
  },
};
