import { trainStream, type EventOf } from '@vt/contracts';
import { Rejection, type EventStore, type TenantId, type TrainId } from '@vt/kernel';
import type { TrainEvent } from './train.ts';

/** What a train was started with, for services that have no stream of it. @throws Rejection `train-unknown` */
export const startOf = async (
  store: Pick<EventStore, 'read'>,
  tenant: TenantId,
  trainId: TrainId,
): Promise<EventOf<'TrainStarted'>['data']> => {
  const [first] = await store.read<TrainEvent>(tenant, trainStream(trainId));
  if (first?.event.type === 'TrainStarted') return first.event.data;
  throw new Rejection('train-unknown', `there is no train ${trainId}; start it first`);
};
