import { jetstreamManager, jetstream, type JetStreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { migrate, poolFor, PostgresEventStore, sequence } from '@vt/event-store';
import { NO_STREAM, type Append, type AnyEvent, type EventStore, type Head, type TenantId } from '@vt/kernel';
import { findNats, startNats, type Server } from '@vt/servers';
import { Client, type Pool } from 'pg';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freshDatabase } from './fresh-database.ts';
import { Locks } from '../locks.ts';
import type { Log } from '../log.ts';
import { migrateBus } from '../migrate.ts';
import { EVENT_STREAM } from '../topology.ts';
import { POSITION_HEADER } from '../cloud-event.ts';

export const TENANT = 'acme' as TenantId;
const WAIT_MS_MAX = 20_000;
const POLL_MS = 5;
const SILENCE_MS_MAX = 500;

/** A database and a nats-server of their own, and what a test does with them. */
export class TestBus {
  readonly locks: Locks;
  readonly store: EventStore;
  readonly feed: EventStore;
  /** What was logged, as `level message`. */
  readonly logged: string[] = [];
  readonly log: Log;
  readonly topology = { ...EVENT_STREAM, duplicateWindowMs: 120_000 };
  private readonly heads = new Map<string, Head>();
  private readonly natsFolder: string;
  private server: Server;

  private constructor(
    readonly url: string,
    readonly servicePool: Pool,
    readonly pool: Pool,
    readonly ledgerPool: Pool,
    readonly nats: NatsConnection,
    server: Server,
    natsFolder: string,
  ) {
    this.server = server;
    this.natsFolder = natsFolder;
    this.locks = new Locks(pool);
    this.store = new PostgresEventStore(servicePool);
    this.feed = new PostgresEventStore(pool);
    const say = (level: string) => (_fields: object, message: string) => void this.logged.push(`${level} ${message}`);
    this.log = { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') };
  }

  static async start(): Promise<TestBus> {
    const { url } = await freshDatabase();
    await migrate(url);
    await migrateBus(url);
    const natsFolder = mkdtempSync(join(tmpdir(), 'vt-bus-'));
    const server = await startNats(natsFolder);
    const { host, username: user, password: pass } = new URL(server.url);
    const nats = await connect({ servers: host, user, pass, maxReconnectAttempts: -1, reconnectTimeWait: 50 });
    const pools = (['vt_service', 'vt_subscriber', 'vt_ledger'] as const).map((role) => poolFor(url, role, { max: 8 }));
    return new TestBus(url, pools[0]!, pools[1]!, pools[2]!, nats, server, natsFolder);
  }

  async stop(): Promise<void> {
    await this.locks.close();
    await this.nats.close();
    await this.server.stop();
    await Promise.all([this.servicePool, this.pool, this.ledgerPool].map((pool) => pool.end()));
    rmSync(this.natsFolder, { recursive: true, force: true });
  }

  /** Ends nats-server, takes away everything that it had, and starts it again at the same address. */
  async wipeNats(): Promise<void> {
    await this.server.stop();
    rmSync(join(this.natsFolder, 'jetstream'), { recursive: true, force: true });
    const child = spawn(await findNats(), ['-c', join(this.natsFolder, 'nats.conf')], { stdio: 'ignore' });
    this.server = {
      url: this.server.url,
      pid: child.pid!,
      stop: async () => {
        child.kill();
        await once(child, 'exit');
      },
    };
  }

  /** As the owner of everything. Answers the number of rows. */
  async adminQuery(sql: string): Promise<number> {
    const client = new Client({ connectionString: this.url });
    await client.connect();
    const { rowCount } = await client.query(sql);
    await client.end();
    return rowCount ?? 0;
  }

  get manager(): Promise<JetStreamManager> {
    return jetstreamManager(this.nats);
  }

  /** Appends so many events to each of the streams, and gives them their positions. */
  async append(streams: readonly string[], events = 1): Promise<void> {
    await Promise.all(
      streams.map(async (stream) => {
        const expected = this.heads.get(stream) ?? NO_STREAM;
        const outcome = await this.store.append(appendOf(stream, expected, Array.from({ length: events }, paused)));
        if (outcome.kind !== 'appended') throw new Error(`the append was a ${outcome.kind}`);
        this.heads.set(stream, outcome.head);
      }),
    );
    while ((await sequence(this.ledgerPool)) > 0);
  }

  /** Positions that JetStream holds, in its order. */
  async positionsInStream(): Promise<readonly number[]> {
    const manager = await this.manager;
    const { state } = await manager.streams.info(this.topology.name);
    const positions: number[] = [];
    if (state.messages === 0) return positions;
    const consumer = await jetstream(this.nats).consumers.get(this.topology.name, { headers_only: true });
    const messages = await consumer.consume();
    const silence = setTimeout(() => void messages.close(), SILENCE_MS_MAX);
    for await (const message of messages) {
      silence.refresh();
      positions.push(Number(message.headers?.get(POSITION_HEADER)));
      if (message.info.pending === 0) break;
    }
    clearTimeout(silence);
    await consumer.delete().catch(() => undefined);
    return positions;
  }
}

const paused = (): AnyEvent => ({
  type: 'TrainPaused',
  data: { trainId: '018f8e2a-7d34-4d11-9f3e-1d1d3f1a2b3c', by: 'ann', reason: 'lunch' },
});

const appendOf = (stream: string, expected: Head, events: readonly AnyEvent[]): Append => ({
  tenant: TENANT,
  stream,
  expected,
  commandId: randomUUID() as Append['commandId'],
  causation: { actor: 'ann', causationId: 'request-1', correlationId: 'request-1' },
  at: new Date().toISOString() as Append['at'],
  events,
});

/** Waits until something is so. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + WAIT_MS_MAX;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited ${WAIT_MS_MAX} ms in vain until ${what}`);
    await delay(POLL_MS);
  }
}

/** Starts something that runs until it is stopped. */
export function running(work: (signal: AbortSignal) => Promise<void>): () => Promise<void> {
  const stopping = new AbortController();
  const finished = work(stopping.signal);
  return async () => {
    stopping.abort();
    await finished;
  };
}
