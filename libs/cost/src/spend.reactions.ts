import type { DomainEvent } from '@vt/contracts';
import type { Reactions } from '@vt/kernel';
import type { SpendCommand } from './spend.decider.ts';

type RecordSpend = Extract<SpendCommand, { type: 'RecordSpend' }>;
type Others = Exclude<SpendCommand, RecordSpend>;

/**
 * What is metered: every try of an action, also one that failed, where it was made, and what archiving asked of a model.
 * The id of the event is the service's to add. What a ticket asks for is reserved until its session ends, or the train,
 * on which nothing is opened any more.
 */
export const spendReactions: Reactions<DomainEvent, Others | Omit<RecordSpend, 'source'>> = {
  TrainStarted: ({ data: { trainId, budget, startedBy } }) =>
    budget ? [{ type: 'SetBudget', trainId, budget, by: startedBy }] : [],
  ActionCompleted: ({ data }) => (data.handoff ? [] : [spendOf(data)]),
  ActionFailed: ({ data }) => (data.handoff ? [] : [spendOf(data)]),
  AllowanceRequested: ({ data: { cycle: _, ...reservation } }) => [{ type: 'ReserveSpend', ...reservation }],
  AllowanceReturned: ({ data: { trainId, ticketId } }) => [{ type: 'ReleaseReservation', trainId, ticketId }],
  TrainAborted: ({ data: { trainId } }) => [{ type: 'ReleaseReservation', trainId }],
  SessionArchived: ({ data: { usage, ...data } }) => (usage ? [spendOf({ ...data, action: 'archive', usage })] : []),
};

const spendOf = ({
  trainId,
  ticketId,
  phase,
  agent,
  attempt,
  action,
  usage,
}: Omit<RecordSpend, 'source' | 'type'>): Omit<RecordSpend, 'source'> => ({
  type: 'RecordSpend',
  trainId,
  ticketId,
  phase,
  agent,
  attempt,
  action,
  usage,
});
