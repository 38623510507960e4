import type { EventOf, Money } from '@vt/contracts';
import type { Projection } from '@vt/kernel';

type BudgetEvent = EventOf<'BudgetSet' | 'BudgetWarned' | 'BudgetExhausted'>;

export interface BudgetRow {
  readonly trainId: string;
  readonly budget: Money;
  readonly setBy: string;
  readonly state: 'within' | 'warned' | 'exhausted';
  /** What was spent when the state last changed; null while it is within. */
  readonly spentThen: Money | null;
  readonly changedAt: string;
}

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
