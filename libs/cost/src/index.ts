export { money, nanos } from './money.ts';
export { priceOf, PriceBook } from './price-book.ts';
export { reservedAfter, sumOf, type Spend, type SpendEvent } from './spend.ts';
export { spendDecider, spendStreamOf, type SpendCommand } from './spend.decider.ts';
export { spendReactions } from './spend.reactions.ts';
export { BudgetRow, budgetWatch } from './budget.projection.ts';
export { addMoney, spendByTicket, SpendRow } from './spend.projection.ts';
