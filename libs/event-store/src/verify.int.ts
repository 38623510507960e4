import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { NO_STREAM, type CommandId, type Head, type Instant, type TenantId } from '@vt/kernel';
import { freshDatabase, type FreshDatabase } from '@vt/testing';
import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { migrate } from './migrate.ts';
import { poolFor } from './pool.ts';
import { PostgresEventStore } from './postgres-event-store.ts';
import { sequence } from './sequencer.ts';
import { verify } from './verify.ts';

const TENANTS = ['acme', 'globex'] as TenantId[];
/** Events of one append of each stream: a stream has one, then three, then two. */
const APPENDS = [1, 3, 2];

let original: FreshDatabase;
let admin: Client;

beforeAll(async () => {
  original = await freshDatabase();
  await migrate(original.url);
  await filled(original.url, ['train-1', 'train-2', 'train-3']);
  const elsewhere = new URL(original.url);
  elsewhere.pathname = '/postgres';
  admin = new Client({ connectionString: elsewhere.href });
  await admin.connect();
});

afterAll(async () => {
  await admin.end();
  await original.drop();
});

const filled = async (url: string, streams: readonly string[]): Promise<void> => {
  const [service, ledger] = [poolFor(url, 'vt_service'), poolFor(url, 'vt_ledger')];
  const store = new PostgresEventStore(service);
  for (const tenant of TENANTS) {
    for (const stream of streams) {
      let expected: Head = NO_STREAM;
      for (const events of APPENDS) {
        const outcome = await store.append({
          tenant,
          stream,
          expected,
          commandId: randomUUID() as CommandId,
          causation: { actor: 'tester', causationId: 'request', correlationId: 'journey' },
          at: '2026-11-21T09:00:00.000Z' as Instant,
          events: Array.from({ length: events }, (_, nth) => ({ type: 'Happened', data: { nth, note: 'as it was' } })),
        });
        if (outcome.kind === 'appended') expected = outcome.head;
      }
    }
  }
  // The last event of all keeps waiting.
  await sequence(ledger, TENANTS.length * streams.length * 6 - 1);
  await Promise.all([service.end(), ledger.end()]);
};

const verified = async (url: string, tenant?: string) => {
  const pool = poolFor(url, 'vt_subscriber');
  return verify(pool, tenant === undefined ? {} : { tenant }).finally(() => pool.end());
};

/** A copy of the store in which a superuser has done this, past all triggers. */
const tampered = async (statements: string, tenant?: string) => {
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  await admin.query(`create database ${name} template ${new URL(original.url).pathname.slice(1)}`);
  const url = new URL(original.url);
  url.pathname = `/${name}`;
  const superuser = new Client({ connectionString: url.href });
  await superuser.connect();
  try {
    await superuser.query('alter table es.event disable trigger all; alter table es.global_log disable trigger all');
    await superuser.query(statements);
    return await verified(url.href, tenant);
  } finally {
    await superuser.end();
    await admin.query(`drop database ${name} with (force)`);
  }
};

const EVENT = `where tenant = 'acme' and stream = 'train-2' and version`;
const STREAM = `where tenant = 'acme' and stream = 'train-2'`;
const flipped = (column: string, byte: number) => `set_byte(${column}, ${byte}, get_byte(${column}, ${byte}) # 1)`;

