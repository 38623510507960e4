import { Controller, Inject } from '@nestjs/common';
import { listParked, replayParked, type ParkedFilter } from '@vt/messaging';
import type { Platform } from '@vt/service';
import { z } from 'zod';
import { Handles } from '../edge/handles.ts';
import { operation, type Answered, type Incoming } from '../edge/operation.ts';
import { PlatformToken } from '../edge/tokens.ts';

const tag = 'parked events';

const Filter = {
  service: z.string().optional().describe('Who parked it, such as `conductor`; `relay` parks what JetStream refuses.'),
  stream: z.string().optional(),
};

const Parked = z.object({
  service: z.string(),
  position: z.int(),
  stream: z.string(),
  eventId: z.string(),
  reason: z.string(),
  attempts: z.int().describe('0: never tried, it waits behind an earlier event of its stream.'),
  parkedAt: z.iso.datetime(),
  replay: z.boolean().describe('It was asked for, and has not happened yet.'),
});

const listParkedEvents = operation({
  id: 'listParkedEvents',
  method: 'GET',
  path: '/v1/parked',
  tag,
  summary: 'List the events that a service could not handle, the oldest first, at most 1,000',
  role: 'operator',
  query: z.object(Filter),
  answer: { status: 200, description: 'What is parked.', schema: z.object({ items: z.array(Parked) }) },
});

const replayParkedEvents = operation({
  id: 'replayParkedEvents',
  method: 'POST',
  path: '/v1/parked/replay',
  tag,
  summary: 'Have parked events tried again, each stream from its oldest on; the list tells what became of them',
  role: 'operator',
  body: z.strictObject(Filter).default({}).describe('Everything of the tenant, unless it is narrowed down.'),
  answer: {
    status: 200,
    description: 'So many will be tried; the relay does so within a minute, all others within about a second.',
    schema: z.object({ asked: z.int() }),
  },
});

@Controller()
export class ParkedController {
  constructor(@Inject(PlatformToken) private readonly platform: Pick<Platform, 'subscriberPool' | 'log'>) {}

  @Handles(listParkedEvents)
  async list({ principal, query }: Incoming<typeof listParkedEvents>): Promise<Answered> {
    const parked = await listParked(this.platform.subscriberPool, filterOf(principal, query));
    const items = parked.map(({ consumer: service, tries: attempts, parkedAt, tenant: _, ...event }) => ({
      ...event,
      service,
      attempts,
      parkedAt: parkedAt.toISOString(),
    }));
    return { body: { items } };
  }

  @Handles(replayParkedEvents)
  async replay({ principal, body }: Incoming<typeof replayParkedEvents>): Promise<Answered> {
    const filter = filterOf(principal, body);
    const asked = await replayParked(this.platform.subscriberPool, filter);
    this.platform.log.info({ ...filter, asked, by: principal.name }, 'parked events are to be tried again');
    return { body: { asked } };
  }
}

const filterOf = (
  { tenant }: Incoming<typeof listParkedEvents>['principal'],
  { service, stream }: { readonly service?: string | undefined; readonly stream?: string | undefined },
): ParkedFilter => ({
  tenant,
  ...(service === undefined ? {} : { consumer: service }),
  ...(stream === undefined ? {} : { stream }),
});
