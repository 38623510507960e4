import { expect, it } from '@jest/globals';
import type { DomainEvent } from '@vt/contracts';
import { react, TicketId } from '@vt/kernel';
import { trainId } from './testing/pipelines.ts';
import { trainReactions } from './train.reactions.ts';

const ticketId = TicketId.parse(`training_1_1_${trainId}`);
const euros = (amount: string) => ({ amount, currency: 'EUR' });

it.each<[DomainEvent, object]>([
  [
    {
      type: 'WorkAbandoned',
      data: { trainId, ticketId, phase: 'training', cycle: 1, attempt: 1, agent: 'lab', reasons: ['no memory'] },
    },
    { type: 'AcceptAbandonment', trainId, ticketId, reasons: ['no memory'] },
  ],
  [
    {
      type: 'RiskBecameCritical',
      data: { trainId, riskId: 'R007-drift', score: 20, reason: 'drift', phases: ['deployment'] },
    },
    { type: 'PlaceHold', trainId, source: 'R007-drift', reason: 'drift', phases: ['deployment'] },
  ],
  [
    {
      type: 'RiskSettled',
      data: { trainId, riskId: 'R007-drift', status: 'mitigated', reason: 'retrained', by: 'Dana' },
    },
    { type: 'LiftHold', trainId, source: 'R007-drift', reason: 'retrained' },
  ],
  [
    { type: 'BudgetExhausted', data: { trainId, spent: euros('101.5'), budget: euros('100') } },
    {
      type: 'PlaceHold',
      trainId,
      source: 'budget',
      reason: 'the budget of 100 EUR is exhausted: 101.5 EUR are spent',
      phases: [],
    },
  ],
  [
    { type: 'BudgetSet', data: { trainId, budget: euros('200'), by: 'Olga' } },
    { type: 'LiftHold', trainId, source: 'budget', reason: 'the budget is 200 EUR now' },
  ],
])('$type leads to one command', (event, command) => {
  expect(react(trainReactions, event)).toEqual([command]);
});
