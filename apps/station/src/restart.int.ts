import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { startPostgres } from '@vt/servers';
import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { parse } from 'yaml';
import { Home } from './home.ts';

const MAIN = resolve(import.meta.dirname, '../dist/main.js');
const DEMO = resolve(import.meta.dirname, '../../cli/demo');
const WAIT_MS_MAX = 90_000;
const POLL_MS = 20;
/** Longer than the test may take. */
const LEASE_SECONDS = 600;

/** One phase: something quick, then something that can be killed in its middle. */
const PIPELINE = {
  id: 'nap',
  version: 1,
  title: 'Nap',
  description: 'For a test of the station.',
  modes: [
    { id: 'build', title: 'Build', agents: ['lab'], tools: ['command:true', 'command:sleep'], transitions: ['build'] },
  ],
  phases: [
    {
      id: 'work',
      title: 'Work',
      group: 'delivery',
      owner: 'lab',
      mode: 'build',
      actions: [
        { id: 'begin', title: 'Begin', tool: 'command:true', run: [] },
        { id: 'sleep', title: 'Sleep', tool: 'command:sleep', run: ['5'], needs: ['begin'] },
      ],
      exit: [{ id: 'first', says: 'It is the first attempt.', check: { kind: 'rule', rule: 'attempt == 1' } }],
      next: null,
      ends: [{ outcome: 'next', as: 'completed' }],
    },
  ],
};

interface Lease {
  readonly fence: number;
  readonly crashes: number;
  readonly leased_until: string;
}

const folder = mkdtempSync(join(tmpdir(), 'station-'));
const home = new Home(join(folder, 'home'));
let station: ChildProcess;
let database: Client;

beforeAll(async () => {
  mkdirSync(join(folder, 'pipelines', 'nap'), { recursive: true });
  // JSON is YAML, too.
  writeFileSync(join(folder, 'pipelines', 'nap', 'pipeline.yaml'), JSON.stringify(PIPELINE));
  await start();
  const { url } = await startPostgres(home.at('postgres'));
  database = new Client({ connectionString: url });
  await database.connect();
}, WAIT_MS_MAX);

afterAll(async () => {
  await database?.end();
  if (station.kill('SIGINT')) await once(station, 'exit');
  rmSync(folder, { recursive: true, force: true });
}, WAIT_MS_MAX);

async function start(): Promise<void> {
  const settings = { VT_HOME: home.path, PIPELINES: join(folder, 'pipelines'), LEASE_SECONDS: String(LEASE_SECONDS) };
  const { PATH, HOME } = process.env;
  station = spawn(process.execPath, [MAIN], {
    env: { PATH, HOME, ...settings },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  await until('the station is ready', () => home.address()?.pid === station.pid);
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + WAIT_MS_MAX;
  while (!(await holds())) {
    if (performance.now() > deadline || station.exitCode !== null) throw new Error(`never: ${what}`);
    await delay(POLL_MS);
  }
}

/** Types and times of the events of the session, in order. */
const session = async () => {
  const { rows } = await database.query<{ type: string; at: string }>(
    `select type, bytes::json ->> 'at' as at from es.event where stream like 'session-work_%' order by version`,
  );
  return rows;
};
const lease = async () => {
  const { rows } = await database.query<Lease>(
    `select fence, crashes, to_json(free_at at time zone 'utc') #>> '{}' || 'Z' as leased_until from work.item`,
  );
  return rows[0]!;
};

it(
  'goes on at once, after it was killed, with what it was working on',
  async () => {
    await startTrain();
    await until('something is completed', async () => (await session()).length === 2);
    const left = await lease();
    station.kill('SIGKILL');
    await once(station, 'exit');
    expect((await session()).map(({ type }) => type)).toEqual(['SessionStarted', 'ActionCompleted']);

    await start();
    await until('the work is submitted', async () => (await session()).length === 6);
    const events = await session();
    expect(events.map(({ type }) => type)).toEqual([
      'SessionStarted',
      'ActionCompleted',
      'BundleSaved',
      'SessionResumed',
      'ActionCompleted',
      'WorkSubmitted',
    ]);
    expect(left).toMatchObject({ fence: 1, crashes: 0 });
    expect(await lease()).toMatchObject({ fence: 2, crashes: 1 });
    // Both times are in the store: the lease had not run out when somebody went on.
    expect(events[3]!.at < left.leased_until).toBe(true);
  },
  2 * WAIT_MS_MAX,
);

async function startTrain(): Promise<void> {
  const { url, apiKey } = home.address()!;
  const data = readFileSync(join(DEMO, 'seattle-weather.csv'));
  const digest = `sha256:${createHash('sha256').update(data).digest('hex')}`;
  const headers = { authorization: `Bearer ${apiKey}`, 'idempotency-key': 'once' };
  const call = async (method: string, path: string, type: string, body: string | Blob) => {
    const response = await fetch(url + path, { method, headers: { ...headers, 'content-type': type }, body });
    if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
  };
  await call('PUT', `/v1/artifacts/${digest}`, 'application/octet-stream', new Blob([data]));
  const charter: unknown = parse(readFileSync(join(DEMO, 'charter.yaml'), 'utf8'));
  const train = { charter, data: digest, pipeline: PIPELINE.id };
  await call('POST', '/v1/trains', 'application/json', JSON.stringify(train));
}
