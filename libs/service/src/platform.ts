import { connect, type ConnectionOptions, type NatsConnection } from '@nats-io/transport-node';
import { migrate, poolFor, PostgresEventStore } from '@vt/event-store';
import type { EventStore } from '@vt/kernel';
import { CommandClient, EVENT_STREAM, Locks, migrateBus, type StreamTopology } from '@vt/messaging';
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import { setTimeout as delay } from 'node:timers/promises';
import { clockLeadOver, probe, weaknessesOf } from './database-state.ts';
import { createLog } from './log.ts';
import { MeteredEventStore, Metrics } from './metrics.ts';
import type { PlatformSettings } from './settings.ts';

/** Rung after appends, without any content: whoever orders events need not poll for them. */
export const DOORBELL = 'vt.doorbell';

const RETRY_MS = 1_000;
const PROBE_MS_MAX = 2_000;
const RECONNECT_MS = 500;
const CLOCK_LEAD_MS_MAX = 500;

/** What services stand on. One process has one, however many services it runs. */
export interface Platform {
  readonly settings: PlatformSettings;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Appends, and reads what belongs to one tenant. */
  readonly store: EventStore;
  /** Reads the log of all tenants, for consumers and projections. */
  readonly feed: Pick<EventStore, 'readLog' | 'lastPosition'>;
  /** Acts as `vt_service`: one tenant at a time, by row-level security. */
  readonly servicePool: Pool;
  /** Acts as `vt_subscriber`: reads all tenants, keeps positions. */
  readonly subscriberPool: Pool;
  /** Acts as `vt_ledger`: orders and relays. */
  readonly ledgerPool: Pool;
  readonly nats: NatsConnection;
  readonly topology: StreamTopology;
  readonly commands: CommandClient;
  readonly locks: Locks;
  /** What keeps the process from working now; empty when nothing does. */
  troubles(): Promise<readonly string[]>;
  /** What it works without, or makes do with, now. */
  warnings(): readonly string[];
  /** Adds to the warnings, for good, and to the log. */
  warn(warning: string): void;
  /** To be called when every service on it has stopped. */
  close(): Promise<void>;
}

/** Makes the schemas `es` and `bus`, or brings them up to date, as a user who may create roles and schemas. */
export async function migratePlatform(url: string): Promise<readonly string[]> {
  return [...(await migrate(url)), ...(await migrateBus(url))];
}

export interface PlatformOptions {
  readonly log?: Logger;
  /** Aborted: stop waiting. */
  readonly signal?: AbortSignal;
  /** Called when it can not work any more, and will not by itself. Ends the process unless it is given. */
  readonly lost?: () => void;
  /** Hears what it waits for, and why, besides the log. */
  readonly waiting?: (line: string) => void;
}

/** Waits for PostgreSQL, its migrations and NATS, for as long as it takes or until the signal says stop. */
export async function openPlatform(
  settings: PlatformSettings,
  { log = createLog(settings.LOG_LEVEL), signal, lost = endProcess, waiting }: PlatformOptions = {},
): Promise<Platform> {
  const { DATABASE_URL: url, POOL_SIZE: max, NATS_REPLICAS: replicas } = settings;
  const metrics = new Metrics();
  const servicePool = poolFor(url, 'vt_service', { max });
  const subscriberPool = poolFor(url, 'vt_subscriber', { max });
  const ledgerPool = poolFor(url, 'vt_ledger', { max });
  const pools = [servicePool, subscriberPool, ledgerPool];
  const closePools = () => Promise.all(pools.map((pool) => pool.end()));
  const lockPool = poolFor(url, 'vt_subscriber', { max: 1 });
  pools.push(lockPool);

  const patience = {
    tell: (line: string) => {
      log.warn(line);
      waiting?.(line);
    },
    signal,
  };
  let nats: NatsConnection;
  let weaknesses: string[];
  try {
    const reach = () => probe(subscriberPool).then(() => weaknessesOf(servicePool));
    weaknesses = [...(await untilItWorks('PostgreSQL', reach, patience))];
    for (const weakness of weaknesses) log.warn(weakness);
    nats = await untilItWorks('NATS', () => connect(natsOptions(settings.NATS_URL)), patience);
  } catch (error) {
    await closePools();
    throw error;
  }
  const locks = new Locks(lockPool);
  const clock = watchClock(subscriberPool, log, metrics);
  const link = watchLink(nats, log, metrics);
  let closing = false;
  void nats.closed().then((error) => {
    if (closing) return;
    log.fatal({ err: error }, 'the connection to NATS has ended for good; this process has to be started again');
    lost();
  });
  return {
    settings,
    log,
    metrics,
    store: new MeteredEventStore(new PostgresEventStore(servicePool, { onAppended: ringer(nats, link) }), metrics),
    feed: new PostgresEventStore(subscriberPool),
    servicePool,
    subscriberPool,
    ledgerPool,
    nats,
    topology: { ...EVENT_STREAM, replicas },
    commands: new CommandClient(nats),
    locks,
    troubles: () => troublesOf('PostgreSQL', Promise.all([probe(subscriberPool), clock.look()])),
    // Views and the feed are read, and trains go on by polling; whoever commands is told that NATS is away.
    warnings: () => [...(link.up ? [] : ['NATS: not connected']), ...clock.warnings(), ...weaknesses],
    warn: (warning) => {
      weaknesses.push(warning);
      log.warn(warning);
    },
    close: async () => {
      closing = true;
      await locks.close();
      await nats.drain().catch(() => nats.close());
      await closePools();
    },
  };
}

