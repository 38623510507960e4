import type { EventStore, Positioned } from '@vt/kernel';
import type { Pool } from 'pg';
import type { Doorbell } from './doorbell.ts';
import type { Ask, Locks } from './locks.ts';
import type { Log } from './log.ts';
import { Parking, streamKey } from './parking.ts';
import { settlementOf } from './settle.ts';
import { pause } from './stopping.ts';

const PAGE = 500;
const STREAMS_SIDE_BY_SIDE = 64;
const POLL_MS = 500;
const SAVE_MS = 50;
const REPLAY_CHECK_MS = 1_000;
const OUTAGE_MS = 500;

const SAVE = 'update bus.consumers set position = greatest(position, $2), moved_at = clock_timestamp() where name = $1';

/** Told what a pump does, for metrics. */
export interface PumpWatch {
  moved(consumer: string, position: number): void;
  handled(consumer: string, type: string, outcome: 'done' | 'rejected' | 'retried' | 'parked', ms: number): void;
}

export interface PumpOptions {
  /** Under this name the position is kept; instances with the same name take turns. */
  readonly consumer: string;
  readonly types: readonly string[];
  readonly store: Pick<EventStore, 'readLog'>;
  /** May read and write schema `bus`. */
  readonly pool: Pool;
  readonly locks: Locks;
  readonly doorbell: Doorbell;
  readonly handle: (event: Positioned) => Promise<unknown>;
  readonly log: Log;
  readonly watch?: PumpWatch;
}

/**
 * Brings every event of the given types to `handle`, at least once, in order within a stream, streams side by side.
 *
 * Completeness comes from the position alone: it moves only when everything before it was handled or parked. So
 * messages that are lost, doubled, late or out of order do no harm, and nor does a JetStream that is gone.
 */
export class EventPump {
  private readonly options: PumpOptions;
  private readonly parking: Parking;
  private position = 0;
  private saved = 0;
  /** The highest position that the doorbell has told. */
  private rung = 0;
  private replayedAt = 0;
  private wake = Promise.withResolvers<void>();

  constructor(options: PumpOptions) {
    this.options = options;
    this.parking = new Parking(options.pool, options.consumer);
  }

  /** Runs until the signal says stop; waits while another instance runs. */
  async run(signal: AbortSignal): Promise<void> {
    const { consumer, locks } = this.options;
    await locks.hold(`consumer:${consumer}`, signal, (stop, ask) => this.pump(stop, ask));
  }

  private async pump(stop: AbortSignal, ask: Ask): Promise<void> {
    // What was not written down under an earlier lock counts no more.
    this.position = this.saved;
    const listening = this.options.doorbell.listen((position) => this.ring(position), stop);
    stop.addEventListener('abort', () => this.wake.resolve(), { once: true });
    await Promise.all([this.consume(stop), this.saveRegularly(stop, ask), listening]);
    await this.save(ask);
  }

  private async consume(stop: AbortSignal): Promise<void> {
    const { consumer, log } = this.options;
    let loaded = false;
    while (!stop.aborted) {
      try {
        if (!loaded) await this.load();
        loaded = true;
        if (!(await this.step(stop)) && !stop.aborted) await this.idle();
      } catch (error) {
        if (stop.aborted) break;
        log.warn({ consumer, err: error }, 'the consumer can not go on, trying again');
        await pause(OUTAGE_MS, stop);
      }
    }
  }

  private async load(): Promise<void> {
    const { pool, consumer } = this.options;
    await pool.query('insert into bus.consumers (name) values ($1) on conflict do nothing', [consumer]);
    const { rows } = await pool.query<{ position: string }>('select position from bus.consumers where name = $1', [
      consumer,
    ]);
    this.position = this.saved = Number(rows[0]!.position);
    await this.parking.load();
  }

  /** One page. Answers whether there is certainly another one. */
  private async step(stop: AbortSignal): Promise<boolean> {
    const { store, types, consumer, watch } = this.options;
    const { events, scannedTo } = await store.readLog(this.position, { types }, PAGE);
    await this.handlePage(events, stop);
    stop.throwIfAborted();
    this.position = scannedTo;
    watch?.moved(consumer, scannedTo);
    if (performance.now() - this.replayedAt > REPLAY_CHECK_MS) {
      await this.replay(stop);
      this.replayedAt = performance.now();
    }
    return events.length === PAGE;
  }

