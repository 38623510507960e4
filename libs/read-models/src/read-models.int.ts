import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import type { Positioned, Projection, TenantId } from '@vt/kernel';
import { freshDatabase, type FreshDatabase } from '@vt/testing';
import { Pool } from 'pg';
import { dataSource, migrateReadModels } from './migrate.ts';
import { createProjector, inTransaction } from './projector.ts';
import { createReader } from './reader.ts';
import { idempotencyKeys } from './idempotency.ts';
import { TABLES } from './tables.ts';
import { view, type Feed, type View } from './view.ts';

type Bumped = { type: 'Bumped'; data: { shelf: string; path: string } };
interface Shelf {
  trainId: string;
  phase: string | null;
  cycle: number;
  attempt: number;
  accepted: boolean;
  artifacts: readonly string[];
}

const TRAIN = '018f8e2a-7d34-4d11-9f3e-1d1d3f1a2b3c';
const acme = 'acme' as TenantId;
const other = 'other' as TenantId;

const projection = (version = 1): Projection<Bumped, Shelf> => ({
  name: 'artifact_shelf',
  version,
  types: ['Bumped'],
  keyOf: ({ data }) => data.shelf,
  evolve: (row, { data }) =>
    data.path === 'GONE'
      ? undefined
      : {
          trainId: TRAIN,
          phase: data.shelf,
          cycle: version,
          attempt: (row?.attempt ?? 0) + 1,
          accepted: true,
          artifacts: [...(row?.artifacts ?? []), data.path],
        },
});
const shelves = view(projection(), TABLES.artifactShelf);

/** Another view of the same events. */
const paths = view<Bumped, { trainId: string; type: string; at: string; actor: string; data: object }>(
  {
    ...{ name: 'paths', version: 1, types: ['Bumped'], keyOf: ({ data }) => data.shelf },
    evolve: (_row, { type, data }, { at }) => ({ trainId: TRAIN, type, at, actor: data.path, data }),
  },
  TABLES.timeline,
);

/** A log of given events, that reads like any other. */
class GivenLog implements Feed {
  readonly events: Positioned[] = [];
  add(shelf: string, path: string, tenant: TenantId = acme, type = 'Bumped') {
    const position = this.events.length + 1;
    const causation = { actor: 'test', causationId: 'c', correlationId: 'c' };
    const recorded = {
      id: `s@${position}`,
      tenant,
      stream: 's',
      version: position,
      hash: '',
      commandId: '',
      causation,
    };
    const at = new Date(position).toISOString();
    this.events.push({ ...recorded, position, at, event: { type, data: { shelf, path } } } as unknown as Positioned);
  }
  readLog: Feed['readLog'] = (position, filter, limit = 500) => {
    const page = this.events.slice(position, position + limit);
    const events = page.filter(({ event }) => filter?.types?.includes(event.type) ?? true);
    return Promise.resolve({ events: events as never, scannedTo: position + page.length });
  };
  lastPosition = () => Promise.resolve(this.events.length);
}

let database: FreshDatabase;
let url: string;
let pool: Pool;
let log: GivenLog;
const projector = (views: readonly View[] = [shelves]) => createProjector({ pool, store: log, views });
const tableRows = async () =>
  inTransaction(
    pool,
    async (client) => (await client.query('select * from rm.artifact_shelf order by tenant, key')).rows,
  );

beforeAll(async () => {
  database = await freshDatabase();
  url = database.url;
  await Promise.all([migrateReadModels(url), migrateReadModels(url)]);
  pool = new Pool({ connectionString: url, max: 6 });
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});
beforeEach(async () => {
  log = new GivenLog();
  await pool.query('truncate rm.artifact_shelf, rm.timeline, rm.checkpoint, rm.idempotency_key');
});

it('has migrations that make exactly what the entities say', async () => {
  const source = await dataSource(url).initialize();
  const { upQueries } = await source.driver.createSchemaBuilder().log();
  await source.destroy();
  expect(upQueries.map(({ query }) => query)).toEqual([]);
});

it('fences every table with a tenant, and lets no runtime role own one', async () => {
  const { rows } = await pool.query(
    `select relname, relrowsecurity and relforcerowsecurity as fenced, pg_get_userbyid(relowner) as owner
     from pg_class join pg_attribute on attrelid = pg_class.oid and attname = 'tenant'
     where relnamespace = 'rm'::regnamespace and relkind = 'r'`,
  );
  expect(rows.length).toBe(Object.keys(TABLES).length + 1);
  for (const row of rows) expect(row).toMatchObject({ fenced: true, owner: 'vt_owner' });
});

