import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, type ClientBase, type Pool } from 'pg';

const DIRECTORY = join(import.meta.dirname, 'migrations');
/** Any number, as long as nothing else in the database uses it. */
const LOCK = 7_238_411_905;

/**
 * Brings the schema `es` up to date and answers the names of the migrations it applied. Needs a superuser, or a user
 * who may create roles and schemas. Any number of processes may call it at once. All pending files are applied in
 * one transaction.
 * @throws when a file was changed after it was applied, or the database has one that this version does not know.
 */
export const migrate = async (database: string | Pool): Promise<readonly string[]> => {
  if (typeof database === 'string') {
    const client = new Client({ connectionString: database });
    await client.connect();
    return applyPending(client).finally(() => client.end());
  }
  const client = await database.connect();
  return applyPending(client).finally(() => client.release());
};

const applyPending = async (client: ClientBase): Promise<readonly string[]> => {
  await client.query('begin');
  try {
    await client.query('select pg_advisory_xact_lock($1)', [LOCK]);
    const applied = await appliedChecksums(client);
    const pending: string[] = [];
    for (const [name, sql] of await migrationFiles()) {
      const checksum = createHash('sha256').update(sql).digest('hex');
      const before = applied.get(name);
      applied.delete(name);
      if (before === checksum) continue;
      if (before !== undefined) throw new Error(changed(name));
      await client.query(sql);
      await client.query('insert into es.migration (name, checksum) values ($1, $2)', [name, checksum]);
      pending.push(name);
    }
    if (applied.size > 0) throw new Error(unknown([...applied.keys()]));
    await client.query('commit');
    return pending;
  } catch (error) {
    await client.query('rollback');
    throw error;
  }
};

const appliedChecksums = async (client: ClientBase): Promise<Map<string, string>> => {
  const { rows: found } = await client.query<{ exists: boolean }>(
    `select to_regclass('es.migration') is not null as exists`,
  );
  if (found[0]?.exists !== true) return new Map();
  const { rows } = await client.query<{ name: string; checksum: string }>('select name, checksum from es.migration');
  return new Map(rows.map(({ name, checksum }) => [name, checksum]));
};

const migrationFiles = async (): Promise<readonly (readonly [name: string, sql: string])[]> => {
  const names = (await readdir(DIRECTORY)).filter((name) => name.endsWith('.sql')).sort();
  return Promise.all(names.map(async (name) => [name, await readFile(join(DIRECTORY, name), 'utf8')] as const));
};

const changed = (name: string) =>
  `migration ${name} was changed after it was applied to this database: restore the file and add a new one`;

const unknown = (names: readonly string[]) =>
  `this database has migrations that this version does not know (${names.join(', ')}): run the newer version`;
