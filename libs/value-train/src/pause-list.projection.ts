import { PauseScope, type EventOf } from '@vt/contracts';
import type { Projection } from '@vt/kernel';
import { z } from 'zod';
import { pauseKey } from './pause.ts';

type PauseListEvent = EventOf<
  'PausePlaced' | 'PauseLifted' | 'TrainPaused' | 'TrainResumed' | 'TrainAborted' | 'TrainArchived' | 'TrainCompleted'
>;

export const PauseRow = z.object({
  scope: PauseScope,
  /** A ticket, a train or an agent, as the scope says; empty for a tenant and the fleet. */
  subject: z.string(),
  by: z.string(),
  reason: z.string(),
  since: z.iso.datetime(),
});
export type PauseRow = z.infer<typeof PauseRow>;

/** One row for each pause that stands, those of trains among them. */
export const pauseList: Projection<PauseListEvent, PauseRow> = {
  name: 'pause',
  version: 1,
  types: [
    'PausePlaced',
    'PauseLifted',
    'TrainPaused',
    'TrainResumed',
    'TrainAborted',
    'TrainArchived',
    'TrainCompleted',
  ],
  keyOf: ({ data }) => pauseKey('scope' in data ? data : { scope: 'train', subject: data.trainId }),
  evolve: (_, { type, data }, { at }) => {
    if (type === 'PausePlaced') {
      const { scope, subject, by, reason } = data;
      return { scope, subject, by, reason, since: at };
    }
    if (type === 'TrainPaused') {
      return { scope: 'train', subject: data.trainId, by: data.by, reason: data.reason, since: at };
    }
    return undefined;
  },
};
