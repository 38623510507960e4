import type { CommandId, Instant, TenantId } from './ids.ts';

/** Where a stream stands: the version of its last event (0: none) and the hash that chains all events up to it. */
export interface Head {
  readonly version: number;
  /** 64 hexadecimal digits; zeros at version 0. */
  readonly hash: string;
}

export const NO_STREAM: Head = { version: 0, hash: '0'.repeat(64) };

/** Who asked, and what led to it. `causationId` is the id of an event (`<stream>@<version>`) or of a request. */
export interface Causation {
  readonly actor: string;
  readonly causationId: string;
  readonly correlationId: string;
  /** How many reactions of services to one another led to it. Absent: a person, the clock or work did. */
  readonly depth?: number;
}

export interface Append<Event = AnyEvent> {
  readonly tenant: TenantId;
  readonly stream: string;
  /** Optimistic concurrency: the append is refused as a conflict unless the stream stands here. */
  readonly expected: Head;
  /** Makes the append repeatable: the same id again is answered with the first outcome. */
  readonly commandId: CommandId;
  readonly causation: Causation;
  readonly at: Instant;
  readonly events: readonly Event[];
}

export interface AnyEvent {
  readonly type: string;
  readonly data: object;
}

export type AppendOutcome =
  | { readonly kind: 'appended'; readonly head: Head }
  /** The command was carried out before; `head` is where the stream stood after it. */
  | { readonly kind: 'duplicate'; readonly head: Head }
  | { readonly kind: 'conflict' };

/** An event as it lies in the store. */
export interface Recorded<Event = AnyEvent> {
  /** `<stream>@<version>`, unique in its tenant. */
  readonly id: string;
  readonly tenant: TenantId;
  readonly stream: string;
  readonly version: number;
  readonly hash: string;
  readonly commandId: CommandId;
  readonly causation: Causation;
  readonly at: Instant;
  readonly event: Event;
}

/** An event with its place in the global log: dense, gap-free, in order of commit. */
export interface Positioned<Event = AnyEvent> extends Recorded<Event> {
  readonly position: number;
}

export interface LogPage<Event = AnyEvent> {
  readonly events: readonly Positioned<Event>[];
  /** Everything up to here has been looked at; read on from here. */
  readonly scannedTo: number;
}

export interface LogFilter {
  readonly types?: readonly string[];
  readonly tenant?: TenantId;
}

export interface EventStore {
  append<Event extends AnyEvent>(append: Append<Event>): Promise<AppendOutcome>;
  read<Event extends AnyEvent>(
    tenant: TenantId,
    stream: string,
    afterVersion?: number,
  ): Promise<readonly Recorded<Event>[]>;
  /** One page of the global log after `position`, at most `limit` events (default 500). */
  readLog<Event extends AnyEvent>(position: number, filter?: LogFilter, limit?: number): Promise<LogPage<Event>>;
  /** Last position given out by the sequencer; 0 when the log is empty. */
  lastPosition(): Promise<number>;
  /** Position of an event, or undefined while the sequencer has not reached it. */
  positionOf(tenant: TenantId, stream: string, version: number): Promise<number | undefined>;
}
