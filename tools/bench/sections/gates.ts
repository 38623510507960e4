import 'reflect-metadata';
import { replayPolicy } from '@vt/app-gateway';
import { trainStream } from '@vt/contracts';
import { poolFor, PostgresEventStore, sequence } from '@vt/event-store';
import { NO_STREAM, TenantId, TrainId, type CommandId, type Instant } from '@vt/kernel';
import { migratePlatform } from '@vt/service';
import type { TrainEvent } from '@vt/value-train';
import { randomUUID } from 'node:crypto';
import type { Work } from '../apart.ts';
import { CAUSATION } from '../contestants/appender.ts';
import { CRITERIA, PHASES, policyWith, rideOn } from '../contestants/gates.ts';
import type { Bench } from '../context.ts';
import { settle } from '../history.ts';
import { median, percentile, sorted } from '../measure.ts';
import { quantity, type Row } from '../report.ts';

const CASES = 100_000;
const TENANT = TenantId.parse('bench');
const TRAIN = TrainId.parse('0191b2c4-6f3e-4a75-9d4e-2f1c0a9b8d7e');
const APPENDS_IN_FLIGHT = 32;
const SEQUENCED_AT_ONCE = 10_000;
const MEMORY_POLL_MS = 100;
const MB = 1_048_576;

interface Replayed {
  readonly ms: number;
  readonly judged: number;
  readonly flipped: number;
  /** Of the process at its largest, and before it began. */
  readonly mb: number;
  readonly mbBefore: number;
}

/** A gate by itself, and all gates that there were by a changed policy. */
export async function gates(bench: Bench): Promise<readonly Row[]> {
  const apart = <Result>(url: string | null) =>
    bench.apart<Result>(new URL(import.meta.url), { url, ms: bench.ms }).result;
  const latencies = await apart<{ readonly p50: number; readonly p99: number }>(null);
  const replays = await bench.inFreshDatabase(async (url) => {
    await migratePlatform(url);
    await fill(url);
    const found: Replayed[] = [];
    for (let round = 0; round < bench.rounds; round += 1) found.push(await apart<Replayed>(url));
    return found;
  });
  const { judged, flipped } = replays[0]!;
  const [before, largest] = [median(replays.map(({ mbBefore }) => mbBefore)), Math.max(...replays.map(({ mb }) => mb))];
  return [
    {
      what: `a gate of ${CRITERIA} criteria, p99`,
      figure: latencies.p99,
      unit: 'ms',
      target: { under: 5 },
      detail: `median ${quantity(latencies.p50, 'ms')}; with the events that follow from it`,
    },
    {
      what: `a changed policy over ${judged.toLocaleString('en')} past cases`,
      figure: median(replays.map(({ ms }) => ms)) / 1_000,
      unit: 's',
      target: { under: 60 },
      detail: `${flipped.toLocaleString('en')} would flip; at most ${quantity(largest, 'MB')} resident, ${quantity(before, 'MB')} before`,
    },
  ];
}

/** The same ride under many names, each appended whole, until there are so many cases. */
async function fill(url: string): Promise<void> {
  const [pool, ledger] = [poolFor(url, 'vt_service'), poolFor(url, 'vt_ledger')];
  const store = new PostgresEventStore(pool);
  const { decider, events, train, last } = rideOn(policyWith(0.5), TRAIN);
  const life = JSON.stringify([...events, ...decider.decide(last, train)]);
  const trains = Math.ceil(CASES / PHASES);
  let begun = 0;
  const append = async () => {
    while (begun < trains) {
      begun += 1;
      const trainId = randomUUID();
      await store.append({
        ...{ tenant: TENANT, stream: trainStream(trainId), expected: NO_STREAM, commandId: randomUUID() as CommandId },
        ...{ causation: CAUSATION, at: new Date().toISOString() as Instant },
        events: JSON.parse(life.replaceAll(TRAIN, trainId)) as TrainEvent[],
      });
    }
  };
  await Promise.all(Array.from({ length: APPENDS_IN_FLIGHT }, append));
  while ((await sequence(ledger, SEQUENCED_AT_ONCE)) > 0);
  await Promise.all([pool.end(), ledger.end()]);
  await settle(url);
}

/** Without a store: one gate after the other. */
const work: Work<{ readonly url: string | null; readonly ms: number }, unknown> = ({ url, ms }) =>
  url === null ? Promise.resolve(judgeFor(ms)) : replay(url);
export default work;

function judgeFor(ms: number) {
  const { decider, train, last } = rideOn(policyWith(0.5), TRAIN);
  if (decider.decide(last, train).at(-1)?.type !== 'TrainCompleted') throw new Error('the gate did not pass');
  const latencies: number[] = [];
  const from = performance.now();
  for (let begun = from; begun < from + ms;) {
    decider.decide(last, train);
    const ended = performance.now();
    latencies.push(ended - begun);
    begun = ended;
  }
  const ascending = sorted(latencies);
  return { p50: percentile(ascending, 0.5), p99: percentile(ascending, 0.99) };
}

async function replay(url: string): Promise<Replayed> {
  const pool = poolFor(url, 'vt_service');
  const [pinned, changed] = [policyWith(0.5), policyWith(0.8)];
  const rss = () => process.memoryUsage.rss() / MB;
  const mbBefore = rss();
  let mb = mbBefore;
  const watch = setInterval(() => (mb = Math.max(mb, rss())), MEMORY_POLL_MS);
  const from = performance.now();
  const past = { store: new PostgresEventStore(pool), pipelineOf: () => pinned.pipeline, tenant: TENANT };
  let [judged, flipped] = [0, 0];
  for (let after: number | null = 0; after !== null;) {
    const page: Awaited<ReturnType<typeof replayPolicy>> = await replayPolicy(past, changed, { after });
    judged += page.judged;
    flipped += page.flipped;
    after = page.next;
  }
  const ms = performance.now() - from;
  clearInterval(watch);
  await pool.end();
  return { ms, judged, flipped, mb, mbBefore };
}
