import type { EventOf } from '@vt/contracts';
import type { Decider, TrainId } from '@vt/kernel';

export interface ReportRevival {
  readonly trainId: TrainId;
  readonly version: string;
  readonly reason: string;
}

/** Counts how often the model servers of a train were started again. Its stream, `serving-<trainId>`, belongs to ops. */
export const servingDecider: Decider<number, ReportRevival, EventOf<'ModelServerRevived'>> = {
  initial: 0,
  decide: (revival, revivals) => [{ type: 'ModelServerRevived', data: { ...revival, revivals: revivals + 1 } }],
  evolve: (_, { data }) => data.revivals,
};
