import { Controller, Inject } from '@nestjs/common';
import { EVENT_TYPES, type DomainEvent, type DomainEventType } from '@vt/contracts';
import type { EventStore } from '@vt/kernel';
import { Problem, type Platform } from '@vt/service';
import { z } from 'zod';
import type { Doors } from '../doors.ts';
import { may } from '../edge/authentication.guard.ts';
import { Handles } from '../edge/handles.ts';
import { LIMIT_MAX, operation, type Answered, type Incoming } from '../edge/operation.ts';
import { DoorsToken, PlatformToken } from '../edge/tokens.ts';

const tag = 'audit';

const FedEvent = z.object({
  position: z.int(),
  id: z.string(),
  stream: z.string(),
  version: z.int(),
  at: z.string(),
  actor: z.string(),
  causationId: z.string(),
  correlationId: z.string(),
  type: z.string(),
  data: z.record(z.string(), z.unknown()),
});

const readFeed = operation({
  id: 'readFeed',
  method: 'GET',
  path: '/v1/events',
  tag,
  summary: 'Read the events of the tenant in the order of the log',
  role: 'viewer',
  query: z.object({
    after: z.coerce.number().int().nonnegative().default(0).describe('`next` of the page before; 0 for the first.'),
    limit: z.coerce.number().int().min(1).max(LIMIT_MAX).default(100),
    types: z.string().optional().describe('Types with commas between them; all, unless given.'),
  }),
  answer: {
    status: 200,
    description: 'A page of events; `next` is where to go on, also when there is nothing there as yet.',
    schema: z.object({ items: z.array(FedEvent), next: z.int() }),
  },
});

const verifyStore = operation({
  id: 'verifyStore',
  method: 'POST',
  path: '/v1/audit/verification',
  tag,
  summary: 'Verify that no event was changed, added or taken away behind the back of the store',
  role: 'auditor',
  answer: {
    status: 200,
    description:
      'What was found: `ok` is said of the whole store; counts and problems are those of the tenant, and of the log.',
    schema: z.object({
      ok: z.boolean(),
      events: z.int(),
      streams: z.int(),
      positions: z.int().describe('Events that have their place in the log; the others wait for it.'),
      problems: z.array(
        z.object({
          tenant: z.string().optional(),
          stream: z.string().optional(),
          version: z.int().optional(),
          position: z.int().optional(),
          problem: z.string(),
        }),
      ),
    }),
  },
});

/** Who may use the API is for those to know who look after it. */
const OF_ACCESS: ReadonlySet<DomainEventType> = new Set(['ApiKeyIssued', 'ApiKeyRevoked']);

@Controller()
export class AuditController {
  /** That of one tenant: the database shows no other's events. */
  private readonly store: Pick<EventStore, 'readLog'>;

  constructor(
    @Inject(PlatformToken) platform: Pick<Platform, 'store'>,
    @Inject(DoorsToken) private readonly doors: Doors,
  ) {
    this.store = platform.store;
  }

  @Handles(readFeed)
  async read({ principal, query }: Incoming<typeof readFeed>): Promise<Answered> {
    const { after, limit } = query;
    const types = typesOf(query.types).filter((type) => !OF_ACCESS.has(type) || may(principal.role, 'auditor'));
    const { events, scannedTo } = await this.store.readLog<DomainEvent>(
      after,
      { tenant: principal.tenant, types },
      limit,
    );
    const items = events.map(({ position, id, stream, version, at, causation, event }) => ({
      ...{ position, id, stream, version, at, ...causation },
      ...event,
    }));
    const next = scannedTo > after ? String(scannedTo) : undefined;
    return { body: { items, next: scannedTo }, position: scannedTo, next };
  }

  @Handles(verifyStore)
  async verify({ principal }: Incoming<typeof verifyStore>): Promise<Answered> {
    return { body: await this.doors.verify(principal.tenant) };
  }
}

function typesOf(list: string | undefined): readonly DomainEventType[] {
  if (list === undefined) return EVENT_TYPES;
  const types = list.split(',').map((type) => type.trim());
  const unknown = types.filter((type) => !EVENT_TYPES.some((known) => known === type));
  if (unknown.length === 0) return EVENT_TYPES.filter((known) => types.includes(known));
  const detail = `no event is called ${unknown.join(', ')}: use ${EVENT_TYPES.join(', ')}`;
  throw new Problem(400, 'invalid', 'the query is not valid: see errors', [{ pointer: '/types', detail }]);
}
