import { Rejection, type AnyEvent, type Append, type Head, type Recorded } from '@vt/kernel';
import { hash } from 'node:crypto';
import { canonicalJson } from './canonical-json.ts';

/** Size limit of an event with its envelope, in bytes of canonical JSON. Larger content goes to the artifact store. */
export const EVENT_BYTES_MAX = 256 * 1024;

/** What the bytes of an event say: the event and its envelope. */
export interface Content {
  readonly actor: string;
  readonly at: string;
  readonly causationId: string;
  readonly commandId: string;
  readonly correlationId: string;
  readonly data: object;
  readonly depth?: number;
  readonly stream: string;
  readonly tenant: string;
  readonly type: string;
  readonly version: number;
}

/** An event in its final form: canonical JSON, and the hash that chains it to all before it in its stream. */
export interface Sealed {
  readonly version: number;
  readonly type: string;
  readonly json: string;
  /** Of the JSON in UTF-8. */
  readonly bytes: number;
  readonly hash: string;
}

const HASH_BYTES = 32;

/** Where hash and bytes are put together to be hashed; nobody else sees it between two lines. */
const link = Buffer.alloc(HASH_BYTES + EVENT_BYTES_MAX);

/** SHA-256 of the hash before and of the canonical JSON, of which at most EVENT_BYTES_MAX bytes count. */
export const hashAfter = (previousHash: string, json: string): string => {
  link.write(previousHash, 0, 'hex');
  const bytes = link.write(json, HASH_BYTES);
  return hash('sha256', link.subarray(0, HASH_BYTES + bytes), 'hex');
};

/**
 * Turns the events of an append into what is stored.
 * @throws Rejection `event-too-large`
 */
export const seal = ({ tenant, stream, expected, commandId, causation, at, events }: Append): readonly Sealed[] => {
  if (events.length === 0) throw new Error(`an append to stream ${stream} has no events`);
  let { version, hash: previous } = expected;
  return events.map(({ type, data }) => {
    version += 1;
    const json = jsonOf({ ...causation, at, commandId, data, stream, tenant, type, version });
    const bytes = Buffer.byteLength(json);
    if (bytes > EVENT_BYTES_MAX) throw tooLarge(type, stream, bytes);
    previous = hashAfter(previous, json);
    return { version, type, json, bytes, hash: previous };
  });
};

const jsonOf = (content: Content): string => {
  try {
    return canonicalJson(content);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const { type, stream } = content;
    throw new Error(`${type} for stream ${stream} cannot be written as canonical JSON: ${reason}`, { cause });
  }
};

const tooLarge = (type: string, stream: string, bytes: number): Rejection =>
  new Rejection(
    'event-too-large',
    `${type} for stream ${stream} has ${bytes} bytes, at most ${EVENT_BYTES_MAX} fit in an event: ` +
      'put the content into the artifact store and its digest into the event',
  );

/** The event as its bytes have it; columns beside the bytes are for finding it only. */
export const recordedFrom = <Event extends AnyEvent>(bytes: string, hash: string): Recorded<Event> => {
  // Only `seal` writes bytes, from an Append of these very types.
  const { actor, at, causationId, commandId, correlationId, data, depth, stream, tenant, type, version } = JSON.parse(
    bytes,
  ) as Pick<Recorded, 'at' | 'commandId' | 'tenant'> & Omit<Content, 'at' | 'commandId' | 'tenant'>;
  return {
    id: `${stream}@${version}`,
    tenant,
    stream,
    version,
    hash,
    commandId,
    causation: { actor, causationId, correlationId, ...(depth === undefined ? {} : { depth }) },
    at,
    event: { type, data } as Event,
  };
};

export const headAfter = (sealed: readonly Sealed[]): Head => {
  const { version, hash } = sealed.at(-1)!;
  return { version, hash };
};
