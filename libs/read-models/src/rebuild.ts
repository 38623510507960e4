import type { Pool, PoolClient } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  columnsOf,
  deleteRows,
  flat,
  foldInto,
  loadTouched,
  saveRows,
  toJson,
  type Feed,
  type Rows,
  type View,
} from './view.ts';

const PAGE_EVENTS = 5_000;
/** So many rows, and what a page adds, are held in memory, whatever the view has. */
const ROWS_IN_MEMORY_MAX = 50_000;
/** One COPY for so many rows, so that none runs into a connection's time limit. */
const COPY_ROWS = 10_000;
/** What the swap has to fold itself is less than a page, or another round is made before it. */
const ROUNDS_MAX = 20;

/**
 * Folds a view from the first event into a new table beside the live one and swaps the two. Readers see the old rows until they see the new ones. A rebuild that dies leaves the live table as it was.
 */
export async function rebuildView(pool: Pool, store: Feed, target: View): Promise<number> {
  const { name } = target.table;
  const next = `${name}_next`;
  const client = await pool.connect();
  let healthy = false;
  try {
    await client.query(`set role vt_projector; set statement_timeout = 0; set lock_timeout = '60s'`);
    await client.query('select pg_advisory_lock(hashtext($1))', [`rm.${name}`]);
    await client.query('select rm.open_next($1)', [name]);
    let position = await foldLog(client, store, target, next);
    for (let round = 1; round <= ROUNDS_MAX; round += 1) {
      const before = position;
      position = await applyPage(client, store, target, next, position);
      if (position - before < PAGE_EVENTS) break;
    }
    position = await swap(client, store, target, next, position);
    await client.query('select pg_advisory_unlock(hashtext($1))', [`rm.${name}`]);
    await client.query('reset role; reset statement_timeout; reset lock_timeout');
    healthy = true;
    return position;
  } finally {
    // A connection in an unknown state is closed, which also gives back its lock.
    client.release(!healthy);
  }
}

/** Rows are written when they get too many, and at the end; what is touched after that is read again. */
async function foldLog(client: PoolClient, store: Feed, target: View, next: string): Promise<number> {
  const rows: Rows = new Map();
  let position = 0;
  let written = false;
  for (;;) {
    const { events, scannedTo } = await store.readLog(position, { types: target.projection.types }, PAGE_EVENTS);
    if (written) for (const [id, row] of await loadTouched(client, target, next, events, rows)) rows.set(id, row);
    foldInto(rows, target, events);
    const ended = scannedTo <= position;
    if (ended || rows.size > ROWS_IN_MEMORY_MAX) {
      if (written) await deleteRows(client, next, [...rows.values()]);
      await copyRows(client, target, next, rows);
      rows.clear();
      // Not before the first rows are there: these are all that most views have.
      if (!written) await client.query('select rm.index_next($1)', [target.table.name]);
      written = true;
    }
    if (ended) return position;
    position = scannedTo;
  }
}

async function copyRows(client: PoolClient, { table }: View, next: string, rows: Rows): Promise<void> {
  const columns = columnsOf(table);
  const names = columns.map(({ name }) => `"${name}"`).join(', ');
  const kept = [...rows.values()].filter(({ row }) => row !== undefined);
  for (let first = 0; first < kept.length; first += COPY_ROWS) {
    const lines = kept.slice(first, first + COPY_ROWS).map((folded) => {
      const row = flat(folded);
      return `${columns.map(({ property, type }) => copyField(row[property], type)).join('\t')}\n`;
    });
    await pipeline(Readable.from([lines.join('')]), client.query(copyFrom(`copy rm.${next} (${names}) from stdin`)));
  }
}

/** A value in the text format of COPY. */
const copyField = (value: unknown, type: string): string => {
  if (value === null || value === undefined) return '\\N';
  const text = type === 'jsonb' ? toJson(value) : String(value).toWellFormed().replaceAll('\0', '\uFFFD');
  return text.replace(/[\\\t\n\r]/g, (special) => COPY_ESCAPES[special] ?? special);
};

const COPY_ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };

async function applyPage(client: PoolClient, store: Feed, target: View, next: string, from: number) {
  const { events, scannedTo } = await store.readLog(from, { types: target.projection.types }, PAGE_EVENTS);
  const rows = await loadTouched(client, target, next, events);
  foldInto(rows, target, events);
  await saveRows(client, target, next, rows);
  return scannedTo;
}

/** Under the lock of the view's checkpoint, so that the live view stands still: the rest of the log, then the names. */
async function swap(client: PoolClient, store: Feed, target: View, next: string, from: number): Promise<number> {
  const { name } = target.table;
  await client.query('begin');
  const { rows } = await client.query<{ position: string }>(
    'select position from rm.checkpoint where view = $1 for update',
    [name],
  );
  // Never behind what readers have seen.
  const live = Number(rows[0]?.position ?? 0);
  let position = from;
  do {
    const before = position;
    position = await applyPage(client, store, target, next, position);
    if (position === before) break;
  } while (position < live);
  await client.query('select rm.swap_next($1)', [name]);
  await client.query('update rm.checkpoint set position = $2, version = $3 where view = $1', [
    name,
    position,
    target.projection.version,
  ]);
  await client.query('commit');
  return position;
}