/** In order, as when it is asked to stop, and as a failure: whoever looks after the process starts it again. */
function endProcess(): void {
  process.exitCode = 1;
  process.kill(process.pid, 'SIGTERM');
}

async function troublesOf(what: string, check: Promise<unknown>): Promise<readonly string[]> {
  const late = delay(PROBE_MS_MAX, undefined, { ref: false }).then(() =>
    Promise.reject(new Error('no answer in time')),
  );
  return Promise.race([check, late]).then(
    () => [],
    (error: unknown) => [`${what}: ${error instanceof Error ? error.message : String(error)}`],
  );
}

/** Leases go by the database's clock; but every event carries the time of the process that decided it. */
function watchClock(pool: Pool, log: Logger, metrics: Metrics) {
  let leadMs = 0;
  const warnings = () =>
    Math.abs(leadMs) > CLOCK_LEAD_MS_MAX
      ? [`clock: ${Math.abs(leadMs) / 1_000} s ${leadMs > 0 ? 'ahead of' : 'behind'} that of PostgreSQL`]
      : [];
  return {
    warnings,
    look: async () => {
      const wasRight = warnings().length === 0;
      leadMs = await clockLeadOver(pool);
      metrics.clockLead.set(leadMs / 1_000);
      if (wasRight) for (const warning of warnings()) log.warn(warning);
    },
  };
}

interface Link {
  up: boolean;
}

/** Whether NATS is connected now; the client reconnects by itself. */
function watchLink(nats: NatsConnection, log: Logger, metrics: Metrics): Link {
  const link = { up: true };
  const isUp = (up: boolean) => {
    link.up = up;
    metrics.natsConnected.set(up ? 1 : 0);
  };
  isUp(true);
  const watch = async () => {
    let told = '';
    for await (const status of nats.status()) {
      switch (status.type) {
        case 'disconnect':
          if (link.up) log.warn('NATS is away: commands wait, events are read from the store by polling');
          isUp(false);
          break;
        case 'reconnect':
          log.info('NATS is back');
          isUp(true);
          told = '';
          break;
        case 'error':
          if (status.error.message !== told) log.warn(`NATS refuses: ${status.error.message}`);
          told = status.error.message;
          break;
        default:
      }
    }
    isUp(false);
  };
  void watch();
  return link;
}

/** Appends come in bursts, and one ring is enough for all of a turn. */
function ringer(nats: NatsConnection, link: Link): () => void {
  let rung = false;
  return () => {
    if (rung || !link.up) return;
    rung = true;
    setTimeout(() => {
      rung = false;
      if (link.up) nats.publish(DOORBELL);
    }, 1);
  };
}

async function untilItWorks<Result>(
  what: string,
  attempt: () => Promise<Result>,
  { tell, signal }: { readonly tell: (line: string) => void; readonly signal: AbortSignal | undefined },
): Promise<Result> {
  let told = '';
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      signal?.throwIfAborted();
      const reason = error instanceof Error ? error.message : String(error);
      if (reason !== told) tell(`${what} can not be used yet, waiting: ${reason}`);
      told = reason;
      await delay(RETRY_MS, undefined, signal ? { signal } : {});
    }
  }
}

/** The client takes name and password beside the addresses, not within them. */
function natsOptions(urls: readonly string[]): ConnectionOptions {
  const parsed = urls.map((url) => new URL(url));
  const { username, password, protocol } = parsed[0]!;
  return {
    servers: parsed.map(({ host }) => host),
    ...(username ? { user: decodeURIComponent(username), pass: decodeURIComponent(password) } : {}),
    ...(protocol === 'tls:' ? { tls: {} } : {}),
    // Otherwise every publish makes an error, with a stack, that it will hardly ever need.
    noAsyncTraces: true,
    maxReconnectAttempts: -1,
    // A password that is being changed is refused for a while; by itself the client gives up for ever at the second time.
    ignoreAuthErrorAbort: true,
    reconnectTimeWait: RECONNECT_MS,
    reconnectJitter: RECONNECT_MS,
  };
}
