import { startNats, startPostgres, type Server } from '@vt/servers';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { parse } from 'yaml';

export const SERVICES = [
  'ledger',
  'conductor',
  'cost',
  'risk-registry',
  'onboarder',
  'lab',
  'studio',
  'ops',
  'evaluator',
  'improver',
  'gateway',
] as const;
export type ServiceName = (typeof SERVICES)[number];

const ROOT = resolve(import.meta.dirname, '..', '..', '..', '..');
const COMPOSE = connectionsOf(readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8'));
const READY_MS_MAX = 90_000;
const POLL_MS = 100;
const ADMIN_KEY = `vt_${'k'.repeat(43)}`;

/** How many connections services take, and PostgreSQL gives, where the compose file runs them. */
function connectionsOf(compose: string) {
  const file = parse(compose) as {
    'x-environment': { POOL_SIZE: string };
    services: { postgres: { command: readonly [string, string] } };
  };
  const [, setting] = file.services.postgres.command;
  return { poolSize: file['x-environment'].POOL_SIZE, maxConnections: setting.replace('max_connections=', '') };
}

interface Instance {
  readonly service: ServiceName;
  readonly port: number;
  readonly process: ChildProcess;
}

/**
 * Every service as a process of its own, from the built output, each with its own settings, as containers would run
 * them; and the servers beneath them. What a test kills, it starts again.
 */
export class Cluster {
  readonly folder = mkdtempSync(join(tmpdir(), 'value-train-cluster-'));
  private readonly instances: Instance[] = [];
  private postgres!: Server;
  private nats!: Server;

  static async start(copies: number): Promise<Cluster> {
    const cluster = new Cluster();
    await cluster.startPostgres();
    await cluster.startNats();
    await cluster.migrate();
    for (const service of SERVICES) for (let copy = 0; copy < copies; copy += 1) await cluster.spawn(service);
    await cluster.ready();
    return cluster;
  }

  get databaseUrl(): string {
    return this.postgres.url;
  }

  get natsUrl(): string {
    return this.nats.url;
  }

  /** The API, by the first gateway that there is. */
  async call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Response> {
    const { port } = this.instances.find(({ service }) => service === 'gateway')!;
    return fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${ADMIN_KEY}`,
        ...(body === undefined || body instanceof Blob ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: body instanceof Blob ? body : JSON.stringify(body) }),
    });
  }

  async json<T>(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<T> {
    const response = await this.call(method, path, body, headers);
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }

  /** Every process of a service dies at once and is started again. */
  async crash(service: ServiceName): Promise<void> {
    const victims = this.instances.filter((instance) => instance.service === service);
    await Promise.all(victims.map(({ process }) => ended(process, 'SIGKILL')));
    for (const victim of victims) {
      this.instances.splice(this.instances.indexOf(victim), 1);
      await this.spawn(service, victim.port);
    }
  }

  /** The postmaster and its children die; they come back on the same port, and recover. */
  async crashPostgres(): Promise<void> {
    const { url } = this.postgres;
    process.kill(this.postgres.pid, 'SIGKILL');
    await this.postgres.stop();
    await this.startPostgres(Number(new URL(url).port));
  }

  async crashNats({ wipe = false } = {}): Promise<void> {
    const port = Number(new URL(this.nats.url).port);
    process.kill(this.nats.pid, 'SIGKILL');
    await this.nats.stop();
    if (wipe) rmSync(join(this.folder, 'nats', 'jetstream'), { recursive: true, force: true });
    this.nats = await startNats(join(this.folder, 'nats'), { port });
  }

  async stop(): Promise<void> {
    await Promise.all(this.instances.splice(0).map(({ process }) => ended(process, 'SIGTERM')));
    await Promise.all([this.postgres.stop(), this.nats.stop()]);
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** The end of every log, for a test that fails. */
  logs(): string {
    return SERVICES.map((service) => {
      const log = readFileSync(this.logOf(service), 'utf8').trim().split('\n').slice(-8).join('\n');
      return `--- ${service}\n${log}`;
    }).join('\n');
  }

  private async startPostgres(port?: number): Promise<void> {
    this.postgres = await startPostgres(join(this.folder, 'postgres'), {
      max_connections: COMPOSE.maxConnections,
      ...(port === undefined ? {} : { port: String(port) }),
    });
  }

  private async startNats(): Promise<void> {
    this.nats = await startNats(join(this.folder, 'nats'));
  }

  private async migrate(): Promise<void> {
    const migrating = spawn(process.execPath, [join(ROOT, 'apps/ledger/dist/migrate.js')], {
      env: { PATH: process.env['PATH'], DATABASE_URL: this.postgres.url },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const [code] = (await once(migrating, 'exit')) as [number];
    if (code !== 0) throw new Error(`migrations ended with ${code}`);
  }

  private async spawn(service: ServiceName, onPort?: number): Promise<void> {
    const port = onPort ?? (await freePort());
    const log = openSync(this.logOf(service), 'a');
    const child = spawn(process.execPath, ['--enable-source-maps', join(ROOT, `apps/${service}/dist/main.js`)], {
      stdio: ['ignore', log, log],
      env: {
        PATH: process.env['PATH'],
        HOME: process.env['HOME'],
        DATABASE_URL: this.postgres.url,
        NATS_URL: this.nats.url,
        ARTIFACTS_URL: pathToFileURL(join(this.folder, 'artifacts')).href,
        MODELS_DIR: join(this.folder, 'models'),
        HTTP_PORT: String(port),
        LOG_LEVEL: 'warn',
        POOL_SIZE: COMPOSE.poolSize,
        // Whoever is killed is followed sooner than in production, so that the test is short.
        LEASE_SECONDS: '5',
        ...(service === 'gateway' ? { ADMIN_API_KEY: ADMIN_KEY } : {}),
      },
    });
    closeSync(log);
    this.instances.push({ service, port, process: child });
  }

  private async ready(): Promise<void> {
    const deadline = performance.now() + READY_MS_MAX;
    for (const { service, port } of this.instances) {
      while (!(await isReady(port))) {
        if (performance.now() > deadline) throw new Error(`${service} is not ready\n${this.logs()}`);
        await delay(POLL_MS);
      }
    }
  }

  private logOf(service: ServiceName): string {
    return join(this.folder, `${service}.log`);
  }
}

/** Also when it had ended by itself before. */
async function ended(process: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (process.exitCode !== null || process.signalCode !== null) return;
  const gone = once(process, 'exit');
  process.kill(signal);
  await gone;
}

async function isReady(port: number): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${port}/health/ready`)).ok;
  } catch {
    return false;
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}