  private async handlePage(events: readonly Positioned[], stop: AbortSignal): Promise<void> {
    const streams = Map.groupBy(events, streamKey).values();
    const lane = async () => {
      // The lanes share one iterator, so each stream goes to whoever is free.
      for (const stream of streams) {
        for (const event of stream) await this.deliver(event, stop);
      }
    };
    await Promise.all(Array.from({ length: STREAMS_SIDE_BY_SIDE }, lane));
  }

  private async deliver(event: Positioned, stop: AbortSignal): Promise<void> {
    if (this.parking.holds(event)) return this.parking.parkBehind(event);
    await this.attempt(event, stop);
  }

  /** Tries until the event is settled. Answers false when it was parked. */
  private async attempt(event: Positioned, stop: AbortSignal): Promise<boolean> {
    const { consumer, handle, log, watch } = this.options;
    const about = { consumer, event: event.id, type: event.event.type, position: event.position, tenant: event.tenant };
    for (let tries = 1; ; tries += 1) {
      stop.throwIfAborted();
      const began = performance.now();
      const settled = (outcome: Parameters<PumpWatch['handled']>[2]) =>
        watch?.handled(consumer, event.event.type, outcome, performance.now() - began);
      try {
        await handle(event);
        settled('done');
        return true;
      } catch (error) {
        const settlement = settlementOf(error, tries);
        switch (settlement.kind) {
          case 'done':
            log.info({ ...about, err: error }, 'refused, which settles it');
            settled('rejected');
            return true;
          case 'retry':
            log.warn({ ...about, tries, err: error }, 'failed for now, trying again');
            settled('retried');
            await pause(settlement.delayMs, stop);
            break;
          case 'park':
            log.error(
              { ...about, tries, err: error },
              'parked with the rest of its stream: mend the cause, then replay',
            );
            await this.parking.park(event, settlement.reason, tries);
            settled('parked');
            return false;
        }
      }
    }
  }

  /** Tries again what an operator asked for, each stream from its oldest parked event to its newest. */
  private async replay(stop: AbortSignal): Promise<void> {
    const positions = await this.parking.requested();
    if (positions.length === 0) return;
    const failed = new Set<string>();
    for (const position of positions) {
      const [event] = (await this.options.store.readLog(position - 1, {}, 1)).events;
      if (!event || failed.has(streamKey(event))) continue;
      if (await this.attempt(event, stop)) {
        await this.parking.release(position);
      } else {
        failed.add(streamKey(event));
        await this.parking.refuse(event);
      }
    }
    await this.parking.load();
  }

  /** Beside the handling, so that nobody waits for it: what is handled again after a crash is a moment's events more. */
  private async saveRegularly(stop: AbortSignal, ask: Ask): Promise<void> {
    while (!stop.aborted) {
      await this.save(ask);
      await pause(SAVE_MS, stop);
    }
  }

  /**
   * On the connection of the lock, because commits of handlers are not waited for: when the server dies and loses an end
   * of them, this connection dies, too, and the position is that of the database again, which is before them.
   */
  private async save(ask: Ask): Promise<void> {
    const { consumer, log } = this.options;
    const { position } = this;
    if (position === this.saved) return;
    try {
      await ask(SAVE, [consumer, String(position)]);
      this.saved = position;
    } catch (error) {
      log.warn({ consumer, err: error }, 'the position can not be saved now');
    }
  }

  private ring(position: number): void {
    if (position > this.rung) this.rung = position;
    if (position > this.position) this.wake.resolve();
  }

  private async idle(): Promise<void> {
    // The page before may have brought what was rung for meanwhile.
    if (this.rung <= this.position) this.wake = Promise.withResolvers();
    const poll = setTimeout(() => this.wake.resolve(), POLL_MS);
    await this.wake.promise;
    clearTimeout(poll);
    this.wake = Promise.withResolvers();
  }
}
