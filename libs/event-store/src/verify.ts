import type { Pool, PoolClient, QueryResult } from 'pg';
import { StreamAudit, type AuditedRow, type Problem } from './stream-audit.ts';
import { isAway, unavailable } from './unavailable.ts';

/** Enough to see what happened; a table that was rewritten would fill the memory with them. */
const PROBLEMS_MAX = 1_000;
const PAGE_EVENTS = 2_000;
/** As long as a timer can be: before its first row, a query here sorts the whole store. */
const QUERY_MS_MAX = 2 ** 31 - 1;

export interface Verification {
  readonly ok: boolean;
  readonly events: number;
  readonly streams: number;
  /** Events that have their place in the global log; the others wait for the sequencer. */
  readonly positions: number;
  /** The first 1,000 of them. */
  readonly problems: readonly Problem[];
}

export interface VerifyOptions {
  /** Counts and problems are those of this tenant, and of the log. All is checked and `ok` is of all, in any case. */
  readonly tenant?: string;
  readonly onProgress?: (progress: { readonly events: number; readonly total: number }) => void;
}

const EVENTS = `
  select e.tenant, e.stream, e.version, e.type, e.command_id as "commandId", e.bytes, encode(e.hash, 'hex') as hash,
    g.position::float8 as position, g.tenant as "logTenant", g.type as "logType",
    exists (select from es.unsequenced u where u.event_id = e.id) as waiting,
    encode(s.hash, 'hex') as "headHash", s.previous_version as "previousVersion",
    encode(s.previous_hash, 'hex') as "previousHash"
  from es.event e
  left join es.global_log g on g.event_id = e.id
  left join es.stream s on s.tenant = e.tenant and s.stream = e.stream and s.version = e.version
  order by e.stream, e.tenant, e.version`;

/** What cannot be seen from the events: rows of other tables that belong to none. */
const STRAYS = `
  select tenant, stream, version, null::float8 as position, 'the stream stands at a version that has no event' as problem
  from es.stream s where not exists (
    select from es.event e where e.tenant = s.tenant and e.stream = s.stream and e.version = s.version
  )
  union all
  select null, null, null, position, 'the position belongs to no event'
  from es.global_log g where not exists (select from es.event e where e.id = g.event_id)
  union all
  select null, null, null, position, format('the position before it is %s', before)
  from (select position, lag(position, 1, 0::bigint) over (order by position) as before from es.global_log) g
  where position <> before + 1
  union all
  select null, null, null, last, format('the sequencer stands here, but the log ends at %s', ends)
  from es.sequencer, (select coalesce(max(position), 0) as ends from es.global_log) g where last <> ends
  union all
  select null, null, null, null, format('event %s waits for a position, but does not exist', event_id)
  from es.unsequenced u where not exists (select from es.event e where e.id = u.event_id)`;

interface Stray {
  readonly tenant: string | null;
  readonly stream: string | null;
  readonly version: number | null;
  readonly position: number | null;
  readonly problem: string;
}

/**
 * Reads the whole store, in one snapshot and in constant memory, and checks all that can be checked without a witness:
 * every event against its bytes, its hash, its stream and its place in the log. Appends go on meanwhile. Needs a role
 * that sees all tenants.
 */
export const verify = async (pool: Pool, { tenant, onProgress }: VerifyOptions = {}): Promise<Verification> => {
  const client = await pool.connect().catch((error: unknown) => {
    throw isAway(error) ? unavailable(error) : error;
  });
  try {
    await query(client, 'begin isolation level repeatable read read only; set local statement_timeout = 0');
    const total = await countEvents(client);
    const isTheirs = (other: string | undefined) => tenant === undefined || other === undefined || other === tenant;
    const problems: Problem[] = [];
    let ok = true;
    const report = (problem: Problem) => {
      ok = false;
      if (problems.length < PROBLEMS_MAX && isTheirs(problem.tenant)) problems.push(problem);
    };

    const audit = new StreamAudit(report);
    const found = { events: 0, streams: 0, positions: 0 };
    let read = 0;
    let stream: string | undefined;
    for await (const rows of pagesOf<AuditedRow>(client, EVENTS)) {
      for (const row of rows) {
        audit.next(row);
        if (!isTheirs(row.tenant)) continue;
        found.events += 1;
        if (row.position !== null) found.positions += 1;
        // Rows come stream by stream; two tenants may have streams of one name.
        const name = `${row.tenant}/${row.stream}`;
        if (name !== stream) found.streams += 1;
        stream = name;
      }
      read += rows.length;
      onProgress?.({ events: read, total });
    }
    audit.end();
    for await (const rows of pagesOf<Stray>(client, STRAYS)) rows.forEach((stray) => report(problemFrom(stray)));

    return { ok, ...found, problems };
  } finally {
    // A connection in doubt is not worth keeping.
    await query(client, 'rollback').then(
      () => client.release(),
      (error: Error) => client.release(error),
    );
  }
};

const query = <Row extends object>(client: PoolClient, text: string): Promise<QueryResult<Row>> => {
  // A setting of one query that the types do not know.
  const patient = { text, query_timeout: QUERY_MS_MAX };
  return client.query<Row>(patient);
};

const countEvents = async (client: PoolClient): Promise<number> => {
  const { rows } = await query<{ events: number }>(client, 'select count(*)::float8 as events from es.event');
  return rows[0]!.events;
};

async function* pagesOf<Row extends object>(client: PoolClient, select: string): AsyncGenerator<readonly Row[]> {
  await query(client, `declare audited no scroll cursor for ${select}`);
  for (;;) {
    const { rows } = await query<Row>(client, `fetch ${PAGE_EVENTS} from audited`);
    if (rows.length === 0) break;
    yield rows;
  }
  await query(client, 'close audited');
}

const problemFrom = ({ tenant, stream, version, position, problem }: Stray): Problem => ({
  ...(tenant !== null && { tenant }),
  ...(stream !== null && { stream }),
  ...(version !== null && { version }),
  ...(position !== null && { position }),
  problem,
});
