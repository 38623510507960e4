import { Digest, TicketId, TrainId } from '@vt/kernel';
import type { EventOf } from '@vt/contracts';
import { randomUUID } from 'node:crypto';

/** An event store that takes part. */
export interface Appender {
  /** A new stream; each call of the answer appends one event to it, at the version expected. */
  stream(name: string): () => Promise<unknown>;
  close(): Promise<void>;
}

/** Opens a store in an empty database, for so many appends at a time. */
export type OpenAppender = (url: string, inFlight: number) => Promise<Appender>;

const trainId = TrainId.parse(randomUUID());

/** What everybody appends: about half a kilobyte of an event as this platform has them. */
export const EVENT: EventOf<'PhaseCompleted'> = {
  type: 'PhaseCompleted',
  data: {
    trainId,
    ticketId: TicketId.parse(`build_1_1_${trainId}`),
    phase: 'build',
    cycle: 1,
    attempt: 1,
    artifacts: [
      {
        path: 'build/inference-package.tar.gz',
        digest: Digest.parse(`sha256:${'5f'.repeat(32)}`),
        size: 48_213,
        mediaType: 'application/gzip',
      },
    ],
    facts: { parity: true, rows: 1461, champion: 'gradient-boosting' },
    outcome: 'passed',
  },
};

export const CAUSATION = { actor: 'conductor', causationId: randomUUID(), correlationId: randomUUID() };
