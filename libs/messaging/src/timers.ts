import { Instant, TenantId } from '@vt/kernel';
import type { Pool } from 'pg';
import type { Log } from './log.ts';

/** Another process may have set an earlier one, and died before it came. */
const SLEEP_MS_MAX = 30_000;
const BATCH_MAX = 50;
const RETRY_MS = 5_000;
const OUTAGE_MS = 1_000;

/** The next moment at which something is to be done about a subject. */
export interface Timer {
  readonly tenant: TenantId;
  readonly subject: string;
  readonly due: Instant;
}

export interface TimersOptions {
  /** The pool acts as `vt_subscriber`. */
  readonly pool: Pick<Pool, 'query' | 'connect'>;
  /** Whose timers they are: the name of the service. */
  readonly owner: string;
  /** Does what is due, and answers the next moment of the subject; undefined: none. May be called again. */
  readonly fire: (timer: Timer) => Promise<Instant | undefined>;
  readonly log: Log;
}

const SET = `
  insert into bus.timer as timer (owner, tenant, subject, due, try_at) values ($1, $2, $3, $4, $4)
  on conflict (owner, tenant, subject) do update
  set due = excluded.due, try_at = excluded.due where excluded.due < timer.due`;

const DUE = `
  select tenant, subject, due from bus.timer where owner = $1 and try_at <= clock_timestamp()
  order by try_at limit $2 for update skip locked`;

const NEXT = `
  select extract(epoch from min(try_at) - clock_timestamp()) * 1000 as ms from bus.timer where owner = $1`;

// A null: nothing more is due, or it failed and is tried later.
const SETTLE = `
  with fired as (
    select * from unnest($2::text[], $3::text[], $4::timestamptz[], $5::boolean[]) as fired (tenant, subject, next, failed)
  ), over as (
    delete from bus.timer timer using fired
    where timer.owner = $1 and timer.tenant = fired.tenant and timer.subject = fired.subject
      and fired.next is null and not fired.failed
  )
  update bus.timer timer set due = coalesce(fired.next, timer.due),
    try_at = coalesce(fired.next, clock_timestamp() + $6 * interval '1 ms')
  from fired where timer.owner = $1 and timer.tenant = fired.tenant and timer.subject = fired.subject
    and (fired.next is not null or fired.failed)`;

/**
 * One row for each thing that waits, with its next moment by the clock of the database, and one loop for all of them,
 * which sleeps until the first is due. What waits costs nothing; what is due is fired at least once.
 */
export class Timers {
  private readonly options: TimersOptions;
  private woken = Promise.withResolvers<void>();

  constructor(options: TimersOptions) {
    this.options = options;
  }

  /** An earlier moment takes the place of a later one. */
  async set({ tenant, subject, due }: Timer): Promise<void> {
    await this.options.pool.query(SET, [this.options.owner, tenant, subject, due]);
    this.woken.resolve();
  }

  async run(stop: AbortSignal): Promise<void> {
    const wake = () => this.woken.resolve();
    stop.addEventListener('abort', wake, { once: true });
    while (!stop.aborted) {
      // Whoever sets one from now on may set the first.
      this.woken = Promise.withResolvers();
      await this.sleep(await this.step(), stop);
    }
  }

  /** Fires what is due; answers for how long there is nothing to do. */
  private async step(): Promise<number> {
    try {
      if ((await this.fireDue()) > 0) return 0;
      const { rows } = await this.options.pool.query<{ ms: string | null }>(NEXT, [this.options.owner]);
      const ms = rows[0]?.ms ?? null;
      return ms === null ? SLEEP_MS_MAX : Math.min(Math.max(Math.ceil(Number(ms)), 0), SLEEP_MS_MAX);
    } catch (error) {
      this.options.log.warn({ err: error }, 'timers can not be looked at now, trying again');
      return OUTAGE_MS;
    }
  }

  /** Fires at most a batch of what is due, side by side; answers how many. */
  async fireDue(): Promise<number> {
    const { pool, owner } = this.options;
    const client = await pool.connect();
    try {
      await client.query('begin');
      const { rows } = await client.query<{ tenant: string; subject: string; due: Date }>(DUE, [owner, BATCH_MAX]);
      const fired = await Promise.all(rows.map((row) => this.fire(row)));
      if (rows.length > 0) {
        const column = <Value>(of: (index: number) => Value) => rows.map((_, index) => of(index));
        await client.query(SETTLE, [
          owner,
          column((index) => rows[index]!.tenant),
          column((index) => rows[index]!.subject),
          column((index) => fired[index]!.next ?? null),
          column((index) => fired[index]!.failed),
          RETRY_MS,
        ]);
      }
      await client.query('commit');
      return rows.length;
    } catch (error) {
      await client.query('rollback').catch(() => undefined);
      throw error;
    } finally {
      client.release();
    }
  }

  private async fire(row: { readonly tenant: string; readonly subject: string; readonly due: Date }) {
    const { log, fire } = this.options;
    const { subject } = row;
    try {
      const due = Instant.parse(row.due.toISOString());
      return { next: await fire({ tenant: TenantId.parse(row.tenant), subject, due }), failed: false };
    } catch (error) {
      log.warn({ err: error, tenant: row.tenant, subject }, 'a timer could not be fired, trying again later');
      return { next: undefined, failed: true };
    }
  }

  private async sleep(ms: number, stop: AbortSignal): Promise<void> {
    if (ms === 0 || stop.aborted) return;
    const alarm = setTimeout(() => this.woken.resolve(), ms);
    await this.woken.promise;
    clearTimeout(alarm);
  }
}
