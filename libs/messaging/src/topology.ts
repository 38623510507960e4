import {
  AckPolicy,
  DeliverPolicy,
  DiscardPolicy,
  JetStreamApiError,
  RetentionPolicy,
  StorageType,
  type ConsumerConfig,
  type JetStreamManager,
  type StreamConfig,
  type StreamInfo,
} from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import { ALL_EVENTS, subjectOfType, type DomainEventType } from '@vt/contracts';
import type { Log } from './log.ts';

const HOUR_MS = 3_600_000;
const NOT_FOUND = 404;

/** What JetStream should hold, as data. Fields that are left out are the server's to choose. */
export interface StreamTopology {
  readonly name: string;
  readonly subjects: readonly string[];
  /** Copies, 1 to 5; at most the number of servers in the cluster. */
  readonly replicas: number;
  readonly maxAgeMs: number;
  readonly duplicateWindowMs: number;
}

export const EVENT_STREAM: StreamTopology = {
  name: 'VT_EVENTS',
  subjects: [ALL_EVENTS],
  replicas: 1,
  maxAgeMs: 7 * 24 * HOUR_MS,
  duplicateWindowMs: 120_000,
};

export interface ConsumerTopology {
  /** Name of the durable consumer: the service's. */
  readonly name: string;
  readonly types: readonly DomainEventType[];
}

const streamConfig = ({ name, subjects, replicas, maxAgeMs, duplicateWindowMs }: StreamTopology) =>
  ({
    name,
    subjects: [...subjects],
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    discard: DiscardPolicy.Old,
    num_replicas: replicas,
    max_age: nanos(maxAgeMs),
    duplicate_window: nanos(duplicateWindowMs),
    allow_direct: true,
  }) satisfies Partial<StreamConfig>;

const consumerConfig = ({ name, types }: ConsumerTopology) =>
  ({
    durable_name: name,
    filter_subjects: types.map((type) => subjectOfType(type)),
    // What a message says is read from the store, and so is what came before, or never came.
    headers_only: true,
    ack_policy: AckPolicy.None,
    deliver_policy: DeliverPolicy.New,
  }) satisfies Partial<ConsumerConfig>;

/**
 * Creates the stream, or brings it in line, and compares what the server kept. Safe to call at any time; a stream that
 * was deleted is created again, empty.
 */
export async function ensureStream(manager: JetStreamManager, topology: StreamTopology, log: Log): Promise<StreamInfo> {
  const wanted = streamConfig(topology);
  const found = await unlessMissing(manager.streams.info(topology.name));
  if (found && differences(wanted, found.config).length === 0) return found;
  const kept = found ? await manager.streams.update(topology.name, wanted) : await manager.streams.add(wanted);
  report(`stream ${topology.name}`, wanted, kept.config, log);
  return kept;
}

/** The same for the durable consumer of a service. The stream must exist. */
export async function ensureConsumer(
  manager: JetStreamManager,
  stream: string,
  topology: ConsumerTopology,
  log: Log,
): Promise<void> {
  const wanted = consumerConfig(topology);
  const found = await unlessMissing(manager.consumers.info(stream, topology.name));
  if (found && differences(wanted, found.config).length === 0) return;
  // It remembers nothing that is of use, and not everything about it can be changed.
  if (found) await manager.consumers.delete(stream, topology.name);
  const kept = await manager.consumers.add(stream, wanted);
  report(`consumer ${topology.name}`, wanted, kept.config, log);
}

export interface Difference {
  readonly field: string;
  readonly wanted: unknown;
  readonly kept: unknown;
}

/** Fields of `wanted` that the server holds otherwise. Old servers drop what they do not know without a word. */
export function differences(wanted: object, kept: object): readonly Difference[] {
  const held = new Map<string, unknown>(Object.entries(kept));
  const canonical = (value: unknown) => JSON.stringify(Array.isArray(value) ? value.toSorted() : value);
  return Object.entries(wanted)
    .filter(([field, value]) => canonical(value) !== canonical(held.get(field)))
    .map(([field, value]) => ({ field, wanted: value, kept: held.get(field) }));
}

function report(what: string, wanted: object, kept: object, log: Log): void {
  for (const difference of differences(wanted, kept)) {
    log.error(difference, `JetStream keeps another ${difference.field} of ${what} than was asked for`);
  }
}

async function unlessMissing<Info>(request: Promise<Info>): Promise<Info | undefined> {
  try {
    return await request;
  } catch (error) {
    if (error instanceof JetStreamApiError && error.status === NOT_FOUND) return undefined;
    throw error;
  }
}
