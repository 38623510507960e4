import { trainStream } from '@vt/contracts';
import { NO_STREAM, type CommandId, type Head, type Instant, type TenantId } from '@vt/kernel';
import { EventPump, JetStreamDoorbell } from '@vt/messaging';
import { migratePlatform, type Platform } from '@vt/service';
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Work } from '../apart.ts';
import type { Bench } from '../context.ts';
import { CAUSATION, EVENT } from '../contestants/appender.ts';
import { openPlatformAt, type Servers } from '../ledger-process.ts';
import { interleaved, median, openLoop, percentile, sorted } from '../measure.ts';
import { quantity, type Row } from '../report.ts';

const WARM_UP_MS = 2_000;
const DRAIN_MS_MAX = 30_000;
/** So long before the next event of the same stream. */
const STREAM_PAUSE_MS = 100;

interface Load extends Servers {
  readonly perSecond: number;
  readonly ms: number;
}

interface Arrived {
  readonly appendedPerSecond: number;
  /** How many of the events appended in the measured time had arrived when it was over. */
  readonly share: number;
  readonly p50: number;
  readonly p99: number;
}

/** From the call of the append in one process, over the ledger in another and JetStream, to the handler of the event. */
export async function relay(bench: Bench): Promise<readonly Row[]> {
  const { slow, fast } = await interleaved(bench.rounds, {
    slow: () => arrivals(bench, 1_000),
    fast: () => arrivals(bench, 10_000),
  });
  const medianOf = (arrived: readonly Arrived[], figure: (one: Arrived) => number) => median(arrived.map(figure));
  const detail = 'from the call of the append to the handler';
  return [
    {
      what: 'relay, 1,000 events a second, median',
      figure: medianOf(slow, ({ p50 }) => p50),
      unit: 'ms',
      target: { under: 10 },
      detail,
    },
    {
      what: 'relay, 1,000 events a second, p99',
      figure: medianOf(slow, ({ p99 }) => p99),
      unit: 'ms',
      target: { under: 50 },
      detail,
    },
    {
      what: 'relay, 10,000 events a second: consumed for each appended',
      figure: medianOf(fast, ({ share }) => share),
      unit: '×',
      target: { atLeast: 0.98 },
      detail: `${quantity(
        medianOf(fast, ({ appendedPerSecond }) => appendedPerSecond),
        '/s',
      )} appended; median ${quantity(
        medianOf(fast, ({ p50 }) => p50),
        'ms',
      )}, p99 ${quantity(
        medianOf(fast, ({ p99 }) => p99),
        'ms',
      )}`,
    },
  ];
}

const arrivals = (bench: Bench, perSecond: number): Promise<Arrived> =>
  bench.onFreshServers(async (servers) => {
    await migratePlatform(servers.url);
    const ordering = bench.apart<void>(new URL('../ledger-process.ts', import.meta.url), servers);
    try {
      const load: Load = { ...servers, perSecond, ms: bench.ms };
      return await bench.apart<Arrived>(new URL(import.meta.url), load).result;
    } finally {
      await ordering.stop();
    }
  });

const work: Work<Load, Arrived> = async (load) => {
  const platform = await openPlatformAt(load);
  try {
    return await produceAndConsume(platform, load);
  } finally {
    await platform.close();
  }
};
export default work;

async function produceAndConsume(platform: Platform, { perSecond, ms }: Load): Promise<Arrived> {
  const { feed: store, subscriberPool: pool, locks, nats, log, topology } = platform;
  const consumer = `bench-${randomUUID()}`;
  const types = [EVENT.type];
  const doorbell = new JetStreamDoorbell({ nats, stream: topology.name, consumer: { name: consumer, types }, log });
  const [calledAt, latencies] = [new Map<string, number>(), [] as number[]];
  const measuredFrom = performance.now() + WARM_UP_MS;
  let arrived = 0;
  const handle = ({ id }: { readonly id: string }) => {
    const called = calledAt.get(id)!;
    calledAt.delete(id);
    arrived += 1;
    if (called >= measuredFrom) latencies.push(performance.now() - called);
    return Promise.resolve();
  };
  const stopping = new AbortController();
  const pump = new EventPump({ consumer, types, store, pool, locks, doorbell, log, handle }).run(stopping.signal);

  const appendNext = streamsOf(platform, Math.ceil((perSecond * STREAM_PAUSE_MS) / 1_000), calledAt);
  await openLoop(perSecond, WARM_UP_MS, appendNext);
  const [before, warmAt] = [arrived, performance.now()];
  const appended = await openLoop(perSecond, ms, appendNext);
  const [during, seconds] = [arrived - before, (performance.now() - warmAt) / 1_000];
  const drainUntil = performance.now() + DRAIN_MS_MAX;
  while (calledAt.size > 0 && performance.now() < drainUntil) await delay(10);
  if (calledAt.size > 0) throw new Error(`${calledAt.size} events never arrived`);
  stopping.abort();
  await pump;
  const ascending = sorted(latencies);
  return {
    appendedPerSecond: appended / seconds,
    share: during / appended,
    p50: percentile(ascending, 0.5),
    p99: percentile(ascending, 0.99),
  };
}

/** Appends to one stream after the other, and notes when it was asked to. */
function streamsOf({ store }: Platform, count: number, calledAt: Map<string, number>) {
  const streams = Array.from({ length: count }, () => {
    const stream = trainStream(randomUUID());
    let [version, last] = [0, Promise.resolve(NO_STREAM)];
    return () => {
      version += 1;
      calledAt.set(`${stream}@${version}`, performance.now());
      last = last.then(async (expected): Promise<Head> => {
        const outcome = await store.append({
          tenant: 'bench' as TenantId,
          stream,
          expected,
          commandId: randomUUID() as CommandId,
          causation: CAUSATION,
          at: new Date().toISOString() as Instant,
          events: [EVENT],
        });
        if (outcome.kind !== 'appended') throw new Error(`${stream}: ${outcome.kind}`);
        return outcome.head;
      });
    };
  });
  return (nth: number) => streams[nth % count]!();
}
