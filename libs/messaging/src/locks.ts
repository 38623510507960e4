import type { Pool, PoolClient, QueryConfig, QueryResult } from 'pg';
import { setTimeout as delay } from 'node:timers/promises';
import { pause } from './stopping.ts';

const RETRY_MS = 500;
const HEARTBEAT_MS = 1_000;
const HEARTBEATS_MISSED_MAX = 5;
const TRY_LOCK = `select pg_try_advisory_lock(hashtextextended('vt:' || $1, 0)) as locked`;
const UNLOCK = `select pg_advisory_unlock(hashtextextended('vt:' || $1, 0))`;

/**
 * One statement at a time, in the order in which they were asked for, on the connection that holds the lock: what it
 * answers was said by a server that has not died since, not even for a moment.
 */
export type Ask = (
  statement: string | QueryConfig,
  values?: readonly string[],
) => Promise<QueryResult<{ locked?: boolean }>>;

/** The connection whose life is the life of the locks that are held on it. */
interface Session {
  readonly ask: Ask;
  readonly lost: AbortController;
}

/**
 * Locks that PostgreSQL takes back when their holder dies. They save work and guard nothing by themselves: a holder
 * that was paused may go on for a moment beside its successor, so what it does must be safe to repeat.
 *
 * All locks of a process share one connection, which must not pass through a transaction pooler.
 */
export class Locks {
  private session: Promise<Session> | undefined;
  /** A session may take the same lock twice, so those of this process are told apart here. */
  private readonly held = new Set<string>();
  private readonly pool: Pool;

  constructor(pool: Pool) {
    this.pool = pool;
  }

  /**
   * Waits until the lock is free, then does `work`; again, if the lock was lost meanwhile. The signal that `work` gets
   * says when to stop: the lock was lost, or the caller's `signal` says so.
   */
  async hold(name: string, signal: AbortSignal, work: (stop: AbortSignal, ask: Ask) => Promise<void>): Promise<void> {
    while (!signal.aborted) {
      const session = this.held.has(name) ? undefined : await this.tryLock(name);
      if (session === undefined) {
        await pause(RETRY_MS, signal);
        continue;
      }
      try {
        await work(AbortSignal.any([signal, session.lost.signal]), session.ask);
      } finally {
        this.held.delete(name);
        if (!session.lost.signal.aborted) {
          await session.ask(UNLOCK, [name]).catch(() => session.lost.abort());
        }
      }
      if (!session.lost.signal.aborted) return;
    }
  }

  async close(): Promise<void> {
    const session = await this.session?.catch(() => undefined);
    session?.lost.abort();
  }

  private async tryLock(name: string): Promise<Session | undefined> {
    this.held.add(name);
    try {
      this.session ??= this.connect();
      const session = await this.session;
      const { rows } = await session.ask(TRY_LOCK, [name]);
      if (rows[0]?.locked) return session;
    } catch {
      // PostgreSQL is away; whoever waits for the lock goes on waiting.
    }
    this.held.delete(name);
    return undefined;
  }

  private async connect(): Promise<Session> {
    const lost = new AbortController();
    try {
      const client = await this.pool.connect();
      const lose = () => lost.abort();
      client.on('error', lose);
      client.on('end', lose);
      lost.signal.addEventListener('abort', () => {
        this.session = undefined;
        client.release(true);
      });
      const session = { ask: oneByOne(client), lost };
      void this.beat(session);
      return session;
    } catch (error) {
      this.session = undefined;
      throw error;
    }
  }

  /** Finds out that the connection is dead when nobody says so, as after a power cut on the other side. */
  private async beat({ ask, lost }: Session): Promise<void> {
    while (!lost.signal.aborted) {
      await delay(HEARTBEAT_MS, undefined, { signal: lost.signal, ref: false }).catch(() => undefined);
      if (lost.signal.aborted) return;
      const late = setTimeout(() => lost.abort(), HEARTBEATS_MISSED_MAX * HEARTBEAT_MS).unref();
      await ask('select 1').catch(() => lost.abort());
      clearTimeout(late);
    }
  }
}

function oneByOne(client: PoolClient): Ask {
  let before: Promise<unknown> = Promise.resolve();
  return (statement, values) => {
    const asked = before.then(() => client.query(statement, values && [...values]));
    before = asked.catch(() => undefined);
    return asked;
  };
}