describe('verify', () => {
  it('finds nothing in a store as it was written', async () => {
    const pool = poolFor(original.url, 'vt_subscriber');
    const progress: unknown[] = [];
    const result = await verify(pool, { onProgress: (seen) => progress.push(seen) });
    await pool.end();
    expect(result).toEqual({ ok: true, events: 36, streams: 6, positions: 35, problems: [] });
    expect(progress).toEqual([{ events: 36, total: 36 }]);
  });

  it('counts for a tenant what is theirs, tells them of no problem of others, and yet that there is one', async () => {
    const pool = poolFor(original.url, 'vt_subscriber');
    const theirs = await verify(pool, { tenant: 'acme' });
    expect(theirs).toEqual({ ok: true, events: 18, streams: 3, positions: 18, problems: [] });
    const found = { events: 18, streams: 3, positions: 17, problems: [] };
    expect(await verify(pool, { tenant: 'globex' })).toEqual({ ok: true, ...found });
    await pool.end();
    const changed = `update es.event set bytes = bytes || ' ' ${EVENT} = 2`;
    expect(await tampered(changed, 'globex')).toEqual({ ok: false, ...found });
    const { problems } = await tampered(changed, 'acme');
    expect(problems[0]).toMatchObject({ tenant: 'acme', stream: 'train-2', version: 2 });
  });

  it('finds nothing while appends and the sequencer go on', async () => {
    const busy = await freshDatabase();
    await migrate(busy.url);
    const ledger = poolFor(busy.url, 'vt_ledger');
    let writing = true;
    const sequencing = (async () => {
      while (writing) await sequence(ledger, 3);
    })();
    const writes = Promise.all([['a'], ['b'], ['c']].map((streams) => filled(busy.url, streams)));
    void writes.finally(() => (writing = false));
    while (writing) expect(await verified(busy.url)).toMatchObject({ ok: true, problems: [] });
    await Promise.all([writes, sequencing]);
    expect(await verified(busy.url)).toMatchObject({ ok: true, events: 36 });
    await ledger.end();
    await busy.drop();
  });

  it('waits for its queries as long as they take, whatever others may', async () => {
    const superuser = new Client({ connectionString: original.url });
    await superuser.connect();
    await superuser.query('begin; lock table es.event in access exclusive mode');
    const pool = poolFor(original.url, 'vt_subscriber', { query_timeout: 1 });
    const unlock = async () => {
      const waiting = `select from pg_locks where relation = 'es.event'::regclass and not granted`;
      while ((await superuser.query(waiting)).rowCount === 0);
      await superuser.query('commit');
    };
    const [result] = await Promise.all([verify(pool), unlock()]);
    expect(result).toMatchObject({ ok: true, events: 36 });
    await Promise.all([superuser.end(), pool.end()]);
  });

  it('finds nothing in a copy in which nothing was changed', async () => {
    expect(await tampered('select')).toMatchObject({ ok: true, events: 36 });
  });

  it('names the place', async () => {
    const { ok, problems } = await tampered(
      `update es.event set bytes = replace(bytes, 'as it', 'as is') ${EVENT} = 3`,
    );
    expect(ok).toBe(false);
    expect(problems).toEqual([
      {
        tenant: 'acme',
        stream: 'train-2',
        version: 3,
        position: 9,
        problem: 'hash is not that of the bytes and the hash before',
      },
    ]);
  });

  it.each<[string, string]>([
    ['event.id', `alter table es.event alter id drop identity; update es.event set id = 9999 ${EVENT} = 3`],
    ['event.tenant', `update es.event set tenant = 'acmf' ${EVENT} = 3`],
    ['event.tenant of a whole stream', `update es.event set tenant = 'acmf' ${STREAM}`],
    ['event.stream', `update es.event set stream = 'train-4' ${EVENT} = 3`],
    ['event.version', `update es.event set version = 7 ${EVENT} = 6`],
    ['event.type', `update es.event set type = 'Happenee' ${EVENT} = 3`],
    ['event.command_id', `update es.event set command_id = gen_random_uuid() ${EVENT} = 4`],
    ['event.command_id taken away', `update es.event set command_id = null ${EVENT} = 4`],
    ['event.command_id taken away at the end', `update es.event set command_id = null ${EVENT} = 6`],
    [
      'event.command_id inside an append',
      `drop index es.event_command;
       update es.event set command_id = (bytes::json->>'commandId')::uuid ${EVENT} = 2`,
    ],
    ['event.hash', `update es.event set hash = ${flipped('hash', 31)} ${EVENT} = 3`],
    ['event.hash of the last event', `update es.event set hash = ${flipped('hash', 0)} ${EVENT} = 6`],
    ['space in the bytes', `update es.event set bytes = replace(bytes, ':', ': ') ${EVENT} = 3`],
    ['bytes that are no JSON', `update es.event set bytes = 'nothing' ${EVENT} = 3`],
    [
      'bytes with their hash',
      `update es.event set bytes = replace(bytes, 'as it', 'as is') ${EVENT} = 3;
       update es.event e set hash = sha256(before.hash || convert_to(e.bytes, 'UTF8')) from es.event before
       where e.tenant = 'acme' and e.stream = 'train-2' and e.version = 3
         and before.tenant = e.tenant and before.stream = e.stream and before.version = 2`,
    ],
    ['an event removed', `delete from es.event ${EVENT} = 3`],
    ['the last event removed', `delete from es.event ${EVENT} = 6`],
    ['the first event removed', `delete from es.event ${EVENT} = 1`],
    ['a stream removed', `delete from es.event ${STREAM}; delete from es.stream ${STREAM}`],
    [
      'two events swapped',
      `update es.event set version = 100 ${EVENT} = 2; update es.event set version = 2 ${EVENT} = 3;
       update es.event set version = 3 ${EVENT} = 100`,
    ],
    ['stream.tenant', `update es.stream set tenant = 'acmf' ${STREAM}`],
    ['stream.stream', `update es.stream set stream = 'train-4' ${STREAM}`],
    ['stream.version', `update es.stream set version = 7 ${STREAM}`],
    ['stream.version back', `update es.stream set version = 5 ${STREAM}`],
    ['stream.hash', `update es.stream set hash = ${flipped('hash', 7)} ${STREAM}`],
    ['stream.previous_version', `update es.stream set previous_version = 3 ${STREAM}`],
    ['stream.previous_hash', `update es.stream set previous_hash = ${flipped('previous_hash', 7)} ${STREAM}`],
    ['a stream row removed', `delete from es.stream ${STREAM}`],
    ['global_log.position', `update es.global_log set position = 999 where position = 9`],
    ['global_log.event_id', `update es.global_log set event_id = 999 where position = 9`],
    ['global_log.tenant', `update es.global_log set tenant = 'acmf' where position = 9`],
    ['global_log.type', `update es.global_log set type = 'Happenee' where position = 9`],
    ['a position removed', `delete from es.global_log where position = 9`],
    ['the last position removed', `delete from es.global_log where position = 35`],
    [
      'two positions swapped',
      `update es.global_log set position = -1 where position = 8; update es.global_log set position = 8 where position = 9;
       update es.global_log set position = 9 where position = -1`,
    ],
    ['sequencer.last', `update es.sequencer set last = last + 1`],
    ['a waiting event forgotten', `delete from es.unsequenced`],
    ['an event that waits again', `insert into es.unsequenced (event_id) select event_id from es.global_log limit 1`],
    ['an unknown event that waits', `insert into es.unsequenced (event_id) values (999)`],
  ])('finds a change of %s', async (_, statements) => {
    const { ok, problems } = await tampered(statements);
    expect(ok).toBe(false);
    expect(problems.length).toBeGreaterThan(0);
  });

  it('finds any byte of any event that was flipped', async () => {
    const superuser = new Client({ connectionString: original.url });
    await superuser.connect();
    const pool = poolFor(original.url, 'vt_subscriber');
    await superuser.query('alter table es.event disable trigger all');
    const { rows } = await superuser.query<{ id: string; length: number }>(
      'select id, octet_length(bytes) as length from es.event order by id',
    );
    for (const [index, { id, length }] of rows.entries()) {
      // Flipping the lowest bit twice brings back what was there.
      const byte = (index * 7) % length;
      const flip = `update es.event set bytes = convert_from(${flipped(`convert_to(bytes, 'UTF8')`, byte)}, 'UTF8') where id = ${id}`;
      await superuser.query(flip);
      expect((await verify(pool)).ok).toBe(false);
      await superuser.query(flip);
    }
    expect(await verify(pool)).toMatchObject({ ok: true });
    await superuser.query('alter table es.event enable always trigger append_only');
    await superuser.query('alter table es.event enable always trigger append_only_truncate');
    await Promise.all([superuser.end(), pool.end()]);
  });
});
