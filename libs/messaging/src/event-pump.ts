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
/** So many streams may fail while the others go on. When more do, it is an outage, and the page waits for its end. */
const STREAMS_LATE_MAX = 64;
const POLL_MS = 500;
const SAVE_MS = 200;
const REPLAY_CHECK_MS = 1_000;
const OUTAGE_MS = 500;

const SAVE = {
  name: 'bus.save',
  text: 'update bus.consumers set position = greatest(position, $2), moved_at = clock_timestamp() where name = $1',
};

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
 * Completeness comes from the saved position alone: it moves only when everything before it was handled or parked. So
 * messages that are lost, doubled, late or out of order do no harm, and nor does a JetStream that is gone.
 */
export class EventPump {
  private readonly options: PumpOptions;
  private readonly parking: Parking;
  /** How far the log was read. */
  private position = 0;
  private saved = 0;
  /** Streams whose event failed and is tried again while the pump goes on: that event, and what came after it. */
  private readonly late = new Map<string, Positioned[]>();
  private readonly trying = new Set<Promise<void>>();
  /** How many events of a type were settled. */
  private readonly settled = new Map<string, number>();
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
    this.late.clear();
    const listening = this.options.doorbell.listen((position) => this.ring(position), stop);
    stop.addEventListener('abort', () => this.wake.resolve(), { once: true });
    await Promise.all([this.consume(stop), this.saveRegularly(stop, ask), listening]);
    await Promise.all(this.trying);
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
    watch?.moved(consumer, this.settledTo());
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
      for (const stream of streams) await this.handleStream(stream, stop);
    };
    await Promise.all(Array.from({ length: STREAMS_SIDE_BY_SIDE }, lane));
  }

  /** Until the events are settled, or the stream is late. */
  private async handleStream(events: Positioned[], stop: AbortSignal): Promise<void> {
    const key = streamKey(events[0]!);
    const waiting = this.late.get(key);
    if (waiting) return void waiting.push(...events);
    const late = Promise.withResolvers<void>();
    const failed = () => {
      if (this.late.size >= STREAMS_LATE_MAX || this.late.has(key)) return;
      this.late.set(key, events);
      late.resolve();
    };
    const work = this.settleAll(events, failed, stop).finally(() => this.trying.delete(work));
    this.trying.add(work);
    await Promise.race([work, late.promise]);
  }

  /** Takes each event from the list when it is settled; when it is told to stop, the rest is left there. */
  private async settleAll(events: Positioned[], failed: () => void, stop: AbortSignal): Promise<void> {
    const { consumer, log } = this.options;
    const key = streamKey(events[0]!);
    for (let [event] = events; event; [event] = events) {
      try {
        if (this.parking.holds(event)) await this.parking.parkBehind(event);
        else await this.attempt(event, stop, { failed });
        events.shift();
      } catch (error) {
        if (stop.aborted) return;
        log.warn({ consumer, err: error }, 'the consumer can not go on, trying again');
        await pause(OUTAGE_MS, stop);
      }
    }
    this.late.delete(key);
  }

  /** Everything up to here was handled or parked. */
  private settledTo(): number {
    return Math.min(this.position, ...[...this.late.values()].map(([event]) => event!.position - 1));
  }

  /**
   * Tries until the event is settled. Answers false when it was parked. A try counts against the event when others of
   * its type, which need the same as it does, came through since the one before: in an outage none does.
   */
  private async attempt(
    event: Positioned,
    stop: AbortSignal,
    { failed, against: begin = 0 }: { readonly failed?: () => void; readonly against?: number },
  ): Promise<boolean> {
    const { consumer, handle, log, watch } = this.options;
    const { type } = event.event;
    const about = { consumer, event: event.id, type, position: event.position, tenant: event.tenant };
    const othersSettled = () => this.settled.get(type) ?? 0;
    let others = othersSettled();
    let against = begin;
    for (let tries = 1; ; tries += 1) {
      stop.throwIfAborted();
      const began = performance.now();
      if (othersSettled() > others) against += 1;
      others = othersSettled();
      const settled = (outcome: Parameters<PumpWatch['handled']>[2]) =>
        watch?.handled(consumer, type, outcome, performance.now() - began);
      try {
        await handle(event);
        settled('done');
        this.settled.set(type, othersSettled() + 1);
        return true;
      } catch (error) {
        const settlement = settlementOf(error, tries, against);
        switch (settlement.kind) {
          case 'done':
            log.info({ ...about, err: error }, 'refused, which settles it');
            settled('rejected');
            this.settled.set(type, othersSettled() + 1);
            return true;
          case 'retry':
            log.warn({ ...about, tries, err: error }, 'failed for now, trying again');
            settled('retried');
            failed?.();
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
    const failed = new Set(this.late.keys());
    for (const position of positions) {
      const [event] = (await this.options.store.readLog(position - 1, {}, 1)).events;
      if (!event || failed.has(streamKey(event))) continue;
      // Nobody waits for a replay: what fails again, for whatever reason, stays where it was.
      if (await this.attempt(event, stop, { against: Infinity })) {
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
    const position = this.settledTo();
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
