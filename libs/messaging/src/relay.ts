import { jetstream, jetstreamManager, PubHeaders, type JetStreamClient } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { subjectOf } from '@vt/contracts';
import type { EventStore, Positioned } from '@vt/kernel';
import type { Pool } from 'pg';
import { cloudEventOf, headersOf } from './cloud-event.ts';
import type { Locks } from './locks.ts';
import type { Log } from './log.ts';
import { outcomeOf, type PublishOutcome } from './puback.ts';
import { orStopped, pause } from './stopping.ts';
import { StreamAudit } from './stream-audit.ts';
import { ensureStream, type StreamTopology } from './topology.ts';

const PAGE = 256;
const ACK_MS_MAX = 2_000;
const POLL_MS = 500;
const AUDIT_MS = 60_000;
const SAVE_MS = 50;
const RETRY_MS_FIRST = 50;
const RETRY_MS_MAX = 5_000;
const RETRY_MS_FULL = 10_000;
const TRIES_BEFORE_STREAM_CHECK = 3;

/** Told what the relay does, for metrics. */
export interface RelayWatch {
  published(upto: number): void;
  repaired(holes: number): void;
}

export interface RelayOptions {
  readonly store: Pick<EventStore, 'readLog'>;
  /** May read and write schema `bus`. */
  readonly pool: Pool;
  readonly locks: Locks;
  readonly nats: NatsConnection;
  readonly topology: StreamTopology;
  readonly log: Log;
  readonly watch?: RelayWatch;
  readonly auditMs?: number;
}

/**
 * Publishes the global log to JetStream, in order. The cursor moves over confirmed publishes only, so a crash anywhere
 * repeats some, which JetStream drops by message id or consumers ignore by position. Every minute, and at the start,
 * what the stream holds is compared with the log, and holes are filled.
 */
export class Relay {
  private readonly options: RelayOptions;
  private readonly js: JetStreamClient;
  private readonly expect: { readonly streamName: string };
  private wakeUp = Promise.withResolvers<void>();
  private auditSooner = Promise.withResolvers<void>();
  private upto = 0;
  private saved = 0;
  private relaying = false;

  constructor(options: RelayOptions) {
    this.options = options;
    this.js = jetstream(options.nats, { timeout: ACK_MS_MAX });
    this.expect = { streamName: options.topology.name };
  }

  /** Whether this instance relays, and not another one. */
  get isRelaying(): boolean {
    return this.relaying;
  }

  /** There is something to publish. */
  wake(): void {
    this.wakeUp.resolve();
  }

  /** Runs until the signal says stop; waits while another instance runs. */
  async run(signal: AbortSignal): Promise<void> {
    await this.options.locks.hold('relay', signal, async (stop) => {
      stop.addEventListener('abort', () => this.wake(), { once: true });
      this.relaying = true;
      await this.untilStopped(stop, () => orStopped(this.load(), stop));
      await Promise.all([this.publishLog(stop), this.saveCursor(stop), this.auditStream(stop)]);
      this.relaying = false;
    });
  }

  private async load(): Promise<void> {
    const { pool, nats, topology, log } = this.options;
    const { rows } = await pool.query<{ published_upto: string }>('select published_upto from bus.relay');
    this.upto = this.saved = Number(rows[0]!.published_upto);
    await ensureStream(await jetstreamManager(nats), topology, log);
  }

  private async publishLog(stop: AbortSignal): Promise<void> {
    const { store } = this.options;
    while (!stop.aborted) {
      await this.untilStopped(stop, async () => {
        // Whoever wakes us from now on may mean what this page does not have.
        this.wakeUp = Promise.withResolvers();
        const { events } = await store.readLog(this.upto, {}, PAGE);
        await this.publishAll(events, stop);
        stop.throwIfAborted();
        const last = events.at(-1);
        if (last) this.confirm(last.position);
        if (events.length < PAGE) await this.idle();
      });
    }
  }

  private confirm(position: number): void {
    this.upto = position;
    this.options.watch?.published(position);
  }

  /** Beside the publishing, so that nobody waits for this commit; behind by at most one round. */
  private async saveCursor(stop: AbortSignal): Promise<void> {
    const save = async () => {
      const upto = this.upto;
      if (upto === this.saved) return;
      await this.options.pool.query('update bus.relay set published_upto = greatest(published_upto, $1)', [upto]);
      this.saved = upto;
    };
    while (!stop.aborted) {
      await this.untilStopped(stop, save);
      await pause(SAVE_MS, stop);
    }
    await save().catch((error: unknown) =>
      this.options.log.warn({ err: error }, 'the cursor is saved at the next run'),
    );
  }

  private async auditStream(stop: AbortSignal): Promise<void> {
    const { nats, store, topology, log, watch, auditMs = AUDIT_MS } = this.options;
    const audit = new StreamAudit(nats, store, topology, log);
    while (!stop.aborted) {
      const repair = async () => {
        const holes = await audit.findHoles(this.upto);
        let repaired = 0;
        for (const { after, upto } of holes) repaired += await this.refill(after, upto, stop);
        if (repaired === 0) return;
        log.warn({ repaired, holes: holes.length }, 'JetStream had lost events, which were published again');
        watch?.repaired(repaired);
      };
      await this.untilStopped(stop, () => orStopped(repair(), stop));
      await Promise.race([pause(auditMs, stop), this.auditSooner.promise]);
      this.auditSooner = Promise.withResolvers();
    }
  }

