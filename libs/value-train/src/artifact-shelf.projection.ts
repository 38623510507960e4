import type { Artifact, EventOf } from '@vt/contracts';
import type { Projection } from '@vt/kernel';

type ShelfEvent = EventOf<'TrainStarted' | 'WorkSubmitted' | 'PhaseCompleted'>;

export interface ShelfRow {
  readonly trainId: string;
  /** null: what the train was started with. */
  readonly phase: string | null;
  readonly cycle: number;
  readonly attempt: number;
  /** The gate let them out; before that, they are an attempt's. */
  readonly accepted: boolean;
  readonly artifacts: readonly Artifact[];
}

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
