import { DomainEvent, EVENT_TYPES } from '@vt/contracts';
import type { Projection } from '@vt/kernel';
import { z } from 'zod';

type TimelineEvent = Extract<DomainEvent, { data: { trainId: string } }>;

export const TimelineRow = z.object({
  trainId: z.string(),
  type: z.string(),
  at: z.iso.datetime(),
  actor: z.string(),
  data: z.record(z.string(), z.unknown()),
});
export type TimelineRow = z.infer<typeof TimelineRow>;

const isOfTrain = (type: DomainEvent['type']): type is TimelineEvent['type'] =>
  DomainEvent.options.some(({ shape }) => shape.type.value === type && 'trainId' in shape.data.shape);

/** One row for each event about a train, whichever stream it lies on, so that one train can be followed alone. */
export const timeline: Projection<TimelineEvent, TimelineRow> = {
  name: 'timeline',
  version: 1,
  types: EVENT_TYPES.filter(isOfTrain),
  keyOf: (_, { position }) => String(position),
  evolve: (_, { type, data }, { at, actor }) => ({ trainId: data.trainId, type, at, actor, data }),
};
