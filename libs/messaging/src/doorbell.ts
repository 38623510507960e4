import {
  jetstream,
  jetstreamManager,
  JetStreamApiCodes,
  JetStreamApiError,
  type ConsumerMessages,
} from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { POSITION_HEADER } from './cloud-event.ts';
import type { Log } from './log.ts';
import { orStopped, pause } from './stopping.ts';
import { ensureConsumer, type ConsumerTopology } from './topology.ts';

const RETRY_MS = 1_000;
const BATCH = 500;
const SILENCE_MS_MAX = 5_000;

/** Tells that there may be something to read. It may ring for nothing, and may stay silent when it should not. */
export interface Doorbell {
  /** Calls `ring` with a position of the log, or with any other number, until the signal says stop. */
  listen(ring: (position: number) => void, stop: AbortSignal): Promise<void>;
}

/** The messages of a durable JetStream consumer, as a doorbell: what they say is read from the store. */
export class JetStreamDoorbell implements Doorbell {
  private hasListened = false;
  private readonly options: {
    readonly nats: NatsConnection;
    readonly stream: string;
    readonly consumer: ConsumerTopology;
    readonly log: Log;
  };

  constructor(options: JetStreamDoorbell['options']) {
    this.options = options;
  }

  async listen(ring: (position: number) => void, stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      try {
        // A request to a server that is away would hold up the end.
        await orStopped(this.consume(ring, stop), stop);
      } catch (error) {
        if (stop.aborted) return;
        const { log, consumer, stream } = this.options;
        if (!this.hasListened && isStreamMissing(error)) {
          log.debug({ consumer: consumer.name, stream }, 'the ledger has not made the stream yet, polling meanwhile');
        } else {
          log.warn({ consumer: consumer.name, err: error }, 'no doorbell, polling meanwhile');
        }
      }
      await pause(RETRY_MS, stop);
    }
  }

  private async consume(ring: (position: number) => void, stop: AbortSignal): Promise<void> {
    const { nats, stream, consumer, log } = this.options;
    await ensureConsumer(await jetstreamManager(nats), stream, consumer, log);
    this.hasListened = true;
    const durable = await jetstream(nats).consumers.get(stream, consumer.name);
    const messages = await durable.consume({ max_messages: BATCH, idle_heartbeat: SILENCE_MS_MAX / 2 });
    const close = () => void messages.close();
    stop.addEventListener('abort', close, { once: true });
    void this.watch(messages);
    try {
      for await (const { headers } of messages) ring(Number(headers?.get(POSITION_HEADER)));
    } finally {
      stop.removeEventListener('abort', close);
    }
  }

  /** A stream or consumer that went away ends the round, and the next one makes the consumer again. */
  private async watch(messages: ConsumerMessages): Promise<void> {
    for await (const { type } of messages.status()) {
      if (type === 'consumer_deleted' || type === 'consumer_not_found' || type === 'stream_not_found') {
        await messages.close();
      }
    }
  }
}

const isStreamMissing = (error: unknown) =>
  error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound;
