import { migrateWork } from '@vt/agent-runtime';
import { migrateReadModels } from '@vt/read-models';
import { startNats, startPostgres, type Server } from '@vt/servers';
import {
  createLog,
  endOf,
  migratePlatform,
  openPlatform,
  PlatformSettings,
  settingsOrExit,
  startProcessServer,
  type Environment,
  type RunningService,
} from '@vt/service';
import { createServer } from 'node:net';
import { hostname } from 'node:os';
import { pathToFileURL } from 'node:url';
import { claim } from './claim.ts';
import type { Home } from './home.ts';
import { SERVICES } from './services.ts';

export interface Station {
  readonly url: string;
  readonly apiKey: string;
  /** Stops the services in order, then the servers that it started. */
  close(): Promise<void>;
}

export interface StationOptions {
  readonly env: Environment;
  /** What a person should know while they wait. */
  readonly say: (line: string) => void;
  /** Aborted: stop starting. */
  readonly signal: AbortSignal;
}

const HOST = '127.0.0.1';
/** What the services log. */
export const LOG = 'station.log';

/** Every service in one process, on servers of its own in `home` unless DATABASE_URL and NATS_URL name others. */
export async function startStation(home: Home, { env, say, signal }: StationOptions): Promise<Station> {
  const stops: (() => Promise<void>)[] = [];
  const close = async () => {
    for (const stop of stops.splice(0).toReversed()) await stop();
  };
  try {
    claim(home);
    const settingsEnv = await environmentOf(home, env, say, (server) => stops.push(() => server.stop()));
    const [settings] = settingsOrExit([PlatformSettings], settingsEnv);
    await migratePlatform(settings.DATABASE_URL).catch(asUnreachable);
    await Promise.all([migrateReadModels(settings.DATABASE_URL), migrateWork(settings.DATABASE_URL)]);

    const log = createLog(settings.LOG_LEVEL, endOf(home.at(LOG)));
    const platform = await openPlatform(settings, { log, signal, waiting: say });
    stops.push(() => platform.close());
    const running: RunningService[] = [];
    const gateway = () => running[SERVICES.length - 1];
    const server = await startProcessServer(
      {
        troubles: async () => (gateway() ? platform.troubles() : ['starting']),
        warnings: () => platform.warnings(),
        metrics: () => platform.metrics.registry,
        service: () => gateway()?.handle,
      },
      settings.HTTP_PORT,
      settings.HTTP_HOST,
    );
    stops.push(() => server.close());
    for (const start of SERVICES) {
      signal.throwIfAborted();
      const service = await start(platform, settingsEnv);
      running.push(service);
      stops.push(() => service.close());
    }
    const address = { url: server.url, apiKey: settingsEnv['ADMIN_API_KEY']!, pid: process.pid };
    home.announce(address);
    stops.push(() => Promise.resolve(home.withdraw()));
    return { ...address, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The environment that the services get: what was set, and for the rest this folder and servers of our own. */
async function environmentOf(
  home: Home,
  env: Environment,
  say: StationOptions['say'],
  started: (server: Server) => void,
): Promise<Environment> {
  // Written first: the folder that it makes is for its owner alone.
  const adminKey = home.adminKey();
  const unless = async (given: string, start: () => Promise<Server>) => {
    if (env[given]) return undefined;
    const server = await start();
    started(server);
    return server;
  };
  const starting = [
    unless('DATABASE_URL', () => startPostgres(home.at('postgres'))),
    unless('NATS_URL', () => startNats(home.at('nats'), { say })),
  ] as const;
  // When one can not start, the other has to be stopped: wait until it can be.
  await Promise.allSettled(starting);
  const [database, nats] = await Promise.all(starting);
  return {
    LOG_LEVEL: 'warn',
    HTTP_HOST: HOST,
    HTTP_PORT: await portFor(home),
    ARTIFACTS_URL: pathToFileURL(home.at('artifacts')).href,
    MODELS_DIR: home.at('models'),
    ADMIN_API_KEY: adminKey,
    // The same after a crash, and no other station's on the same database.
    WORKER_NAME: `${hostname()}:${home.path}`,
    DATABASE_URL: database?.url,
    NATS_URL: nats?.url,
    ...Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== '')),
  };
}

/** A name such as localhost may stand for several addresses, each of which refuses by itself. */
function asUnreachable(error: unknown): never {
  const all: NodeJS.ErrnoException[] = error instanceof AggregateError ? error.errors : [error];
  if (all.some(({ syscall }) => syscall === undefined)) throw error;
  const reasons = all.map(({ message }) => message).join(', ');
  throw new Error(`PostgreSQL can not be reached (${reasons}): check DATABASE_URL`, { cause: error });
}

/** The port of the last time if nobody has taken it since, else any. */
async function portFor(home: Home): Promise<string> {
  const known = home.address();
  if (!known) return '0';
  const { port } = new URL(known.url);
  return new Promise((answer) => {
    const probe = createServer();
    probe.once('error', () => answer('0'));
    probe.listen(Number(port), HOST, () => probe.close(() => answer(port)));
  });
}
