import {
  NO_STREAM,
  type AnyEvent,
  type Append,
  type AppendOutcome,
  type EventStore,
  type Head,
  type LogFilter,
  type LogPage,
  type Positioned,
  type Recorded,
  type TenantId,
} from '@vt/kernel';
import { headAfter, recordedFrom, seal } from './chain.ts';
import { reused } from './group-commit.ts';

export interface MemoryEventStoreOptions {
  /** Whether events wait for `sequence()`, as they do in PostgreSQL; by default they get their position at once. */
  readonly sequencing?: 'at once' | 'on call';
  readonly onAppended?: () => void;
}

interface Stored {
  readonly tenant: string;
  readonly type: string;
  readonly id: string;
  readonly json: string;
  readonly hash: string;
}

/** The event store without a database, for tests: the same rules, the same bytes, gone with the process. */
export class MemoryEventStore implements EventStore {
  readonly #streams = new Map<string, Stored[]>();
  readonly #commands = new Map<string, { readonly stream: string; readonly head: Head }>();
  readonly #log: Stored[] = [];
  readonly #positions = new Map<string, number>();
  readonly #options: MemoryEventStoreOptions;
  #unsequenced: Stored[] = [];

  constructor(options: MemoryEventStoreOptions = {}) {
    this.#options = options;
  }

  // Nothing is awaited between looking and writing, so of many writers at one head one wins.
  async append<Event extends AnyEvent>(append: Append<Event>): Promise<AppendOutcome> {
    const sealed = seal(append);
    const { tenant, stream, expected, commandId } = append;
    const key = `${tenant}/${stream}`;
    const before = this.#commands.get(`${tenant}/${commandId}`);
    if (before !== undefined) {
      if (before.stream !== stream) throw new Error(reused(append, before.stream));
      return { kind: 'duplicate', head: before.head };
    }

    const events = this.#streams.get(key) ?? [];
    const hash = events.at(-1)?.hash ?? NO_STREAM.hash;
    if (expected.version !== events.length || expected.hash !== hash) return { kind: 'conflict' };

    const stored = sealed.map(({ version, type, json, hash }): Stored => ({
      tenant,
      type,
      id: `${key}@${version}`,
      json,
      hash,
    }));
    const head = headAfter(sealed);
    this.#streams.set(key, events);
    events.push(...stored);
    this.#commands.set(`${tenant}/${commandId}`, { stream, head });
    this.#unsequenced.push(...stored);
    if (this.#options.sequencing !== 'on call') this.sequence();
    this.#options.onAppended?.();
    return { kind: 'appended', head };
  }

  /** Gives waiting events their positions, oldest first, and answers how many got one. */
  sequence(limit = Number.POSITIVE_INFINITY): number {
    const taken = this.#unsequenced.slice(0, limit);
    this.#unsequenced = this.#unsequenced.slice(taken.length);
    for (const event of taken) this.#positions.set(event.id, this.#log.push(event));
    return taken.length;
  }

  async read<Event extends AnyEvent>(
    tenant: TenantId,
    stream: string,
    afterVersion = 0,
  ): Promise<readonly Recorded<Event>[]> {
    const events = this.#streams.get(`${tenant}/${stream}`) ?? [];
    return events.slice(afterVersion).map(({ json, hash }) => recordedFrom<Event>(json, hash));
  }

  async readLog<Event extends AnyEvent>(
    position: number,
    { types, tenant }: LogFilter = {},
    limit = 500,
  ): Promise<LogPage<Event>> {
    const events: Positioned<Event>[] = [];
    for (let index = position; index < this.#log.length && events.length < limit; index += 1) {
      const stored = this.#log[index]!;
      if (types?.includes(stored.type) === false || (tenant !== undefined && stored.tenant !== tenant)) continue;
      events.push({ ...recordedFrom<Event>(stored.json, stored.hash), position: index + 1 });
    }
    const full = events.length === limit;
    return { events, scannedTo: full ? events.at(-1)!.position : Math.max(position, this.#log.length) };
  }

  async lastPosition(): Promise<number> {
    return this.#log.length;
  }

  async positionOf(tenant: TenantId, stream: string, version: number): Promise<number | undefined> {
    return this.#positions.get(`${tenant}/${stream}@${version}`);
  }
}
