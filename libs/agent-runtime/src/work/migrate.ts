import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';

const FOLDER = join(import.meta.dirname, 'migrations');
/** Any number, as long as nothing else in the database uses it. */
const LOCK = 7_238_411_908;

/**
 * Brings schema `work` up to date, and answers the names of the migrations that it applied. To be called after the event
 * store's, which makes the roles. Any number of processes may call it at once.
 */
export const migrateWork = async (url: string): Promise<readonly string[]> => {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query('begin');
    await client.query('select pg_advisory_xact_lock($1)', [LOCK]);
    await client.query('create schema if not exists work authorization vt_owner');
    await client.query('set local role vt_owner');
    await client.query('create table if not exists work.migration (name text primary key)');
    const { rows } = await client.query<{ name: string }>('select name from work.migration');
    const files = (await readdir(FOLDER)).filter((name) => name.endsWith('.sql')).toSorted();
    const pending = files.filter((name) => !rows.some((row) => row.name === name));
    for (const name of pending) {
      await client.query(await readFile(join(FOLDER, name), 'utf8'));
      await client.query('insert into work.migration (name) values ($1)', [name]);
    }
    await client.query('commit');
    return pending;
  } finally {
    await client.end();
  }
};
