import type { Positioned } from '@vt/kernel';
import type { Pool } from 'pg';

/** An event that a consumer could not handle, or that waits behind one of its stream. */
export interface ParkedEvent {
  readonly consumer: string;
  readonly position: number;
  readonly tenant: string;
  readonly stream: string;
  readonly eventId: string;
  readonly reason: string;
  /** 0: never tried; it waits behind an earlier event of its stream. */
  readonly tries: number;
  readonly parkedAt: Date;
  /** Somebody asked for it to be tried again, which has not happened yet. */
  readonly replay: boolean;
}

export interface ParkedFilter {
  readonly consumer?: string;
  readonly tenant?: string;
  readonly stream?: string;
}

const FILTER = `($1::text is null or consumer = $1) and ($2::text is null or tenant = $2)
  and ($3::text is null or stream = $3)`;
const valuesOf = ({ consumer, tenant, stream }: ParkedFilter) => [consumer ?? null, tenant ?? null, stream ?? null];

/** What is parked, oldest first, at most 1,000. */
export async function listParked(pool: Pool, filter: ParkedFilter = {}): Promise<readonly ParkedEvent[]> {
  const { rows } = await pool.query<ParkedEvent & { position: string }>(
    `select consumer, position, tenant, stream, event_id as "eventId", reason, tries, parked_at as "parkedAt", replay
     from bus.parked where ${FILTER} order by position, consumer limit 1000`,
    valuesOf(filter),
  );
  return rows.map((row) => ({ ...row, position: Number(row.position) }));
}

/**
 * Asks for parked events to be tried again, and answers how many. The consumer that parked them does so itself, in
 * order, within about a second; what fails again stays parked. The relay tries those of its own with each audit.
 */
export async function replayParked(pool: Pool, filter: ParkedFilter): Promise<number> {
  const { rowCount } = await pool.query(`update bus.parked set replay = true where ${FILTER}`, valuesOf(filter));
  return rowCount ?? 0;
}

/** The parked events of one consumer, as its pump sees them. */
export class Parking {
  /** Streams with a parked event: later events of theirs wait behind it. */
  private streams = new Set<string>();
  private readonly pool: Pool;
  private readonly consumer: string;

  constructor(pool: Pool, consumer: string) {
    this.pool = pool;
    this.consumer = consumer;
  }

  async load(): Promise<void> {
    const { rows } = await this.pool.query<{ tenant: string; stream: string }>(
      'select distinct tenant, stream from bus.parked where consumer = $1',
      [this.consumer],
    );
    this.streams = new Set(rows.map(streamKey));
  }

  holds(event: Positioned): boolean {
    return this.streams.has(streamKey(event));
  }

  async park(event: Positioned, reason: string, tries: number): Promise<void> {
    await this.insert(
      event,
      [reason, tries],
      `do update set reason = excluded.reason, tries = bus.parked.tries + excluded.tries, replay = false`,
    );
    this.streams.add(streamKey(event));
  }

  /** Puts an event behind the parked ones of its stream. */
  async parkBehind(event: Positioned): Promise<void> {
    await this.insert(event, ['waits behind an earlier event of its stream', 0], 'do nothing');
  }

  private async insert(event: Positioned, rest: readonly [string, number], onConflict: string): Promise<void> {
    const { position, tenant, stream, id } = event;
    await this.pool.query(
      `insert into bus.parked (consumer, position, tenant, stream, event_id, reason, tries)
       values ($1, $2, $3, $4, $5, $6, $7) on conflict (consumer, position) ${onConflict}`,
      [this.consumer, position, tenant, stream, id, ...rest],
    );
  }

  /** Positions to try again: of each stream that an operator asked for, everything that is parked, in order. */
  async requested(): Promise<readonly number[]> {
    const { rows } = await this.pool.query<{ position: string }>(
      `select position from bus.parked parked where consumer = $1 and exists (
         select from bus.parked asked where asked.consumer = $1 and asked.replay
           and asked.tenant = parked.tenant and asked.stream = parked.stream)
       order by position`,
      [this.consumer],
    );
    return rows.map(({ position }) => Number(position));
  }

  async release(position: number): Promise<void> {
    await this.pool.query('delete from bus.parked where consumer = $1 and position = $2', [this.consumer, position]);
  }

  /** A replay of the stream failed: the rest waits on. */
  async refuse({ tenant, stream }: Positioned): Promise<void> {
    await this.pool.query('update bus.parked set replay = false where consumer = $1 and tenant = $2 and stream = $3', [
      this.consumer,
      tenant,
      stream,
    ]);
  }
}

/** A stream's name is unique in its tenant only. */
export const streamKey = ({ tenant, stream }: { readonly tenant: string; readonly stream: string }) =>
  `${tenant}/${stream}`;
