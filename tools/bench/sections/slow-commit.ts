import { migrate, poolFor, sequence } from '@vt/event-store';
import { Client } from 'pg';
import { setTimeout as delay } from 'node:timers/promises';
import type { Bench } from '../context.ts';
import { interleaved, median, type Pace } from '../measure.ts';
import type { Row } from '../report.ts';
import type { Load } from './append.ts';

const PROCESSES = 10;
const IN_FLIGHT_OF_EACH = 8;
const POLL_MS = 2;

// The sleep is inside the transaction, so that its locks are held for as long as a synchronous standby would have them
// held. The lag counts from the insert, before that sleep.
const SLOW_COMMIT = `
  create function es.slow_commit() returns trigger language plpgsql as
    $$ begin perform pg_sleep(0.003); return null; end $$;
  create trigger slow_commit after insert on es.event for each statement execute function es.slow_commit();
  alter table es.event add column bench_at timestamptz not null default clock_timestamp();
  alter table es.global_log add column bench_at timestamptz not null default clock_timestamp();`;

const LAG_P99 = `
  select percentile_cont(0.99) within group (order by extract(epoch from g.bench_at - e.bench_at)::float8 * 1000) as lag
  from es.global_log g join es.event e on e.id = g.event_id`;

interface Outcome {
  readonly perSecond: number;
  readonly p99: number;
  readonly lagP99: number;
}

/** Ten processes on a database whose commits take 3 ms, and one sequencer that orders what they append. */
export async function slowCommit(bench: Bench): Promise<readonly Row[]> {
  const run = () => bench.inFreshDatabase((url) => writeAndSequence(bench, url));
  const { outcomes } = await interleaved(bench.rounds, { outcomes: run });
  const medianOf = (figure: (outcome: Outcome) => number) => median(outcomes.map(figure));
  const what = `${PROCESSES} processes of ${IN_FLIGHT_OF_EACH} in flight, commit 3 ms slow`;
  const detail = `${bench.rounds} rounds of ${bench.ms / 1_000} s`;
  return [
    {
      what: `${what}: appended`,
      figure: medianOf(({ perSecond }) => perSecond),
      unit: '/s',
      target: { atLeast: 10_000 },
      detail,
    },
    {
      what: `${what}: append, p99`,
      figure: medianOf(({ p99 }) => p99),
      unit: 'ms',
      target: { under: 20 },
      detail: 'of the slowest process',
    },
    {
      what: `${what}: lag of the sequencer, p99`,
      figure: medianOf(({ lagP99 }) => lagP99),
      unit: 'ms',
      target: { under: 50 },
      detail: 'from the insert to the place in the log',
    },
  ];
}

async function writeAndSequence(bench: Bench, url: string): Promise<Outcome> {
  await migrate(url);
  const admin = new Client({ connectionString: url });
  await admin.connect();
  await admin.query(SLOW_COMMIT);
  const contestant = new URL('../contestants/ours.ts', import.meta.url).href;
  const load: Load = { contestant, url, inFlight: IN_FLIGHT_OF_EACH, ms: bench.ms };
  const processes = Array.from({ length: PROCESSES }, () =>
    bench.apart<Pace>(new URL('./append.ts', import.meta.url), load),
  );

  const writing = Promise.all(processes.map(({ result }) => result));
  const over = new AbortController();
  const done = () => over.abort();
  writing.then(done, done);
  const ledger = poolFor(url, 'vt_ledger');
  while ((await sequence(ledger)) > 0 || !over.signal.aborted) await delay(POLL_MS);

  const paces = await writing;
  const { rows } = await admin.query<{ lag: number }>(LAG_P99);
  await Promise.all([ledger.end(), admin.end()]);
  return {
    perSecond: paces.reduce((sum, { perSecond }) => sum + perSecond, 0),
    p99: Math.max(...paces.map(({ p99 }) => p99)),
    lagP99: rows[0]!.lag,
  };
}
