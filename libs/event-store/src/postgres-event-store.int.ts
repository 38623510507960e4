import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  NO_STREAM,
  Unavailable,
  type Append,
  type CommandId,
  type Head,
  type Instant,
  type TenantId,
} from '@vt/kernel';
import { eventStoreContract, freshDatabase, type FreshDatabase } from '@vt/testing';
import fc from 'fast-check';
import { randomUUID } from 'node:crypto';
import { Client, type Pool } from 'pg';
import { migrate } from './migrate.ts';
import { poolFor } from './pool.ts';
import { PostgresEventStore } from './postgres-event-store.ts';
import { sequence } from './sequencer.ts';

let database: FreshDatabase;
let service: Pool;
let ledger: Pool;
let admin: Client;
let store: PostgresEventStore;
/** The same store as the ledger sees it: all tenants. */
let whole: PostgresEventStore;
let rung = 0;

beforeAll(async () => {
  database = await freshDatabase();
  await migrate(database.url);
  service = poolFor(database.url, 'vt_service');
  ledger = poolFor(database.url, 'vt_ledger');
  admin = new Client({ connectionString: database.url });
  await admin.connect();
  store = new PostgresEventStore(service, { onAppended: () => (rung += 1) });
  whole = new PostgresEventStore(ledger);
});

afterAll(async () => {
  await Promise.all([service.end(), ledger.end(), admin.end()]);
  await database.drop();
});

const sequenceAll = async () => {
  while ((await sequence(ledger)) > 0);
};

/** Appends as a service, reads the log as a subscriber. */
const both = () => ({
  append: store.append.bind(store),
  read: store.read.bind(store),
  readLog: whole.readLog.bind(whole),
  lastPosition: whole.lastPosition.bind(whole),
  positionOf: store.positionOf.bind(store),
});
eventStoreContract('PostgresEventStore', () => ({ store: both(), sequenceAll }));

const appendOf = (change: Partial<Append> = {}): Append => ({
  tenant: 'acme' as TenantId,
  stream: `train-${randomUUID()}`,
  expected: NO_STREAM,
  commandId: randomUUID() as CommandId,
  causation: { actor: 'tester', causationId: 'request', correlationId: 'journey' },
  at: '2026-11-21T09:00:00.000Z' as Instant,
  events: [{ type: 'Happened', data: { note: 'as it was' } }],
  ...change,
});

describe('appending to PostgreSQL', () => {
  it('lets concurrent appends travel together, and rings once for each statement', async () => {
    rung = 0;
    const outcomes = await Promise.all(Array.from({ length: 200 }, () => store.append(appendOf())));
    expect(new Set(outcomes.map(({ kind }) => kind))).toEqual(new Set(['appended']));
    expect(rung).toBeGreaterThan(0);
    expect(rung).toBeLessThan(20);
  });

  it('does not let one append that the database cannot store spoil the others of its batch', async () => {
    const [bad, ...good] = await Promise.allSettled([
      store.append(appendOf({ stream: 'train-\u0000' })),
      ...Array.from({ length: 5 }, () => store.append(appendOf())),
    ]);
    expect(bad.status).toBe('rejected');
    expect(good).toEqual(
      Array(5).fill({
        status: 'fulfilled',
        value: { kind: 'appended', head: expect.objectContaining({ version: 1 }) },
      }),
    );
  });

  it('settles races of two processes for the same commands as one does', async () => {
    const other = new PostgresEventStore(service);
    const appends = Array.from({ length: 40 }, () => appendOf());
    const outcomes = await Promise.all(appends.flatMap((append) => [store.append(append), other.append(append)]));
    const kinds = outcomes.map(({ kind }) => kind).sort();
    expect(kinds).toEqual([...Array<string>(40).fill('appended'), ...Array<string>(40).fill('duplicate')]);
  });

  it('answers the second of two processes that decided from the same head with a conflict', async () => {
    const other = new PostgresEventStore(service);
    const stream = `train-${randomUUID()}`;
    const writers = [store, other, store, other].map((each) => each.append(appendOf({ stream })));
    const kinds = (await Promise.all(writers)).map(({ kind }) => kind).sort();
    expect(kinds).toEqual(['appended', 'conflict', 'conflict', 'conflict']);
  });

  it('finds out what became of an append whose connection was lost', async () => {
    const append = appendOf();
    await admin.query('begin');
    await admin.query('lock table es.unsequenced in share mode');
    const outcome = store.append(append);
    await until(async () => (await waiting(admin)) !== undefined);
    await admin.query('select pg_terminate_backend($1)', [await waiting(admin)]);
    await admin.query('commit');
    expect(await outcome).toMatchObject({ kind: 'appended', head: { version: 1 } });
    expect(await store.read(append.tenant, append.stream)).toHaveLength(1);
  });

  it('says that the database is away when it stays away', async () => {
    const nowhere = new URL(database.url);
    nowhere.port = '1';
    const pool = poolFor(nowhere.href, 'vt_service');
    const away = new PostgresEventStore(pool, { patienceMs: 100 });
    await expect(away.append(appendOf())).rejects.toThrow(Unavailable);
    await expect(away.lastPosition()).rejects.toThrow(Unavailable);
    await expect(sequence(pool)).rejects.toThrow(Unavailable);
    await pool.end();
  });
});

