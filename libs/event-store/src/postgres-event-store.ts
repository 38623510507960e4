import type {
  AnyEvent,
  Append,
  AppendOutcome,
  EventStore,
  LogFilter,
  LogPage,
  Positioned,
  Recorded,
  TenantId,
} from '@vt/kernel';
import type { Pool, QueryConfig, QueryResultRow } from 'pg';
import { recordedFrom, seal } from './chain.ts';
import { GroupCommit, type GroupCommitOptions } from './group-commit.ts';
import { Together } from './together.ts';
import { isAway, unavailable } from './unavailable.ts';

const PAGE_EVENTS = 500;
const STREAMED_PAGE_EVENTS = 1_000;

const READ = { name: 'es.read_streams', text: 'select place, bytes, hash from es.read_streams($1, $2, $3)' };
const READ_LOG = {
  name: 'es.read_log',
  text: 'select last, position, bytes, hash from es.read_log($1, $2, $3, $4)',
};
const LAST_POSITION = { name: 'es.last_position', text: 'select last from es.sequencer' };
const POSITION_OF = { name: 'es.position_of', text: 'select es.position_of($1, $2, $3) as position' };

interface StreamRow {
  /** Of the stream among those that were asked for, from 1. */
  readonly place: number;
  readonly bytes: string;
  readonly hash: string;
}

interface Wanted {
  readonly stream: string;
  readonly afterVersion: number;
}

interface LogRow {
  readonly last: string;
  /** Null in the only row of an empty page, as are the columns after it. */
  readonly position: string | null;
  readonly bytes: string;
  readonly hash: string;
}

/**
 * The event store over a pool of `poolFor`; the role of the pool decides what it may do and see. Every method throws
 * `Unavailable` when the database is away; an append first tries again for `patienceMs` (default 5 s).
 */
export class PostgresEventStore implements EventStore {
  readonly #pool: Pool;
  readonly #appends: GroupCommit;
  /** By tenant: row-level security lets a statement see one. */
  readonly #reads = new Map<TenantId, Together<Wanted, readonly StreamRow[]>>();

  constructor(pool: Pool, options: Partial<GroupCommitOptions> = {}) {
    this.#pool = pool;
    this.#appends = new GroupCommit(pool, { flushesMax: 2, patienceMs: 5_000, onAppended: () => {}, ...options });
  }

  async append<Event extends AnyEvent>(append: Append<Event>): Promise<AppendOutcome> {
    const { tenant, stream, expected, commandId } = append;
    return this.#appends.submit({ tenant, stream, expected, commandId, sealed: seal(append) });
  }

  async read<Event extends AnyEvent>(
    tenant: TenantId,
    stream: string,
    afterVersion = 0,
  ): Promise<readonly Recorded<Event>[]> {
    let reads = this.#reads.get(tenant);
    if (reads === undefined) {
      reads = new Together((wanted) => this.#readTogether(tenant, wanted));
      this.#reads.set(tenant, reads);
    }
    const rows = await reads.carry({ stream, afterVersion });
    return rows.map(({ bytes, hash }) => recordedFrom<Event>(bytes, hash));
  }

  async readLog<Event extends AnyEvent>(
    position: number,
    { types, tenant }: LogFilter = {},
    limit = PAGE_EVENTS,
  ): Promise<LogPage<Event>> {
    const rows = await this.#query<LogRow>({ ...READ_LOG, values: [position, types ?? null, tenant ?? null, limit] });
    const events = rows.flatMap(({ position, bytes, hash }): Positioned<Event>[] =>
      position === null ? [] : [{ ...recordedFrom<Event>(bytes, hash), position: Number(position) }],
    );
    const full = events.length === limit;
    return { events, scannedTo: full ? events.at(-1)!.position : Math.max(position, Number(rows[0]?.last)) };
  }

  /**
   * All of the log after `position`, page by page, up to where it ended when the last page was read. The next page is
   * fetched while the caller works on one.
   */
  async *logStream<Event extends AnyEvent>(
    position = 0,
    filter: LogFilter = {},
    pageEvents = STREAMED_PAGE_EVENTS,
  ): AsyncGenerator<LogPage<Event>, void, void> {
    let next: Promise<LogPage<Event>> | undefined = this.readLog(position, filter, pageEvents);
    while (next !== undefined) {
      const page: LogPage<Event> = await next;
      next = page.events.length < pageEvents ? undefined : this.readLog(page.scannedTo, filter, pageEvents);
      // A caller who leaves early never looks at the page that is on its way.
      next?.catch(() => {});
      yield page;
    }
  }

  async lastPosition(): Promise<number> {
    const [row] = await this.#query<{ last: string }>(LAST_POSITION);
    return Number(row?.last ?? 0);
  }

  async positionOf(tenant: TenantId, stream: string, version: number): Promise<number | undefined> {
    const [row] = await this.#query<{ position: string | null }>({ ...POSITION_OF, values: [tenant, stream, version] });
    return row?.position == null ? undefined : Number(row.position);
  }

  async #readTogether(tenant: TenantId, wanted: readonly Wanted[]): Promise<readonly (readonly StreamRow[])[]> {
    const streams = wanted.map(({ stream }) => stream);
    const after = wanted.map(({ afterVersion }) => afterVersion);
    const rows = await this.#query<StreamRow>({ ...READ, values: [tenant, streams, after] });
    const byPlace = Map.groupBy(rows, ({ place }) => place);
    return wanted.map((_, index) => byPlace.get(index + 1) ?? []);
  }

  async #query<Row extends QueryResultRow>(query: QueryConfig): Promise<readonly Row[]> {
    try {
      return (await this.#pool.query<Row>(query)).rows;
    } catch (error) {
      throw isAway(error) ? unavailable(error) : error;
    }
  }
}
