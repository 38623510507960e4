import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, type Pool } from 'pg';

const FOLDER = join(import.meta.dirname, 'migrations');
/** Any number, as long as nothing else in the database uses it. */
const LOCK = 7_238_411_906;

/**
 * Brings schema `bus` up to date, and answers the names of the migrations that it applied. To be called after the event
 * store's, which makes the roles. Any number of processes may call it at once.
 */
export async function migrateBus(url: string): Promise<readonly string[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query('begin');
    await client.query('select pg_advisory_xact_lock($1)', [LOCK]);
    await client.query('create schema if not exists bus authorization vt_owner');
    await client.query('set local role vt_owner');
    await client.query('create table if not exists bus.migration (name text primary key)');
    const { rows } = await client.query<{ name: string }>('select name from bus.migration');
    const pending = (await busMigrations()).filter((name) => !rows.some((row) => row.name === name));
    for (const name of pending) {
      await client.query(await readFile(join(FOLDER, name), 'utf8'));
      await client.query('insert into bus.migration (name) values ($1)', [name]);
    }
    await client.query('commit');
    return pending;
  } finally {
    await client.end();
  }
}

/** Whether the database has every migration of this version; newer ones besides are fine. */
export async function isBusMigrated(pool: Pool): Promise<boolean> {
  const { rows: found } = await pool.query<{ made: boolean }>(
    `select to_regclass('bus.migration') is not null as made`,
  );
  if (!found[0]?.made) return false;
  const { rows } = await pool.query<{ name: string }>('select name from bus.migration');
  return (await busMigrations()).every((name) => rows.some((row) => row.name === name));
}

/** Names of the migrations that this version brings, in order. */
const busMigrations = async (): Promise<readonly string[]> =>
  (await readdir(FOLDER)).filter((name) => name.endsWith('.sql')).toSorted();
