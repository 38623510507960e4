import type { TenantId } from '@vt/kernel';
import { escapeLiteral, type Pool, type PoolClient } from 'pg';
import { snakeCase } from './tables.ts';
import { decode, type Kept, type View } from './view.ts';

/** What was read, and the position of the log that it reflects. */
export interface Answer<Value> {
  readonly value: Value;
  readonly position: number;
}

export interface Selection<Row> {
  /** Equal to the value, or to one of several. */
  readonly where?: { readonly [Column in keyof Row]?: string | number | readonly string[] };
  readonly limit: number;
  /** `asc`: oldest first. */
  readonly order?: 'asc' | 'desc';
  /** Only rows past this one, in the order asked for. */
  readonly after?: { readonly firstPosition: number; readonly key: string } | undefined;
}

/** Reads views for one tenant at a time; the database shows no other tenant's rows. */
export interface Reader {
  rows<Row extends object>(tenant: TenantId, view: View<Row>, selection: Selection<Row>): Promise<Answer<Kept<Row>[]>>;
  /** Several reads of one snapshot. */
  snapshot<T>(tenant: TenantId, read: (rows: SnapshotRows) => Promise<T>): Promise<Answer<T>>;
  /** A row by its key, whoever's it is: only for finding out who is asking. */
  anyTenant<Row extends object>(
    view: View<Row>,
    key: string,
  ): Promise<{ tenant: TenantId; row: Kept<Row> } | undefined>;
}

export type SnapshotRows = <Row extends object>(view: View<Row>, selection: Selection<Row>) => Promise<Kept<Row>[]>;

export const createReader = (pool: Pool): Reader => {
  const snapshot: Reader['snapshot'] = async (tenant, read) =>
    asTenant(pool, tenant, 'read only', async (client) => {
      const seen = new Set<string>();
      const value = await read((view, selection) => {
        seen.add(view.table.name);
        return select(client, view, selection);
      });
      // Of the views that were read: one that is broken is behind the others.
      const { rows } = await client.query<{ position: string }>(
        'select coalesce(min(position), 0) as position from rm.checkpoint where view = any ($1)',
        [[...seen]],
      );
      return { value, position: Number(rows[0]?.position) };
    });

  return {
    snapshot,
    rows: (tenant, view, selection) => snapshot(tenant, (rows) => rows(view, selection)),
    anyTenant: async (view, key) => {
      const client = await pool.connect();
      try {
        await client.query('begin read only; set local role vt_projector');
        const { rows } = await client.query<Record<string, unknown>>(
          `select * from rm.${view.table.name} where key = $1 limit 1`,
          [key],
        );
        const record = rows[0];
        // The column holds nothing else: it was checked when the event was appended.
        return record && { tenant: record['tenant'] as TenantId, row: decode(view.table, record) };
      } finally {
        await client.query('rollback').then(
          () => client.release(),
          () => client.release(true),
        );
      }
    },
  };
};

async function select<Row extends object>(
  client: PoolClient,
  { table }: View<Row>,
  { where = {}, limit, order = 'asc', after }: Selection<Row>,
): Promise<Kept<Row>[]> {
  const values: unknown[] = [];
  const bind = (value: unknown) => `$${values.push(value)}`;
  const conditions = Object.entries(where)
    .filter(([, value]) => value !== undefined)
    .map(([property, value]) => {
      if (!(property in table.columns)) throw new Error(`view ${table.name} has no ${property}`);
      const column = `"${snakeCase(property)}"`;
      return Array.isArray(value) ? `${column}::text = any (${bind(value)})` : `${column} = ${bind(value)}`;
    });
  if (after) {
    const past = `${bind(after.firstPosition)}::bigint, ${bind(after.key)}::text`;
    conditions.push(`(first_position, key) ${order === 'asc' ? '>' : '<'} (${past})`);
  }
  const { rows } = await client.query<Record<string, unknown>>(
    `select * from rm.${table.name} where ${conditions.length > 0 ? conditions.join(' and ') : 'true'}
     order by first_position ${order}, key ${order} limit ${bind(limit)}`,
    values,
  );
  return rows.map((record) => decode<Row>(table, record));
}

/** One transaction that sees and writes the rows of one tenant only. */
export async function asTenant<T>(
  pool: Pool,
  tenant: TenantId,
  access: 'read only' | 'read write',
  work: (client: PoolClient) => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  try {
    const level = access === 'read only' ? 'isolation level repeatable read read only' : 'read write';
    await client.query(
      `begin ${level}; set local role vt_reader; select set_config('app.tenant', ${escapeLiteral(tenant)}, true)`,
    );
    const result = await work(client);
    await client.query('commit');
    client.release();
    return result;
  } catch (error) {
    await client.query('rollback').then(
      () => client.release(),
      () => client.release(true),
    );
    throw error;
  }
}
