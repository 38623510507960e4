import type { EventOf } from '@vt/contracts';
import { Rejection, type Recorded, type TrainId } from '@vt/kernel';
import { isOfOffices, withOffices, type Offices } from './offices.ts';
import type { TrainEvent } from './train.ts';

/** What a train was started with, by the events of its stream. @throws Rejection `train-unknown` when there are none */
export function startOf(trainId: TrainId, [first]: readonly Recorded<TrainEvent>[]): EventOf<'TrainStarted'>['data'] {
  if (first?.event.type === 'TrainStarted') return first.event.data;
  throw new Rejection('train-unknown', `there is no train ${trainId}; start it first`);
}

/** Who started a train and who has which role on it now, by the events of its stream. */
export function officesOf(
  trainId: TrainId,
  events: readonly Recorded<TrainEvent>[],
): Offices & { readonly startedBy: string } {
  const { approvers, startedBy } = startOf(trainId, events);
  return events
    .map(({ event }) => event)
    .filter(isOfOffices)
    .reduce(withOffices, { approvers, startedBy, delegations: [] });
}
