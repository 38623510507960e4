import { DomainEvent, type EventOf } from '@vt/contracts';
import type { Digest } from '@vt/kernel';
import { createHash } from 'node:crypto';

export const sha256 = (content: string) => `sha256:${createHash('sha256').update(content).digest('hex')}` as Digest;

export const trainStarted = (trainId: string, name = 'Rain'): EventOf<'TrainStarted'> =>
  DomainEvent.parse({
    type: 'TrainStarted',
    data: {
      trainId,
      name,
      client: 'Open Air Ltd',
      pipeline: { id: 'ml-delivery', version: 1, digest: sha256('pipeline') },
      inputs: [{ path: 'charter.json', digest: sha256('charter'), size: 7, mediaType: 'application/json' }],
      budget: null,
      approvers: [],
      startedBy: 'Ada',
    },
    // Parsing keeps the type that was given.
  }) as EventOf<'TrainStarted'>;

export const phaseEntered = (trainId: string, phase: string): DomainEvent =>
  DomainEvent.parse({ type: 'PhaseEntered', data: { trainId, phase, cycle: 1 } });