it('folds batch by batch, keeps awkward characters, and forgets rows that end', async () => {
  const running = projector();
  await running.prepare();
  log.add('a', 'one\ttab \\ back\nline');
  log.add('b', 'half a pair \ud800 and a nul \0');
  expect(await running.step()).toBe(2);
  log.add('a', 'two');
  log.add('c', 'soon');
  log.add('c', 'GONE');
  log.add('z', 'not ours', acme, 'Other');
  expect(await running.step()).toBe(4);
  expect(await running.step()).toBe(0);

  const { value, position } = await createReader(pool).rows(acme, shelves, { limit: 10 });
  expect(position).toBe(6);
  expect(value).toMatchObject([
    { key: 'a', firstPosition: 1, lastPosition: 3, attempt: 2, artifacts: ['one\ttab \\ back\nline', 'two'] },
    { key: 'b', firstPosition: 2, lastPosition: 2, artifacts: ['half a pair \ufffd and a nul \ufffd'] },
  ]);
});

it('rebuilds beside the live table what live folding made, and swaps with the fence in place', async () => {
  const running = projector();
  await running.prepare();
  for (let n = 0; n < 3_000; n += 1) {
    log.add(`shelf-${n % 700}`, n % 97 === 0 ? 'GONE' : `file \\ ${n}\t\0`, n % 3 ? acme : other);
    if (n % 500 === 0) await running.step();
  }
  while ((await running.step()) > 0);
  const live = await tableRows();

  expect(await running.rebuild('artifact_shelf')).toBe(3_000);
  expect(await tableRows()).toEqual(live);
  const { value } = await createReader(pool).rows(other, shelves, { limit: 1_000 });
  expect(value.length).toBe(live.filter(({ tenant }) => tenant === 'other').length);

  log.add('shelf-1', 'after the swap');
  expect(await running.step()).toBe(1);
  await running.rebuild('artifact_shelf');
  const source = await dataSource(url).initialize();
  const { upQueries } = await source.driver.createSchemaBuilder().log();
  await source.destroy();
  expect(upQueries.map(({ query }) => query)).toEqual([]);
});

it('rebuilds a view of any number of rows without holding more than a bound of them', async () => {
  const running = projector();
  await running.prepare();
  const rows = 70_000;
  // Some are touched again long after they were written, and some of those end.
  for (let n = 0; n < rows; n += 1) log.add(`shelf-${n}`, 'one');
  for (let n = 0; n < rows; n += 10) log.add(`shelf-${n}`, n % 1_000 ? 'two' : 'GONE');
  let heldMax = 0;
  const { readLog } = log;
  log.readLog = async (position, filter, limit) => {
    const { rows: found } = await pool.query(`select count(*)::int as count from rm.artifact_shelf_next`);
    heldMax = Math.max(heldMax, Math.min(position, rows) - found[0].count);
    return readLog(position, filter, limit);
  };
  await running.rebuild('artifact_shelf');

  expect(heldMax).toBeGreaterThan(0);
  expect(heldMax).toBeLessThanOrEqual(50_000);
  const { rows: found } = await inTransaction(pool, (client) =>
    client.query(`select attempt, count(*)::int as count from rm.artifact_shelf group by attempt order by attempt`),
  );
  expect(found).toEqual([
    { attempt: 1, count: 63_000 },
    { attempt: 2, count: 6_930 },
  ]);
}, 30_000);

it('goes on from the last batch after a crash in the middle of one', async () => {
  const impatient = new Pool({ connectionString: url, options: '-c lock_timeout=50' });
  const hasty = createProjector({ pool: impatient, store: log, views: [shelves] });
  const running = projector();
  await running.prepare();
  log.add('a', 'one');
  await running.step();
  log.add('a', 'two');
  await inTransaction(pool, async (client) => {
    await client.query('reset role; lock table rm.artifact_shelf in share mode');
    await expect(hasty.step()).rejects.toThrow('lock timeout');
  });
  await impatient.end();
  expect(await running.position()).toBe(1);
  await running.step();
  expect(await tableRows()).toMatchObject([{ attempt: 2, artifacts: ['one', 'two'] }]);
});