  /** Answers how many JetStream took: it may be a hole for ever. */
  private async refill(after: number, upto: number, stop: AbortSignal): Promise<number> {
    let position = after;
    let stored = 0;
    // An id of its own: JetStream may still remember that it once had the message, and would drop this one.
    const suffix = `;refill=${Date.now()}`;
    while (position < upto) {
      const page = await this.options.store.readLog(position, {}, Math.min(PAGE, upto - position));
      const taken = await this.publishAll(page.events, stop, suffix);
      stop.throwIfAborted();
      const positions = taken.map((event) => event.position);
      await this.options.pool.query(
        `delete from bus.parked where consumer = 'relay' and position = any ($1::bigint[])`,
        [positions],
      );
      stored += positions.length;
      position = page.scannedTo;
    }
    return stored;
  }

  /** Answers the events that are stored, when the others can never be; rejects only when told to stop. */
  private async publishAll(
    events: readonly Positioned[],
    stop: AbortSignal,
    idSuffix = '',
  ): Promise<readonly Positioned[]> {
    if (await this.publishChain(events, idSuffix).catch(() => false)) return events;
    const taken = await Promise.all(events.map((event) => this.publish(event, idSuffix, stop)));
    return events.filter((_, index) => taken[index]);
  }

  /**
   * Each message is stored only right behind the one before it, so the answer to the last one speaks for all. Answers
   * false when it does not: JetStream has one of them already, or got another in between.
   */
  private async publishChain(events: readonly Positioned[], idSuffix: string): Promise<boolean> {
    const messages = events.map((event) => messageOf(event, idSuffix));
    const last = messages.pop();
    if (!last) return true;
    let before: string | undefined;
    for (const { subject, body, headers, id } of messages) {
      if (before !== undefined) headers.set(PubHeaders.ExpectedLastMsgIdHdr, before);
      this.options.nats.publish(subject, body, { headers });
      before = id;
    }
    const expect = { ...this.expect, ...(before === undefined ? {} : { lastMsgID: before }) };
    const answer = await this.js.publish(last.subject, last.body, { headers: last.headers, expect });
    return outcomeOf(answer) === 'confirmed' && !answer.duplicate;
  }

  /** Answers whether the event is stored, or can never be; rejects only when told to stop. */
  private async publish(event: Positioned, idSuffix: string, stop: AbortSignal): Promise<boolean> {
    const { subject, body, headers } = messageOf(event, idSuffix);
    for (let tries = 1; ; tries += 1) {
      stop.throwIfAborted();
      const answer = await this.js.publish(subject, body, { headers, expect: this.expect }).catch(errorOf);
      const outcome = outcomeOf(answer);
      if (outcome === 'confirmed') return true;
      if (outcome === 'never') {
        await this.giveUp(event, answer);
        return false;
      }
      await this.backOff(outcome, tries, answer, stop);
    }
  }

  private async backOff(outcome: PublishOutcome, tries: number, answer: unknown, stop: AbortSignal): Promise<void> {
    const { nats, topology, log } = this.options;
    if (outcome !== 'unknown') log.error({ outcome, tries, err: answer }, 'JetStream does not take events');
    if (outcome === 'misplaced' || tries % TRIES_BEFORE_STREAM_CHECK === 0) {
      await jetstreamManager(nats)
        .then((manager) => ensureStream(manager, topology, log))
        // What was away may have come back with less than it had.
        .then(() => this.auditSooner.resolve())
        .catch((error: unknown) => log.warn({ err: error }, 'JetStream is away; events wait in the store'));
    }
    const waitMs = outcome === 'full' ? RETRY_MS_FULL : Math.min(RETRY_MS_FIRST * 2 ** (tries - 1), RETRY_MS_MAX);
    await pause(waitMs * (0.5 + Math.random() / 2), stop);
  }

  /**
   * The size of an event is capped at its append, so this is a bug, and one event must not stop all others. To the audit
   * it is a hole, which tries it again.
   */
  private async giveUp(event: Positioned, answer: unknown): Promise<void> {
    const { log, pool } = this.options;
    log.error({ event: event.id, position: event.position, err: answer }, 'an event can not be published: parked');
    await pool.query(
      `insert into bus.parked (consumer, position, tenant, stream, event_id, reason, tries)
       values ('relay', $1, $2, $3, $4, $5, 1) on conflict (consumer, position)
       do update set reason = excluded.reason, tries = bus.parked.tries + 1, replay = false`,
      [event.position, event.tenant, event.stream, event.id, String(answer)],
    );
  }

  /** Does the work, again after a failure, until it works or there is no use in it. */
  private async untilStopped(stop: AbortSignal, work: () => Promise<void>): Promise<void> {
    for (let tries = 1; !stop.aborted; tries += 1) {
      try {
        return await work();
      } catch (error) {
        if (stop.aborted) return;
        this.options.log.warn({ err: error, tries }, 'the relay can not go on, trying again');
        await pause(Math.min(RETRY_MS_FIRST * 2 ** tries, RETRY_MS_MAX), stop);
      }
    }
  }

  private async idle(): Promise<void> {
    const poll = setTimeout(() => this.wake(), POLL_MS);
    await this.wakeUp.promise;
    clearTimeout(poll);
  }
}

function messageOf(event: Positioned, idSuffix: string) {
  const id = `${event.tenant}/${event.id}${idSuffix}`;
  const headers = headersOf(event);
  headers.set(PubHeaders.MsgIdHdr, id);
  return { id, subject: subjectOf(event), body: JSON.stringify(cloudEventOf(event)), headers };
}

const errorOf = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));