describe('the sequencer', () => {
  it('gives dense positions in the order of streams, with any number of candidates while appends go on', async () => {
    await sequenceAll();
    const before = await whole.lastPosition();
    const others = [new PostgresEventStore(service), new PostgresEventStore(service), store];

    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 12 }), async (lengths) => {
        let writing = true;
        const candidates = [1, 7, 100].map(async (limit) => {
          while (writing) await sequence(ledger, limit);
        });
        const writers = lengths.map(async (length, index) => {
          const stream = `train-${randomUUID()}`;
          let expected: Head = NO_STREAM;
          for (let nth = 0; nth < length; nth += 1) {
            const outcome = await others[index % others.length]!.append(appendOf({ stream, expected }));
            if (outcome.kind !== 'appended') throw new Error(outcome.kind);
            expected = outcome.head;
          }
        });
        await Promise.all(writers);
        writing = false;
        await Promise.all(candidates);
      }),
      { numRuns: 15 },
    );
    await sequenceAll();

    const last = new Map<string, number>();
    let position = before;
    for await (const { events } of whole.logStream(before, {}, 50)) {
      for (const event of events) {
        expect(event.position).toBe((position += 1));
        expect(event.version).toBe((last.get(event.stream) ?? 0) + 1);
        last.set(event.stream, event.version);
      }
    }
    expect(position).toBe(await whole.lastPosition());
    expect(position).toBeGreaterThan(before);
  });

  it('leaves the work to the candidate that is at it', async () => {
    await store.append(appendOf());
    await admin.query('begin');
    await admin.query('select from es.sequencer for update');
    expect(await sequence(ledger)).toBe(0);
    await admin.query('rollback');
    expect(await sequence(ledger)).toBeGreaterThan(0);
  });

  it('does not wait for a transaction that is still open, and numbers it when it is through', async () => {
    const slow = await service.connect();
    const hold = appendOf();
    await slow.query('begin');
    await slow.query(`select set_config('app.tenant', 'acme', true)`);
    await slow.query('insert into es.unsequenced (event_id) values (-1)');
    await store.append(hold);
    await sequenceAll();
    expect(await store.positionOf(hold.tenant, hold.stream, 1)).toBeDefined();
    await slow.query('rollback');
    slow.release();
  });
});

