import { afterAll, expect, it } from '@jest/globals';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
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

it('lets nobody in without the password, which only its owner can read, and keeps it over a restart', async () => {
  const [postgres, nats] = [join(folder, 'locked', 'postgres'), join(folder, 'locked', 'nats')];
  // As an earlier version left it.
  mkdirSync(nats, { recursive: true });
  writeFileSync(join(nats, 'nats.conf'), '', { mode: 0o644 });
  const servers = [await startPostgres(postgres), await startNats(nats)] as const;
  const [{ url }, { url: natsUrl }] = servers;
  for (const file of [join(postgres, 'password'), join(nats, 'password'), join(nats, 'nats.conf')]) {
    expect(statSync(file).mode & 0o777).toBe(0o600);
  }
  await expect(query(url.replace(/:[^:@]+@/, ':wrong@'), 'select 1')).rejects.toThrow('password authentication failed');
  const { host, username, password } = new URL(natsUrl);
  expect(await greeting(host, { user: username, pass: 'wrong' })).toContain('Authorization Violation');
  expect(await greeting(host, {})).toContain('Authorization Violation');
  expect(await greeting(host, { user: username, pass: password })).toBe('PONG');

  await Promise.all(servers.map((server) => server.stop()));
  const again = [await startPostgres(postgres), await startNats(nats)] as const;
  expect(new URL(again[1].url).password).toBe(password);
  expect(await query(again[0].url, 'select 1 as one')).toEqual([{ one: 1 }]);
  await Promise.all(again.map((server) => server.stop()));
}, 120_000);

/** What nats-server says to somebody who comes with this. */
async function greeting(host: string, credentials: object): Promise<string> {
  const socket = createConnection({ host: '127.0.0.1', port: Number(host.split(':')[1]) });
  try {
    socket.write(`CONNECT ${JSON.stringify({ ...credentials, verbose: false })}\r\nPING\r\n`);
    for await (const line of createInterface(socket)) if (!line.startsWith('INFO')) return line;
    return '';
  } finally {
    socket.destroy();
  }
}

async function query(url: string, sql: string) {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}
