import type { EventOf } from '@vt/contracts';
import { Rejection, type Recorded, type TrainId } from '@vt/kernel';
import type { TrainEvent } from './train.ts';

/** What a train was started with, by the events of its stream. @throws Rejection `train-unknown` when there are none */
export function startOf(trainId: TrainId, [first]: readonly Recorded<TrainEvent>[]): EventOf<'TrainStarted'>['data'] {
  if (first?.event.type === 'TrainStarted') return first.event.data;
  throw new Rejection('train-unknown', `there is no train ${trainId}; start it first`);
}
