import type { EventStore, Positioned, Projection } from '@vt/kernel';
import { DatabaseError, type PoolClient } from 'pg';
import { snakeCase, type ViewTable } from './tables.ts';

/** The part of an event store that views are made from. */
export type Feed = Pick<EventStore, 'readLog' | 'lastPosition'>;

/** A projection joined to the table that keeps its rows. */
export interface View<Row extends object = object> {
  readonly projection: Projection<never, Row>;
  readonly table: ViewTable;
}

/** Joins a projection to its table; the table must have a column for each property of a row, and no other. */
export const view = <Event extends { type: string }, Row extends object>(
  projection: Projection<Event, Row>,
  table: ViewTable<keyof Row & string>,
): View<Row> => ({ projection: projection as Projection<never, Row>, table: table as ViewTable });

/** A row as it is kept: with its place, for pages, and the last event that touched it, for change detection. */
export type Kept<Row> = Row & {
  readonly key: string;
  readonly firstPosition: number;
  readonly lastPosition: number;
};

/** A row on its way through a fold. `row` is undefined where none is, or where none is left. */
export interface Folded {
  readonly tenant: string;
  readonly key: string;
  readonly firstPosition: number;
  readonly lastPosition: number;
  readonly row: object | undefined;
}

export type Rows = Map<string, Folded>;

/** The rules of a view threw. They would again: nothing but a release with other rules mends that. */
class Unfoldable extends Error {
  override readonly name = 'Unfoldable';
}

/** Whether a view can not be folded for a flaw of its own: its rules threw, or made a row that its table refuses. */
export const isFlaw = (error: unknown): boolean =>
  error instanceof Unfoldable || (error instanceof DatabaseError && /^2[23]/.test(error.code ?? ''));

function byRule<Result>({ event, position }: Positioned, rule: () => Result): Result {
  try {
    return rule();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Unfoldable(`${event.type} at position ${position}: ${reason}`, { cause });
  }
}

const idOf = (tenant: string, key: string) => `${tenant}\n${key}`;

/** Folds events into rows, in place. `rows` must hold every row that the events touch and that is there already. */
export function foldInto(rows: Rows, { projection }: View, events: readonly Positioned[]): void {
  for (const recorded of events) {
    const { event, tenant, position, at, causation } = recorded;
    const meta = { position, at, actor: causation.actor };
    const key = byRule(recorded, () => projection.keyOf(event as never, meta));
    if (key === undefined) continue;
    const id = idOf(tenant, key);
    const before = rows.get(id);
    const row = byRule(recorded, () => projection.evolve(before?.row, event as never, meta));
    if (row === undefined && before === undefined) continue;
    const firstPosition = before?.row === undefined ? position : before.firstPosition;
    rows.set(id, { tenant, key, firstPosition, lastPosition: position, row });
  }
}

/** The rows that these events touch, but for those that are known, as they are in the table, read in one query. */
export async function loadTouched(
  client: PoolClient,
  target: View,
  tableName: string,
  events: readonly Positioned[],
  known: Rows = new Map(),
): Promise<Rows> {
  const touched = new Map<string, { tenant: string; key: string }>();
  for (const recorded of events) {
    const { event, tenant, position, at, causation } = recorded;
    const meta = { position, at, actor: causation.actor };
    const key = byRule(recorded, () => target.projection.keyOf(event as never, meta));
    if (key !== undefined && !known.has(idOf(tenant, key))) touched.set(idOf(tenant, key), { tenant, key });
  }
  if (touched.size === 0) return new Map();
  const ids = [...touched.values()];
  const { rows } = await client.query<Record<string, unknown>>(
    `select kept.* from rm.${tableName} as kept
     join unnest($1::text[], $2::text[]) as touched (tenant, key) using (tenant, key)`,
    [ids.map(({ tenant }) => tenant), ids.map(({ key }) => key)],
  );
  return new Map(
    rows.map((record) => {
      const { key, firstPosition, lastPosition, ...row } = decode(target.table, record);
      const tenant = String(record['tenant']);
      return [idOf(tenant, key), { tenant, key, firstPosition, lastPosition, row }];
    }),
  );
}

/** One statement for all rows that a batch changed, whatever their number. */
export async function saveRows(client: PoolClient, { table }: View, tableName: string, rows: Rows): Promise<void> {
  if (rows.size === 0) return;
  const [gone, kept] = [[...rows.values()].filter(({ row }) => !row), [...rows.values()].filter(({ row }) => row)];
  if (gone.length > 0) await deleteRows(client, tableName, gone);
  const columns = columnsOf(table);
  const names = columns.map(({ name }) => `"${name}"`).join(', ');
  await client.query(
    `insert into rm.${tableName} (${names})
     select ${columns.map(({ property }) => `"${property}"`).join(', ')}
     from jsonb_to_recordset($1::jsonb) as r (${columns.map(({ property, type }) => `"${property}" ${type}`).join(', ')})
     on conflict (tenant, key) do update
     set ${columns.map(({ name }) => `"${name}" = excluded."${name}"`).join(', ')}`,
    [toJson(kept.map(flat))],
  );
}

export async function deleteRows(client: PoolClient, tableName: string, gone: readonly Folded[]): Promise<void> {
  await client.query(
    `delete from rm.${tableName} as kept using unnest($1::text[], $2::text[]) as gone (tenant, key)
     where kept.tenant = gone.tenant and kept.key = gone.key`,
    [gone.map(({ tenant }) => tenant), gone.map(({ key }) => key)],
  );
}

/** Properties and columns of a view's table, those that the runner keeps first. */
export const columnsOf = (table: ViewTable) => [
  { property: 'tenant', name: 'tenant', type: 'text' },
  { property: 'key', name: 'key', type: 'text' },
  { property: 'firstPosition', name: 'first_position', type: 'bigint' },
  { property: 'lastPosition', name: 'last_position', type: 'bigint' },
  ...Object.entries(table.columns).map(([property, type]) => ({ property, name: snakeCase(property), type })),
];

export const flat = ({ row, ...kept }: Folded): Record<string, unknown> => ({ ...row, ...kept });

/** A record of the table as the row that was folded, without its tenant. */
export function decode<Row extends object>(table: ViewTable, record: Record<string, unknown>): Kept<Row> {
  const row: Record<string, unknown> = {
    key: record['key'],
    firstPosition: Number(record['first_position']),
    lastPosition: Number(record['last_position']),
  };
  for (const property of Object.keys(table.columns)) {
    const value = record[snakeCase(property)];
    row[property] = value instanceof Date ? value.toISOString() : value;
  }
  // The table has a column for each property of the row: `view` does not compile otherwise.
  return row as Kept<Row>;
}

/** JSON that PostgreSQL takes: it has no place for NUL, nor for half a surrogate pair. */
export const toJson = (value: unknown): string => {
  const json = JSON.stringify(value);
  if (!/\\u(0000|d[89a-f])/.test(json)) return json;
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'string' ? part.toWellFormed().replaceAll('\0', '\uFFFD') : part,
  );
};
