import { startNats, startPostgres } from '@vt/servers';
import { Client } from 'pg';
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startApart, type Apart } from './apart.ts';
import type { Servers } from './ledger-process.ts';

/** PostgreSQL for all contestants. What is not named here is PostgreSQL's default; so fsync is on. */
const POSTGRES_SETTINGS = {
  shared_buffers: '256MB',
  min_wal_size: '1GB',
  max_wal_size: '4GB',
  max_connections: '300',
};
/** Rows of about 1 kB: more than the buffers hold, and more WAL than a run fills. */
const WARM_UP_ROWS = 600_000;

/** What sections measure with. */
export interface Bench {
  readonly rounds: number;
  /** How long one run is measured. */
  readonly ms: number;
  /** In the log that is read and rebuilt. */
  readonly events: number;
  /** In the store in which many trains have ridden. */
  readonly trains: number;
  /** A temporary folder. */
  readonly folder: string;
  /** URL of a superuser. */
  readonly postgres: string;
  say(line: string): void;
  /** Gives the work a database of its own, with nothing left to write for the one before. */
  inFreshDatabase<Result>(work: (url: string) => Promise<Result>): Promise<Result>;
  /** The same with a nats-server of its own, because what is in JetStream belongs to one database. */
  onFreshServers<Result>(work: (servers: Servers) => Promise<Result>): Promise<Result>;
  /** Starts the default export of a module in a process of its own. */
  apart<Result>(module: URL, input: unknown): Apart<Result>;
}

export async function openBench(): Promise<Bench & { close(): Promise<void> }> {
  const env = process.env;
  const folder = await mkdtemp(join(tmpdir(), 'value-train-bench-'));
  const profiles = env['PROFILE'];
  if (profiles) await mkdir(profiles, { recursive: true });
  const postgres = await startPostgres(join(folder, 'postgres'), POSTGRES_SETTINGS);
  await warmUp(postgres.url);
  const started = new Set([postgres]);
  let closed: Promise<void> | undefined;
  const close = async () => {
    await Promise.all([...started].map((server) => server.stop()));
    await rm(folder, { recursive: true, force: true });
  };
  const say = (line: string) => void process.stderr.write(`${line}\n`);
  return {
    rounds: Number(env['ROUNDS'] ?? 5),
    ms: Number(env['MS'] ?? 4_000),
    events: Number(env['EVENTS'] ?? 1_000_000),
    trains: Number(env['TRAINS'] ?? 100_000),
    folder,
    postgres: postgres.url,
    say,
    inFreshDatabase: (work) => inFreshDatabase(postgres.url, work),
    onFreshServers: (work) =>
      inFreshDatabase(postgres.url, async (url) => {
        const nats = await startNats(await mkdtemp(join(folder, 'nats-')));
        started.add(nats);
        try {
          return await work({ url, nats: nats.url });
        } finally {
          started.delete(nats);
          await nats.stop();
        }
      }),
    apart: (module, input) => startApart(module, input, profiles),
    close: () => (closed ??= close()),
  };
}

/**
 * What a server pays once, which only the first contestant would pay: memory that it has not touched before, and files
 * of WAL, each of which stops all commits for 50 ms while it is made. After a checkpoint they are used again.
 */
async function warmUp(url: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query('create table warm_up (filling text)');
  await client.query(`insert into warm_up select repeat('x', 1000) from generate_series(1, ${WARM_UP_ROWS})`);
  await client.query('drop table warm_up');
  await client.query('checkpoint');
  await client.end();
}

async function inFreshDatabase<Result>(url: string, work: (url: string) => Promise<Result>): Promise<Result> {
  const name = `bench_${randomUUID().replaceAll('-', '')}`;
  const admin = new Client({ connectionString: url });
  // The server is stopped when the benchmark is interrupted; the next query says so.
  admin.on('error', () => undefined);
  await admin.connect();
  await admin.query(`create database ${name} encoding 'UTF8' template template0`);
  await admin.query('checkpoint');
  try {
    const database = new URL(url);
    database.pathname = `/${name}`;
    return await work(database.href);
  } finally {
    await admin.query(`drop database ${name} with (force)`);
    await admin.end();
  }
}
