import { FLEET, PAUSE_STREAM } from '@vt/contracts';
import { fold, type EventStore } from '@vt/kernel';
import type { Log } from '@vt/messaging';
import { pauseDecider, type PauseEvent } from '@vt/value-train';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import type { WorkPauses } from './pauses.ts';

const POLL_MS = 200;

export const StartPaused = z.object({
  START_PAUSED: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .describe(
      'the name of an incident: the fleet comes up paused, once for each name, until an operator resumes it; the same for the conductor and every agent',
    ),
});

/**
 * Resolves when the conductor has paused the fleet for the incident, however long ago, and the pause, if it still stands,
 * holds work here; at once without an incident. Until then nothing may be claimed: whoever comes up first waits.
 */
export const cameUpPaused = async (
  incident: string | undefined,
  { store, pauses, log }: { store: Pick<EventStore, 'read'>; pauses: WorkPauses; log: Log },
  stop: AbortSignal,
): Promise<void> => {
  if (incident === undefined) return;
  log.info({ incident }, 'waiting for the conductor to pause the fleet');
  while (!stop.aborted) {
    try {
      const events = await store.read<PauseEvent>(FLEET, PAUSE_STREAM);
      const { incidents } = fold(
        pauseDecider,
        events.map(({ event }) => event),
      );
      if (incidents.has(incident)) return await pauses.apply(events.at(-1)!);
    } catch (error) {
      log.warn({ err: error }, 'whether the fleet is paused can not be read, trying again');
    }
    await delay(POLL_MS, undefined, { signal: stop }).catch(() => undefined);
  }
};
