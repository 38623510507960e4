// Append speed beside the reference design, in one run: `node tools/bench/append.ts <postgres url> [rounds]`.
// Needs a superuser's URL and makes and drops databases of its own. Build @vt/kernel and @vt/event-store first.
import { migrate, poolFor, PostgresEventStore, sequence } from '@vt/event-store';
import { NO_STREAM, type CommandId, type Head, type Instant, type TenantId } from '@vt/kernel';
import { randomUUID } from 'node:crypto';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setImmediate, setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';

const ROUNDS = 7;
const WARM_UP_MS = 500;
const MEASURED_MS = 2_500;
const STREAM_EVENTS = 40;
const CONNECTIONS = 2;
const PROCESSES = 10;
const IN_FLIGHT_OF_PROCESS = 8;

const phaseAdvanced = () => ({
  type: 'PhaseAdvanced',
  data: {
    agent: 'lab',
    artifacts: [
      { id: randomUUID(), kind: 'notebook', size: 1234 },
      { id: randomUUID(), kind: 'report', size: 99 },
    ],
    issuedAt: new Date().toISOString(),
    phase: 'build',
    score: 0.973,
    summary: 'Gate passed: criteria reviewed by the responsible agent and recorded for the audit log.',
    trainId: randomUUID(),
  },
});

/** Appends one event to the worker's stream, which stands at `version`. */
type AppendOne = (worker: number, stream: string, version: number) => Promise<void>;

const percentile = (sorted: readonly number[], share: number) =>
  sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
const sorted = (numbers: readonly number[]) => numbers.toSorted((a, b) => a - b);
const median = (numbers: readonly number[]) => percentile(sorted(numbers), 0.5);

/** So many workers, each with a stream of its own and one append in flight. */
const closedLoop = async (workers: number, appendOne: AppendOne) => {
  const latencies: number[] = [];
  const from = performance.now() + WARM_UP_MS;
  const until = from + MEASURED_MS;
  const work = async (worker: number) => {
    while (performance.now() < until) {
      const stream = `train-${randomUUID()}`;
      for (let version = 0; version < STREAM_EVENTS && performance.now() < until; version += 1) {
        const started = performance.now();
        await appendOne(worker, stream, version);
        if (started >= from) latencies.push(performance.now() - started);
      }
    }
  };
  await Promise.all(Array.from({ length: workers }, (_, worker) => work(worker)));
  return { perSecond: (latencies.length * 1_000) / MEASURED_MS, latencies };
};

const ours = (store: PostgresEventStore): AppendOne => {
  const heads = new Map<number, Head>();
  const event = phaseAdvanced();
  const causation = { actor: 'lab', causationId: randomUUID(), correlationId: randomUUID() };
  return async (worker, stream, version) => {
    const outcome = await store.append({
      tenant: 'bench' as TenantId,
      stream,
      expected: version === 0 ? NO_STREAM : heads.get(worker)!,
      commandId: randomUUID() as CommandId,
      causation,
      at: new Date().toISOString() as Instant,
      events: [event],
    });
    if (outcome.kind !== 'appended') throw new Error(`${stream} at ${version}: ${outcome.kind}`);
    heads.set(worker, outcome.head);
  };
};

// The least that a store of this design must do: version check, event, queue row; no tenants, hashes, command ids.
const REFERENCE = `
  create schema reference;
  create table reference.stream (stream text primary key, version bigint not null) with (fillfactor = 70);
  create table reference.event (
    id bigint generated always as identity primary key, stream text not null, version bigint not null,
    type text not null, data text not null, meta jsonb not null,
    at timestamptz not null default clock_timestamp(), unique (stream, version)
  );
  create table reference.unsequenced (place bigint generated always as identity primary key, id bigint not null);
  create function reference.append(appends jsonb, events jsonb) returns int[] language plpgsql as $$
  declare accepted int[];
  begin
    with wanted as materialized (
      select (o - 1)::int i, x->>'s' s, (x->>'e')::bigint e, (x->>'n')::int n
      from jsonb_array_elements(appends) with ordinality as a(x, o)
    ), created as (
      insert into reference.stream select s, n from wanted where e = 0 on conflict do nothing returning stream
    ), advanced as (
      update reference.stream t set version = w.e + w.n from wanted w
      where w.e > 0 and t.stream = w.s and t.version = w.e returning t.stream
    ), ok as (
      select w.* from wanted w join (select stream from created union all select stream from advanced) u on u.stream = w.s
    ), written as (
      insert into reference.event (stream, version, type, data, meta)
      select ok.s, ok.e + x.k, x.t, x.d, x.m
      from jsonb_to_recordset(events) as x(i int, k int, t text, d text, m jsonb) join ok on ok.i = x.i
      order by x.i, x.k returning id
    ), queued as (insert into reference.unsequenced (id) select id from written order by id returning 1)
    select array_agg(i) into accepted from ok;
    return accepted;
  end $$;`;

