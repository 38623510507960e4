import { afterAll, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { startNats } from './nats.ts';
import { startPostgres } from './postgres.ts';

const folder = mkdtempSync(join(tmpdir(), 'value-train-servers-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('starts a PostgreSQL, adopts it when asked again, and finds its data after a crash', async () => {
  const first = await startPostgres(folder);
  await query(first.url, 'create table kept (word text)');
  await query(first.url, `insert into kept values ('yes')`);
  expect((await startPostgres(folder)).pid).toBe(first.pid);

  process.kill(first.pid, 'SIGKILL');
  await first.stop();
  const second = await startPostgres(folder);
  expect(second.pid).not.toBe(first.pid);
  expect(await query(second.url, 'select word from kept')).toEqual([{ word: 'yes' }]);
  await second.stop();
}, 60_000);

it('starts a nats-server, adopts it, and ends it', async () => {
  const first = await startNats(join(folder, 'nats'));
  expect((await startNats(join(folder, 'nats'))).url).toBe(first.url);
  await first.stop();
  expect(() => process.kill(first.pid, 0)).toThrow();
}, 600_000);

async function query(url: string, sql: string) {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}
