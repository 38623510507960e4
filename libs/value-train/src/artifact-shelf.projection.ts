import { Artifact, type EventOf } from '@vt/contracts';
import type { Projection } from '@vt/kernel';
import { z } from 'zod';

type ShelfEvent = EventOf<'TrainStarted' | 'WorkSubmitted' | 'PhaseCompleted'>;

export const ShelfRow = z.object({
  trainId: z.string(),
  /** null: what the train was started with. */
  phase: z.string().nullable(),
  cycle: z.int(),
  attempt: z.int(),
  /** The gate let them out; before that, they are an attempt's. */
  accepted: z.boolean(),
  artifacts: z.array(Artifact),
});
export type ShelfRow = z.infer<typeof ShelfRow>;

/** One row for each phase and cycle of a train: the files that its latest attempt left. */
export const artifactShelf: Projection<ShelfEvent, ShelfRow> = {
  name: 'artifact_shelf',
  version: 1,
  types: ['TrainStarted', 'WorkSubmitted', 'PhaseCompleted'],
  keyOf: (event) =>
    event.type === 'TrainStarted'
      ? `${event.data.trainId}/0`
      : `${event.data.trainId}/${event.data.cycle}/${event.data.phase}`,
  evolve: (_, event) => {
    if (event.type === 'TrainStarted') {
      const { trainId, inputs } = event.data;
      return { trainId, phase: null, cycle: 0, attempt: 0, accepted: true, artifacts: inputs };
    }
    const { trainId, phase, cycle, attempt, artifacts } = event.data;
    return { trainId, phase, cycle, attempt, accepted: event.type === 'PhaseCompleted', artifacts };
  },
};
