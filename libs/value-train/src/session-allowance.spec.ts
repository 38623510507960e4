import { expect, it } from '@jest/globals';
import {
  abandon,
  after,
  cancel,
  fitted,
  given,
  resume,
  rollBack,
  scored,
  start,
  submit,
  ticketId,
} from './testing/small-session.ts';

const allowance = { amount: { amount: '2.00', currency: 'USD' }, priceBook: '2026-11-01', models: {} };
const funded = { ...start, allowance };

it('is returned in the breath in which the session ends, after all that was spent of it', () => {
  given(...after(funded, fitted, scored))
    .when(submit())
    .thenTypes('AllowanceReturned', 'WorkSubmitted');
  given(...after(funded))
    .when(abandon)
    .thenTypes('AllowanceReturned', 'WorkAbandoned');
  given(...after(funded))
    .when(cancel)
    .thenTypes('AllowanceReturned', 'SessionCancelled');
  given(...after(funded, fitted, scored, submit()))
    .when(submit())
    .thenNothing();
});

it('outlives claims and rollbacks', () => {
  given(...after(funded, fitted, rollBack(1), resume(2, 3)))
    .when({ type: 'Abandon', ticketId, reasons: ['no memory'], fence: 2 })
    .thenTypes('AllowanceReturned', 'WorkAbandoned');
});

it('is told at the start; a session without one returns nothing', () => {
  expect(after(funded)[0]).toMatchObject({ data: { allowance } });
  given(...after(start))
    .when(abandon)
    .thenTypes('WorkAbandoned');
});
