import { z } from 'zod';
import { defineEvent } from './define-event.ts';
import { PauseScope } from './vocabulary.ts';

/** A train's own pause is in its stream: TrainPaused. */
const paused = { scope: PauseScope.exclude(['train']), subject: z.string() };

export const PausePlaced = defineEvent('PausePlaced', 'Nothing new begins in this scope until the pause is lifted.', {
  ...paused,
  by: z.string(),
  reason: z.string(),
  /** Of a fleet that came up paused: the incident that its settings named. Each pauses once. */
  incident: z.string().nullable(),
});

export const PauseLifted = defineEvent('PauseLifted', 'What this pause held goes on, unless another one covers it.', {
  ...paused,
  by: z.string(),
  reason: z.string(),
});
