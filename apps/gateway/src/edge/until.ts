import { Instant } from '@vt/kernel';
import { z } from 'zod';

/** A moment as people and scripts write it, with any offset. */
export const Until = z.iso
  .datetime({ offset: true })
  .transform((text) => Instant.parse(new Date(text).toISOString()))
  .describe('A moment, such as 2026-12-24T18:00:00Z.');
