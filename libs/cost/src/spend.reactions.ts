import type { DomainEvent, EventOf } from '@vt/contracts';
import type { Reactions } from '@vt/kernel';
import type { SpendCommand } from './spend.decider.ts';

type RecordSpend = Extract<SpendCommand, { type: 'RecordSpend' }>;
type SetBudget = Extract<SpendCommand, { type: 'SetBudget' }>;

/** What is metered: every try of an action, also one that failed, where it was made. The id of the event is the service's to add. */
export const spendReactions: Reactions<DomainEvent, SetBudget | Omit<RecordSpend, 'source'>> = {
  TrainStarted: ({ data: { trainId, budget, startedBy } }) =>
    budget ? [{ type: 'SetBudget', trainId, budget, by: startedBy }] : [],
  ActionCompleted: ({ data }) => (data.handoff ? [] : [spendOf(data)]),
  ActionFailed: ({ data }) => (data.handoff ? [] : [spendOf(data)]),
};

const spendOf = ({
  trainId,
  ticketId,
  phase,
  agent,
  attempt,
  action,
  usage,
}: EventOf<'ActionCompleted' | 'ActionFailed'>['data']): Omit<RecordSpend, 'source'> => ({
  type: 'RecordSpend',
  trainId,
  ticketId,
  phase,
  agent,
  attempt,
  action,
  usage,
});