it.each<[string, () => Shelf, string]>([
  ['throw', () => JSON.parse('?') as Shelf, 'Bumped at position 2: Unexpected token'],
  ['make a row that its table refuses', () => ({}) as Shelf, 'null value in column'],
])('leaves a view behind whose rules %s, says so, and keeps up the others', async (_flaw, flaw, reason) => {
  const flawed = (version: number) => {
    const { evolve, ...rest } = projection(version);
    const evolveBut: typeof evolve = (row, event, meta) =>
      event.data.path === 'one' ? evolve(row, event, meta) : flaw();
    return view({ ...rest, evolve: evolveBut }, TABLES.artifactShelf);
  };
  const told: string[] = [];
  const onBroken = (name: string, error: unknown) => void told.push(`${name}: ${String(error)}`);
  const running = createProjector({ pool, store: log, views: [flawed(1), paths], onBroken });
  await running.prepare();
  log.add('a', 'one');
  await running.step();
  for (const path of ['two', 'three']) {
    log.add('a', path);
    expect(await running.step()).toBe(1);
  }

  expect(told).toEqual([expect.stringContaining(`artifact_shelf: `)]);
  expect(told[0]).toContain(reason);
  expect(await running.waitFor(3, 1_000)).toBe(3);
  const reader = createReader(pool);
  const behind = await reader.rows(acme, shelves, { limit: 9 });
  expect(behind).toMatchObject({ position: 1, value: [{ artifacts: ['one'] }] });
  expect(await reader.rows(acme, paths, { limit: 9 })).toMatchObject({ position: 3, value: [{ actor: 'three' }] });

  // Nor does a view that can not be rebuilt keep the others from being begun with.
  const next = createProjector({ pool, store: log, views: [flawed(2), paths], onBroken });
  await next.prepare();
  expect(told).toHaveLength(2);
  log.add('a', 'four');
  expect(await next.step()).toBe(1);

  const mended = projector([shelves, paths]);
  while ((await mended.step()) > 0);
  expect(await mended.position()).toBe(4);
  expect(await tableRows()).toMatchObject([{ artifacts: ['one', 'two', 'three', 'four'] }]);
});

it('does the work once, however many run', async () => {
  const [first, second] = [projector(), projector()];
  await first.prepare();
  const both = [first.start(), second.start()];
  for (let n = 0; n < 500; n += 1) log.add('a', `${n}`);
  await Promise.all([first.waitFor(500, 10_000), second.waitFor(500, 10_000)]);
  await Promise.all(both.map(({ stop }) => stop()));
  expect(await tableRows()).toMatchObject([{ attempt: 500 }]);
});

it('rebuilds a view of an older version by itself, and leaves a newer one alone', async () => {
  const old = projector();
  await old.prepare();
  log.add('a', 'one');
  await old.step();
  const next = projector([view(projection(2), TABLES.artifactShelf)]);
  await next.prepare();
  expect(await tableRows()).toMatchObject([{ cycle: 2 }]);
  log.add('a', 'two');
  await old.prepare();
  expect(await old.step()).toBe(0);
  await next.step();
  expect(await tableRows()).toMatchObject([{ cycle: 2, attempt: 2 }]);
});

it('says in time that it does not reflect a position', async () => {
  const running = projector();
  await running.prepare();
  await expect(running.waitFor(5, 30)).rejects.toThrow('the views reflect position 0, and not 5 as yet');
});

it('shows a tenant its own rows, in pages, and nothing to who names no tenant', async () => {
  const running = projector();
  await running.prepare();
  for (const shelf of ['a', 'b', 'c']) log.add(shelf, 'x');
  log.add('theirs', 'x', other);
  await running.step();
  const reader = createReader(pool);
  const first = await reader.rows(acme, shelves, { limit: 2, order: 'desc' });
  expect(first.value.map(({ key }) => key)).toEqual(['c', 'b']);
  const second = await reader.rows(acme, shelves, { limit: 2, order: 'desc', after: first.value[1] });
  expect(second.value.map(({ key }) => key)).toEqual(['a']);
  const some = await reader.rows(acme, shelves, { limit: 9, where: { phase: ['a', 'c'] } });
  expect(some.value.map(({ key }) => key)).toEqual(['a', 'c']);

  const client = await pool.connect();
  await client.query('begin; set local role vt_reader');
  await expect(client.query('select * from rm.artifact_shelf')).rejects.toThrow('no tenant is set');
  await client.query('rollback');
  client.release();
  expect(await reader.anyTenant(shelves, 'theirs')).toMatchObject({ tenant: 'other' });
});

it('keeps the first answer to an idempotency key, and tells another body', async () => {
  const keys = idempotencyKeys<{ n: number }>(pool);
  expect(await keys.claim(acme, 'k', 'f')).toEqual({ reply: null });
  expect(await keys.claim(acme, 'k', 'g')).toBe('mismatch');
  expect(await keys.settle(acme, 'k', { n: 1 })).toEqual({ n: 1 });
  expect(await keys.settle(acme, 'k', { n: 2 })).toEqual({ n: 1 });
  expect(await keys.claim(acme, 'k', 'f')).toEqual({ reply: { n: 1 } });
  expect(await keys.claim(other, 'k', 'g')).toEqual({ reply: null });
});
