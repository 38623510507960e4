import pg from 'pg';
import { randomUUID } from 'node:crypto';
import { glob, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CAUSATION, EVENT } from '../contestants/appender.ts';

/** It gets no faster with more of them on two cores. */
const CONNECTIONS_MAX = 32;
/** A write locks its category; with one category they would queue. */
const CATEGORIES = 32;
const DATABASE = join(import.meta.dirname, 'node_modules/@eventide/message-db/database');
/** In the order of the package's own script, which needs psql. */
const SCRIPTS = [
  'roles/message-store.sql',
  'schema/message-store.sql',
  'extensions/pgcrypto.sql',
  'tables/messages.sql',
  'types/message.sql',
  'functions/*.sql',
  'indexes/*.sql',
];

const data = JSON.stringify(EVENT.data);
const metadata = JSON.stringify(CAUSATION);

/** @type {import('../contestants/appender.ts').OpenAppender} */
export const open = async (url, inFlight) => {
  await install(url);
  const pool = new pg.Pool({
    connectionString: url,
    max: Math.min(inFlight, CONNECTIONS_MAX),
    options: '-c search_path=message_store',
  });
  let streams = 0;
  return {
    stream: (name) => {
      const stream = `category${streams++ % CATEGORIES}-${name}`;
      let version = -1;
      return () =>
        pool.query({
          name: 'write_message',
          text: 'select write_message($1, $2, $3, $4, $5, $6)',
          values: [randomUUID(), stream, EVENT.type, data, metadata, version++],
        });
    },
    close: () => pool.end(),
  };
};

/** @param {string} url */
async function install(url) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  // Functions are only compiled when they are called, so their order does not matter.
  await client.query('set check_function_bodies = off');
  for (const script of SCRIPTS) {
    for await (const file of glob(script, { cwd: DATABASE })) {
      await client.query(await readFile(join(DATABASE, file), 'utf8'));
      if (file.startsWith('schema/')) await client.query('set search_path = message_store, public');
    }
  }
  await client.end();
}
