import { EVENT_TYPES, type DomainEvent } from '@vt/contracts';
import type { Projection } from '@vt/kernel';

type TimelineEvent = Extract<DomainEvent, { data: { trainId: string } }>;

export interface TimelineRow {
  readonly trainId: string;
  readonly type: TimelineEvent['type'];
  readonly at: string;
  readonly actor: string;
  readonly data: TimelineEvent['data'];
}

const isOfTrain = (type: DomainEvent['type']): type is TimelineEvent['type'] =>
  type !== 'ApiKeyIssued' && type !== 'ApiKeyRevoked';

/** One row for each event about a train, whichever stream it lies on, so that one train can be followed alone. */
export const timeline: Projection<TimelineEvent, TimelineRow> = {
  name: 'timeline',
  version: 1,
  types: EVENT_TYPES.filter(isOfTrain),
  keyOf: (_, { position }) => String(position),
  evolve: (_, { type, data }, { at, actor }) => ({ trainId: data.trainId, type, at, actor, data }),
};
