import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { Instant } from '@vt/kernel';
import { running, TENANT, TestBus, until } from './testing/bus.ts';
import { Timers, type Timer, type TimersOptions } from './timers.ts';

const past = (minutes: number) => Instant.parse(new Date(Date.now() - minutes * 60_000).toISOString());
const future = past(-60);

let bus: TestBus;
let fired: Timer[] = [];
let stop = () => Promise.resolve();
beforeAll(async () => {
  bus = await TestBus.start();
});
beforeEach(async () => {
  fired = [];
  await bus.pool.query('delete from bus.timer');
});
afterEach(async () => {
  await stop();
  stop = () => Promise.resolve();
});
afterAll(() => bus.stop());

function timers(options: Partial<TimersOptions> = {}) {
  const remember = (timer: Timer) => Promise.resolve(void fired.push(timer));
  return new Timers({ pool: bus.pool, owner: 'conductor', fire: remember, log: bus.log, ...options });
}
const start = (of: Timers) => (stop = running((signal) => of.run(signal)));
const timer = (subject: string, due: Instant): Timer => ({ tenant: TENANT, subject, due });
const kept = async () => {
  const { rows } = await bus.pool.query<{ subject: string; due: Date; late: boolean }>(
    'select subject, due, try_at > due as late from bus.timer order by due, subject',
  );
  return rows.map(({ subject, due, late }) => ({ subject, due: due.toISOString(), late }));
};

it('fires what is due once, and nothing that is not', async () => {
  const due = past(1);
  const loop = timers();
  await loop.set(timer('one', due));
  await loop.set(timer('other', future));
  start(loop);
  await until('it was fired', async () => (await kept()).length === 1);
  expect(fired).toEqual([timer('one', due)]);
  expect(await kept()).toEqual([{ subject: 'other', due: future, late: false }]);
});

it('is woken by a moment that is set before the one it sleeps for', async () => {
  const loop = timers();
  await loop.set(timer('one', future));
  start(loop);
  await loop.set(timer('one', past(2)));
  await until('it was fired', () => fired.length === 1);
});

it('keeps the earlier of two moments, and goes on with the next that what it fired answers', async () => {
  const moments = [past(2), future];
  const loop = timers({ fire: async (each) => (fired.push(each), moments.shift()) });
  await loop.set(timer('one', past(3)));
  await loop.set(timer('one', past(1)));
  start(loop);
  await until('both are over', async () => (await kept())[0]?.due === future);
  expect(fired).toHaveLength(2);
});

it('tries later what failed, and lets it keep nothing else from being fired', async () => {
  const due = past(2);
  const fire = async (each: Timer) => {
    if (each.subject === 'broken') throw new Error('away');
    return void fired.push(each);
  };
  const loop = timers({ fire });
  await loop.set(timer('broken', due));
  await loop.set(timer('sound', past(1)));
  expect(await loop.fireDue()).toBe(2);
  expect(fired).toMatchObject([{ subject: 'sound' }]);
  expect(await kept()).toEqual([{ subject: 'broken', due, late: true }]);
});

it('fires each once when several processes look at the same moment, and again when one of them died over it', async () => {
  for (let index = 0; index < 120; index += 1) await timers().set(timer(`train-${index}`, past(1)));
  const dying = timers({ pool: { ...bus.pool, connect: () => dyingClient(), query: bus.pool.query.bind(bus.pool) } });
  await expect(dying.fireDue()).rejects.toThrow('died');
  expect(fired).toHaveLength(50);
  fired = [];
  const stops = [timers(), timers()].map((loop) => running((signal) => loop.run(signal)));
  await until('all were fired', async () => (await kept()).length === 0);
  await Promise.all(stops.map((end) => end()));
  expect(new Set(fired.map(({ subject }) => subject)).size).toBe(120);
  expect(fired).toHaveLength(120);
});

/** A connection that is lost before anything is committed. */
async function dyingClient() {
  const client = await bus.pool.connect();
  const query = client.query.bind(client) as (text: string, values?: unknown[]) => Promise<unknown>;
  return Object.assign(Object.create(client) as typeof client, {
    query: (text: string, values?: unknown[]) =>
      text === 'commit' ? Promise.reject(new Error('died')) : query(text, values),
    release: () => client.release(true),
  });
}

it('asks the database the same few things whether nothing waits or 10,000 do', async () => {
  const asked = async () => {
    let statements = 0;
    const counted = Object.assign(Object.create(bus.pool) as typeof bus.pool, {
      connect: async () => {
        const client = await bus.pool.connect();
        const query = client.query.bind(client) as (...args: unknown[]) => unknown;
        return Object.assign(Object.create(client) as typeof client, {
          query: (...args: unknown[]) => ((statements += 1), query(...args)),
          release: () => client.release(),
        });
      },
      query: (...args: unknown[]) => {
        statements += 1;
        return (bus.pool.query as (...args: unknown[]) => unknown).apply(bus.pool, args);
      },
    });
    start(timers({ pool: counted }));
    await until('it has looked', () => statements >= 4);
    await stop();
    return statements;
  };
  const [few] = [await asked()];
  await bus.pool.query(
    `insert into bus.timer select 'conductor', 'acme', 'train-' || n, at, at
     from generate_series(1, 10000) n, lateral (select clock_timestamp() + interval '1 h') moment (at)`,
  );
  expect([few, await asked()]).toEqual([4, 4]);
  const { rows } = await bus.pool.query<{ 'QUERY PLAN': string }>(
    `explain select min(try_at) from bus.timer where owner = 'conductor'`,
  );
  expect(rows.map((row) => row['QUERY PLAN']).join('\n')).toContain('timer_by_try_at');
});
