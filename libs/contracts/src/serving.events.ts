import { TrainId } from '@vt/kernel';
import { z } from 'zod';
import { defineEvent } from './define-event.ts';

export const ModelServerRevived = defineEvent(
  'ModelServerRevived',
  'A model server that should run did not answer, and was started again.',
  {
    trainId: TrainId,
    /** Version of the model that it serves. */
    version: z.string(),
    reason: z.string(),
    /** How often the servers of this train were started again, this time included. */
    revivals: z.int().positive(),
  },
);
