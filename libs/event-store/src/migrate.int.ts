import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { freshDatabase, type FreshDatabase } from '@vt/testing';
import { Client, Pool } from 'pg';
import { migrate } from './migrate.ts';

let database: FreshDatabase;
let admin: Client;

beforeAll(async () => {
  database = await freshDatabase();
  admin = new Client({ connectionString: database.url });
  await admin.connect();
});

afterAll(async () => {
  await admin.end();
  await database.drop();
});

it('applies each file once, however many processes start at once', async () => {
  const applied = await Promise.all([migrate(database.url), migrate(database.url), migrate(database.url)]);
  expect(applied.flat()).toEqual(['0001_event_store.sql']);

  const pool = new Pool({ connectionString: database.url });
  expect(await migrate(pool)).toEqual([]);
  await pool.end();
});

it('gives everything to the owner, who cannot log in', async () => {
  const { rows } = await admin.query(`
    select distinct pg_get_userbyid(relowner) as owner from pg_class where relnamespace = 'es'::regnamespace
    union select pg_get_userbyid(proowner) from pg_proc where pronamespace = 'es'::regnamespace`);
  expect(rows).toEqual([{ owner: 'vt_owner' }]);
});

it('refuses a database that is ahead of it', async () => {
  await admin.query(`insert into es.migration (name, checksum) values ('9999_later.sql', '')`);
  await expect(migrate(database.url)).rejects.toThrow(/does not know \(9999_later.sql\): run the newer version/);
  await admin.query(`delete from es.migration where name = '9999_later.sql'`);
});

it('refuses a file that was changed after it was applied', async () => {
  await admin.query(`update es.migration set checksum = 'other'`);
  await expect(migrate(database.url)).rejects.toThrow(/0001_event_store.sql was changed after it was applied/);
});

it('refuses a database that is not in UTF-8', async () => {
  const name = new URL(database.url).pathname.slice(1);
  await admin.query(`create database ${name}_latin encoding 'LATIN1' locale 'C' template template0`);
  await expect(migrate(`${database.url}_latin`)).rejects.toThrow(/is encoded in LATIN1, the event store needs UTF8/);
  await admin.query(`drop database ${name}_latin`);
});

it('works for a user who is no superuser but may create roles', async () => {
  const other = await freshDatabase();
  const url = new URL(other.url);
  const name = `migrator${url.pathname.slice(1)}`;
  await admin.query(`create role ${name} login createrole password 'migrator'`);
  await admin.query(`grant create on database ${url.pathname.slice(1)} to ${name}`);
  // On this server the roles are there already; whoever made them has to hand them on.
  await admin.query(`grant vt_owner, vt_service, vt_subscriber, vt_ledger to ${name} with admin option`);
  url.username = name;
  url.password = 'migrator';
  expect(await migrate(url.href)).toEqual(['0001_event_store.sql']);
  await other.drop();
  await admin.query(`drop role ${name}`);
});