describe('isolation and permanence', () => {
  const asTenant = async (tenant: string, statement: string, values: unknown[] = []) => {
    const client = await service.connect();
    try {
      await client.query('begin');
      await client.query(`select set_config('app.tenant', $1, true)`, [tenant]);
      return await client.query(statement, values);
    } finally {
      await client.query('rollback');
      client.release();
    }
  };

  it.each(['es.event', 'es.stream', 'es.global_log'])('shows a service only its own tenant in %s', async (table) => {
    await store.append(appendOf({ tenant: 'globex' as TenantId }));
    await store.append(appendOf());
    await sequenceAll();
    const { rows } = await asTenant('acme', `select distinct tenant from ${table}`);
    expect(rows).toEqual([{ tenant: 'acme' }]);
  });

  it('refuses a service rows of another tenant', async () => {
    const event = `insert into es.event (tenant, stream, version, type, bytes, hash)
      values ('globex', 'train-1', 1, 'Happened', '{}', decode(repeat('00', 32), 'hex'))`;
    await expect(asTenant('acme', event)).rejects.toThrow(/row-level security/);
    const stream = `insert into es.stream values ('globex', 's', 1, sha256(''), 0, sha256(''))`;
    await expect(asTenant('acme', stream)).rejects.toThrow(/row-level security/);
  });

  it('reads the log of a tenant under its fence, and goes through no other events', async () => {
    const tenant = `tenant-${randomUUID()}` as TenantId;
    await store.append(appendOf({ tenant }));
    const event = { type: 'Happened', data: {} };
    for (let n = 0; n < 3; n += 1) await store.append(appendOf({ events: Array<typeof event>(500).fill(event) }));
    await store.append(appendOf({ tenant }));
    await sequenceAll();
    const fresh = poolFor(database.url, 'vt_service');
    const client = await fresh.connect();
    try {
      await client.query('begin');
      // Often enough that the plan is one for any tenant.
      for (let n = 0; n < 10; n += 1) {
        const { rows } = await client.query<{ bytes: string }>('select bytes from es.read_log(0, $1, $2, 100)', [
          ['Happened'],
          tenant,
        ]);
        expect(rows.map(({ bytes }) => (JSON.parse(bytes) as { tenant: string }).tenant)).toEqual([tenant, tenant]);
      }
      const { rows: read } = await client.query<{ seq_scan: number; idx_tup_fetch: number }>(
        `select seq_scan::int, idx_tup_fetch::int from pg_stat_xact_user_tables
         where relid = 'es.global_log'::regclass`,
      );
      expect(read[0]?.seq_scan).toBe(0);
      // Two each time, and what the planner looked at.
      expect(read[0]?.idx_tup_fetch).toBeLessThan(50);
    } finally {
      client.release(true);
      await fresh.end();
    }
  });

  it('makes forgetting the tenant an error, not an empty answer', async () => {
    const fresh = poolFor(database.url, 'vt_service');
    await expect(new PostgresEventStore(fresh).readLog(0)).rejects.toThrow(/app.tenant/);
    const client = await fresh.connect();
    await expect(client.query('select from es.event')).rejects.toThrow(/app.tenant/);
    // What was set for one statement leaves an empty text behind.
    await client.query(`select set_config('app.tenant', 'acme', true)`);
    await expect(client.query('select from es.event')).rejects.toThrow(/tenant_id/);
    client.release();
    await fresh.end();
  });

  it.each(['service', 'ledger', 'subscriber', 'owner'] as const)(
    'lets no %s change or remove an event',
    async (role) => {
      const pool = poolFor(database.url, `vt_${role}`);
      for (const statement of [
        'update es.event set type = type',
        'delete from es.event',
        'truncate es.event cascade',
      ]) {
        // The owner sees no rows, so nothing of what it asks for happens; truncating looks at no rows.
        const asked = pool.query(statement);
        if (role === 'owner' && !statement.startsWith('truncate')) expect((await asked).rowCount).toBe(0);
        else await expect(asked).rejects.toThrow(/permission denied|append-only/);
      }
      await pool.end();
    },
  );

  it.each([
    'update es.event set type = type',
    'delete from es.event',
    'truncate es.event',
    'update es.global_log set type = type',
    'delete from es.global_log',
    'truncate es.global_log',
  ])('refuses a superuser by trigger, also as a replica: %s', async (statement) => {
    await expect(admin.query(statement)).rejects.toThrow(/append-only/);
    await admin.query(`set session_replication_role = replica`);
    await expect(admin.query(statement)).rejects.toThrow(/append-only/);
    await admin.query(`set session_replication_role = origin`);
  });

  it('has forced row-level security on every table with a tenant, and no role that goes around it', async () => {
    const { rows } = await admin.query(`
      select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid
      where c.relnamespace = 'es'::regnamespace and c.relkind in ('r', 'p') and a.attname = 'tenant'
        and not (c.relrowsecurity and c.relforcerowsecurity)`);
    expect(rows).toEqual([]);
    const { rows: roles } = await admin.query(
      `select rolname from pg_roles where rolname like 'vt\\_%' and (rolsuper or rolbypassrls or rolcanlogin)`,
    );
    expect(roles).toEqual([]);
  });

  it('refuses in the database what would be too large', async () => {
    const event = `insert into es.event (tenant, stream, version, type, bytes, hash)
      values ('acme', 'train-1', 1, 'Happened', $1, decode(repeat('00', 32), 'hex'))`;
    await expect(asTenant('acme', event, ['x'.repeat(262_145)])).rejects.toThrow(/es\.content/);
  });
});

const waiting = async (client: Client): Promise<number | undefined> => {
  const { rows } = await client.query<{ pid: number }>(
    `select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' limit 1`,
  );
  return rows[0]?.pid;
};

const until = async (holds: () => Promise<boolean>): Promise<void> => {
  while (!(await holds()));
};