/** The reference group writer; its events come as JSON text made before, so it measures the database and little else. */
const reference = (clients: readonly pg.Client[]): AppendOne => {
  type Waiting = { stream: string; version: number; done: () => void; failed: (error: unknown) => void };
  const { type, data } = phaseAdvanced();
  const meta = { actor: 'lab', causationId: randomUUID(), correlationId: randomUUID() };
  const event = `"t":"${type}","d":${JSON.stringify(data)},"m":${JSON.stringify(meta)}`;
  const free = [...clients];
  let queue: Waiting[] = [];
  let scheduled = false;

  const flush = async (client: pg.Client, batch: readonly Waiting[]) => {
    const appends = batch.map(({ stream, version }) => `{"s":"${stream}","e":${version},"n":1}`);
    const events = batch.map((_, index) => `{"i":${index},"k":1,${event}}`);
    try {
      const { rows } = await client.query<{ ok: number[] }>({
        name: 'reference',
        text: 'select reference.append($1, $2) as ok',
        values: [`[${appends.join()}]`, `[${events.join()}]`],
      });
      if (rows[0]?.ok.length !== batch.length) throw new Error('conflict');
      for (const { done } of batch) done();
    } catch (error) {
      for (const { failed } of batch) failed(error);
    }
    free.push(client);
    kick();
  };
  const kick = () => {
    while (free.length > 0 && queue.length > 0) {
      const batch = queue.slice(0, 256);
      queue = queue.slice(256);
      void flush(free.pop()!, batch);
    }
  };
  return (_, stream, version) =>
    new Promise((done, failed) => {
      queue.push({ stream, version, done, failed });
      if (scheduled) return;
      scheduled = true;
      void setImmediate().then(() => {
        scheduled = false;
        kick();
      });
    });
};

const inFreshDatabase = async <Result>(url: string, work: (url: string) => Promise<Result>): Promise<Result> => {
  const name = `bench_${randomUUID().replaceAll('-', '')}`;
  const admin = new pg.Client({ connectionString: url });
  await admin.connect();
  await admin.query(`create database ${name} encoding 'UTF8' template template0`);
  try {
    const database = new URL(url);
    database.pathname = `/${name}`;
    await migrate(database.href);
    return await work(database.href);
  } finally {
    await admin.query(`drop database ${name} with (force)`);
    await admin.end();
  }
};

const compared = (url: string, rounds: number) =>
  inFreshDatabase(url, async (database) => {
    const clients = Array.from({ length: CONNECTIONS }, () => new pg.Client({ connectionString: database }));
    await Promise.all(clients.map((client) => client.connect()));
    await clients[0]!.query(REFERENCE);
    const pool = poolFor(database, 'vt_service');
    const store = new PostgresEventStore(pool, { flushesMax: CONNECTIONS });
    for (const inFlight of [1, 8, 32, 128]) {
      const rates: { ours: number; reference: number }[] = [];
      for (let round = 0; round < rounds; round += 1) {
        await clients[0]!.query('checkpoint');
        const theirs = await closedLoop(inFlight, reference(clients));
        await clients[0]!.query('checkpoint');
        rates.push({ reference: theirs.perSecond, ours: (await closedLoop(inFlight, ours(store))).perSecond });
      }
      console.log(
        `append, ${inFlight} in flight: ours ${median(rates.map((rate) => rate.ours)).toFixed(0)}/s,`,
        `reference ${median(rates.map((rate) => rate.reference)).toFixed(0)}/s,`,
        `ratio ${median(rates.map((rate) => rate.ours / rate.reference)).toFixed(2)}`,
      );
    }
    await pool.end();
    await Promise.all(clients.map((client) => client.end()));
  });

// A statement's sleep inside the transaction has the locks held for as long as a synchronous standby would.
const SLOW_COMMIT = `
  create function es.slow_commit() returns trigger language plpgsql as
    $$ begin perform pg_sleep(0.003); return null; end $$;
  create trigger slow_commit after insert on es.event for each statement execute function es.slow_commit();
  alter table es.event add column bench_at timestamptz not null default clock_timestamp();
  alter table es.global_log add column bench_at timestamptz not null default clock_timestamp();`;

/** Ten writers, and the sequencer in this process. The lag counts from the insert, so it includes the slow commit. */
const tenProcesses = (url: string) =>
  inFreshDatabase(url, async (database) => {
    const admin = new pg.Client({ connectionString: database });
    await admin.connect();
    await admin.query(SLOW_COMMIT);
    const ledger = poolFor(database, 'vt_ledger');
    const writers = Array.from({ length: PROCESSES }, () => fork(fileURLToPath(import.meta.url), ['writer', database]));
    let writing = true;
    const results = Promise.all(writers.map(async (writer) => (await once(writer, 'message'))[0] as number[]));
    void results.finally(() => (writing = false));
    while (writing) if ((await sequence(ledger)) === 0) await delay(2);
    while ((await sequence(ledger)) > 0);

    const latencies = sorted((await results).flat());
    const { rows } = await admin.query<{ p50: number; p99: number; count: number }>(`
      select percentile_cont(0.5) within group (order by lag) as p50, percentile_cont(0.99) within group (order by lag) as p99
      from (
        select extract(epoch from g.bench_at - e.bench_at)::float8 * 1000 as lag
        from es.global_log g join es.event e on e.id = g.event_id
      ) lags`);
    console.log(
      `append, ${PROCESSES} processes of ${IN_FLIGHT_OF_PROCESS}, commit 3 ms slow:`,
      `total ${((latencies.length * 1_000) / MEASURED_MS).toFixed(0)}/s, p50 ${percentile(latencies, 0.5).toFixed(1)} ms,`,
      `p99 ${percentile(latencies, 0.99).toFixed(1)} ms;`,
      `sequencer lag p50 ${rows[0]!.p50.toFixed(1)} ms, p99 ${rows[0]!.p99.toFixed(1)} ms`,
    );
    await ledger.end();
    await admin.end();
  });

const writer = async (database: string) => {
  const pool = poolFor(database, 'vt_service');
  const { latencies } = await closedLoop(IN_FLIGHT_OF_PROCESS, ours(new PostgresEventStore(pool)));
  process.send!(latencies);
  await pool.end();
  process.disconnect();
};

const [first, second] = process.argv.slice(2);
if (first === undefined) {
  console.error('usage: node tools/bench/append.ts <postgres url of a superuser> [rounds]');
  process.exitCode = 1;
} else if (first === 'writer') {
  await writer(second!);
} else {
  await compared(first, Number(second ?? ROUNDS));
  await tenProcesses(first);
}
