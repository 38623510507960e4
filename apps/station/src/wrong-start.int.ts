import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';

const WAIT_MS_MAX = 90_000;
const MAIN = resolve(import.meta.dirname, '../dist/main.js');
const folder = mkdtempSync(join(tmpdir(), 'station-'));
const taken = createServer();
/** Of a service that no machine has any more. */
const NOBODY = 1;
let port: number;

beforeAll(async () => {
  await once(taken.listen(0, '127.0.0.1'), 'listening');
  port = (taken.address() as AddressInfo).port;
});

afterAll(() => {
  taken.close();
  rmSync(folder, { recursive: true, force: true });
});

const begin = (name: string, settings: Readonly<Record<string, string>>) => {
  const { PATH, HOME } = process.env;
  const env = { PATH, HOME, VT_HOME: join(folder, name), ...settings };
  return spawn(process.execPath, [MAIN], { env, stdio: ['ignore', 'ignore', 'pipe'] });
};

it.each([
  [
    'a port that is taken',
    () => ({ HTTP_PORT: String(port) }),
    /^the station could not start: port \d+ of 127\.0\.0\.1 is taken: set HTTP_PORT to another\n$/,
  ],
  [
    'a database where nobody answers',
    () => ({ DATABASE_URL: `postgres://127.0.0.1:${NOBODY}/vt` }),
    /^the station could not start: PostgreSQL can not be reached \(connect ECONNREFUSED 127\.0\.0\.1:\d+\): check DATABASE_URL\n$/,
  ],
])(
  'does not start with %s, and says what to mend',
  async (name, settings, says) => {
    const station = begin(name, settings());
    const [said, [code]] = await Promise.all([text(station.stderr), once(station, 'exit')]);
    expect(said).toMatch(says);
    expect(code).toBe(1);
  },
  WAIT_MS_MAX,
);

it(
  'waits for NATS, and says so to whoever looks, and in its log',
  async () => {
    const station = begin('waiting', { NATS_URL: `nats://127.0.0.1:${NOBODY}` });
    const [said] = (await once(station.stderr, 'data')) as [Buffer];
    station.kill('SIGINT');
    const [code] = (await once(station, 'exit')) as [number];

    expect(String(said)).toBe('NATS can not be used yet, waiting: connection refused\n');
    expect(code).toBe(130);
    const log = join(folder, 'waiting', 'station.log');
    expect(existsSync(log) && readFileSync(log, 'utf8')).toContain('NATS can not be used yet');
  },
  WAIT_MS_MAX,
);
