import { DeliverPolicy, jetstream, jetstreamManager, type JsMsg, type StreamInfo } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import type { EventStore } from '@vt/kernel';
import { POSITION_HEADER } from './cloud-event.ts';
import type { Log } from './log.ts';
import { ensureStream, type StreamTopology } from './topology.ts';

/** Events about to expire are not looked for: they would be gone before the audit is over. */
const EXPIRY_MARGIN_MS = 600_000;
const BATCH = 1_000;
const SILENCE_MS_MAX = 2_000;

/** Positions `after` < p <= `upto` that JetStream does not hold. */
export interface Hole {
  readonly after: number;
  readonly upto: number;
}

/** What an audit found in order, so that the next one needs to look only at what came since. */
interface Audited {
  readonly created: string;
  readonly deleted: number;
  readonly sequence: number;
  readonly position: number;
}

/** Compares what JetStream holds with the log. */
export class StreamAudit {
  private readonly nats: NatsConnection;
  private readonly store: Pick<EventStore, 'readLog'>;
  private readonly topology: StreamTopology;
  private readonly log: Log;
  private audited: Audited | undefined;

  constructor(nats: NatsConnection, store: Pick<EventStore, 'readLog'>, topology: StreamTopology, log: Log) {
    this.nats = nats;
    this.store = store;
    this.topology = topology;
    this.log = log;
  }

  /** Holes in the part of the log up to `upto` that is young enough to be kept. Makes the stream if it is gone. */
  async findHoles(upto: number): Promise<readonly Hole[]> {
    const info = await ensureStream(await jetstreamManager(this.nats), this.topology, this.log);
    const oldest = await this.oldestKept(upto);
    const known = (await this.isUnharmed(info, oldest)) ? this.audited : undefined;
    const after = Math.max(oldest, known?.position ?? 0);
    const first = known ? known.sequence + 1 : info.state.first_seq;
    const seen = new Seen(after, upto);
    const { num_deleted: deleted, last_seq: last } = info.state;
    // What was published since `upto` was taken is for the next audit.
    let sequence = last;
    await this.scan(first, last, (position, at) => {
      seen.add(position);
      if (position > upto) sequence = Math.min(sequence, at - 1);
    });
    const holes = seen.holes();
    // Where something was missing, the next audit looks at everything again, and so at the repair.
    this.audited = holes.length === 0 ? { created: info.created, deleted, sequence, position: upto } : undefined;
    return holes;
  }

  /** False when something that an earlier audit saw may have gone since. */
  private async isUnharmed({ created, state }: StreamInfo, oldest: number): Promise<boolean> {
    const known = this.audited;
    if (!known || known.created !== created || known.deleted !== state.num_deleted) return false;
    if (state.last_seq < known.sequence || (state.messages === 0 && oldest < known.position)) return false;
    if (state.messages === 0) return true;
    // A purge takes from the front, as age does, but takes what is young.
    let firstPosition = 0;
    await this.scan(state.first_seq, state.first_seq, (position) => {
      firstPosition = position;
    });
    return firstPosition <= oldest + 1;
  }

  private async scan(first: number, last: number, see: (position: number, sequence: number) => void): Promise<void> {
    if (first > last || last === 0) return;
    const ordered = await jetstream(this.nats).consumers.get(this.topology.name, {
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: first,
      headers_only: true,
    });
    const messages = await ordered.consume({ max_messages: BATCH });
    // A purge in the middle of it may take the message that would end the scan.
    const silence = setTimeout(() => void messages.close(), SILENCE_MS_MAX);
    try {
      for await (const message of messages) {
        silence.refresh();
        if (message.seq <= last) see(positionOf(message), message.seq);
        if (message.seq >= last || message.info.pending === 0) return;
      }
      throw new Error(`JetStream fell silent in the middle of stream ${this.topology.name}`);
    } finally {
      clearTimeout(silence);
      await messages.close();
      // It would expire by itself.
      await ordered.delete().catch(() => undefined);
    }
  }

  /** The position after which events are young enough that JetStream must still hold them; found by bisection. */
  private async oldestKept(upto: number): Promise<number> {
    const since = new Date(Date.now() - this.topology.maxAgeMs + EXPIRY_MARGIN_MS).toISOString();
    let [low, high] = [0, upto];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const [event] = (await this.store.readLog(middle, {}, 1)).events;
      if (event && event.at < since) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

const positionOf = (message: JsMsg) => Number(message.headers?.get(POSITION_HEADER) ?? 0);

/** One bit for each position after `after`, up to `upto`. */
class Seen {
  private readonly bits: Uint8Array;
  private readonly after: number;
  private readonly upto: number;

  constructor(after: number, upto: number) {
    this.after = after;
    this.upto = upto;
    this.bits = new Uint8Array(Math.ceil(Math.max(0, upto - after) / 8));
  }

  add(position: number): void {
    const index = position - this.after - 1;
    if (index < 0 || position > this.upto) return;
    this.bits[index >> 3]! |= 1 << (index & 7);
  }

  holes(): readonly Hole[] {
    const holes: { after: number; upto: number }[] = [];
    for (let position = this.after + 1; position <= this.upto; position += 1) {
      const index = position - this.after - 1;
      if ((this.bits[index >> 3]! >> (index & 7)) & 1) continue;
      const last = holes.at(-1);
      if (last?.upto === position - 1) last.upto = position;
      else holes.push({ after: position - 1, upto: position });
    }
    return holes;
  }
}
