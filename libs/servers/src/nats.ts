import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { freePort, launch, passwordOf, runs, terminate, until, writeWhole, type Server } from './server-process.ts';

const run = promisify(execFile);

/** The version that is fetched when the machine has none, and the oldest that will do. */
const NATS_VERSION = '2.14.3';
const NATS_VERSION_MIN = [2, 10, 0] as const;
const USER = 'value-train';
const START_MS_MAX = 20_000;
const DOWNLOAD_MS_MAX = 60_000;
const BUILD_MS_MAX = 600_000;

export interface NatsOptions {
  /** Any free one, unless given. */
  readonly port?: number;
  /** Hears what takes long. */
  readonly say?: (line: string) => void;
}

/**
 * A nats-server with JetStream whose files lie in `folder`, on loopback, with a password. Started if it is not running,
 * adopted if it is.
 */
export async function startNats(folder: string, options: NatsOptions = {}): Promise<Server> {
  const base = resolve(folder);
  const config = join(base, 'nats.conf');
  const log = join(base, 'nats.log');
  const pidFile = join(base, 'nats.pid');
  await mkdir(base, { recursive: true, mode: 0o700 });

  const password = await passwordOf(base);
  const known = await recorded(pidFile, config);
  if (known) return server(known, config, password);

  const program = await findNats(options.say);
  const port = options.port ?? (await freePort());
  // A file that is there keeps its mode.
  await rm(config, { force: true });
  await writeFile(
    config,
    [
      '# Written at each start.',
      `listen: "127.0.0.1:${port}"`,
      `authorization { user: ${USER}, password: "${password}" }`,
      `jetstream { store_dir: ${JSON.stringify(join(base, 'jetstream'))} }`,
      '',
    ].join('\n'),
    { mode: 0o600 },
  );
  const { pid, alive } = await launch(program, ['-c', config], log);
  await until(() => listens(port), {
    alive,
    timeoutMs: START_MS_MAX,
    what: 'nats-server',
    log,
  });
  await writeWhole(pidFile, JSON.stringify({ pid, port }));
  return server({ pid, port }, config, password);
}

const server = ({ pid, port }: { pid: number; port: number }, config: string, password: string): Server => ({
  url: `nats://${USER}:${password}@127.0.0.1:${port}`,
  pid,
  stop: () => terminate(pid, 'SIGTERM', config),
});

async function recorded(pidFile: string, config: string): Promise<{ pid: number; port: number } | undefined> {
  if (!existsSync(pidFile)) return undefined;
  const { pid, port } = JSON.parse(await readFile(pidFile, 'utf8'));
  return runs(pid, config) ? { pid, port } : undefined;
}

const listens = (port: number) =>
  new Promise<boolean>((answer) => {
    const socket = createConnection({ host: '127.0.0.1', port });
    // The server speaks first; a connection alone may be somebody else's.
    socket.once('data', (data) => done(data.toString().startsWith('INFO')));
    socket.once('error', () => done(false));
    const done = (result: boolean) => {
      socket.destroy();
      answer(result);
    };
  });

/** In this order: the PATH, our cache, a release, the Go toolchain, Debian's package. */
export async function findNats(say: (line: string) => void = () => undefined): Promise<string> {
  if (await isRecent('nats-server')) return 'nats-server';
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'value-train');
  const cached = join(cache, `nats-server-${NATS_VERSION}`);
  if (existsSync(cached)) return cached;

  await mkdir(cache, { recursive: true });
  const tried: string[] = [];
  for (const [way, fetchTo] of [
    ['a release', release],
    ['go install', goInstall],
    ['the distribution', debianPackage],
  ] as const) {
    const workplace = await mkdtemp(join(tmpdir(), 'value-train-nats-'));
    try {
      say(`nats-server is not on the PATH: getting it by ${way}, once`);
      const file = await fetchTo(workplace);
      if (!(await isRecent(file))) throw new Error(`it is older than ${NATS_VERSION_MIN.join('.')}`);
      await chmod(file, 0o755);
      await rename(file, cached).catch(async (error: NodeJS.ErrnoException) => {
        if (error.code !== 'EXDEV') throw error;
        await writeFile(cached, await readFile(file), { mode: 0o755 });
      });
      return cached;
    } catch (error) {
      tried.push(`${way}: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`);
    } finally {
      await rm(workplace, { recursive: true, force: true });
    }
  }
  throw new Error(
    `no nats-server ${NATS_VERSION_MIN.join('.')} or newer: install one on the PATH, or set NATS_URL\n${tried.map((line) => `  ${line}`).join('\n')}`,
  );
}

async function isRecent(program: string): Promise<boolean> {
  try {
    const { stdout } = await run(program, ['-v']);
    const version = /v(\d+)\.(\d+)\.(\d+)/.exec(stdout)?.slice(1).map(Number) ?? [0, 0, 0];
    for (const [index, least] of NATS_VERSION_MIN.entries()) {
      if (version[index]! !== least) return version[index]! > least;
    }
    return true;
  } catch {
    return false;
  }
}

/** The project's release, held against the sums that it publishes. */
async function release(workplace: string): Promise<string> {
  const arch = process.arch === 'x64' ? 'amd64' : process.arch;
  const name = `nats-server-v${NATS_VERSION}-${process.platform}-${arch}.tar.gz`;
  const from = `https://github.com/nats-io/nats-server/releases/download/v${NATS_VERSION}`;
  const download = async (file: string) => {
    const response = await fetch(`${from}/${file}`, { signal: AbortSignal.timeout(DOWNLOAD_MS_MAX) });
    if (!response.ok) throw new Error(`${file}: status ${response.status}`);
    return Buffer.from(await response.arrayBuffer());
  };
  const sums = (await download('SHA256SUMS')).toString();
  const archive = await download(name);
  const sum = createHash('sha256').update(archive).digest('hex');
  if (!sums.includes(`${sum}  ${name}`)) throw new Error(`${name} does not have its published checksum`);
  await writeFile(join(workplace, name), archive);
  await run('tar', ['-xzf', name, '--strip-components=1'], { cwd: workplace });
  return join(workplace, 'nats-server');
}

/** Go's module proxy and checksum database vouch for the source. */
async function goInstall(workplace: string): Promise<string> {
  await run('go', ['install', `github.com/nats-io/nats-server/v2@v${NATS_VERSION}`], {
    env: { ...process.env, GOBIN: workplace, GOFLAGS: '-mod=mod' },
    timeout: BUILD_MS_MAX,
  });
  return join(workplace, 'nats-server');
}

/** The package's file alone, unpacked; nothing is installed. */
async function debianPackage(workplace: string): Promise<string> {
  await run('apt-get', ['download', 'nats-server'], { cwd: workplace });
  const archive = (await readdir(workplace)).find((file) => file.endsWith('.deb'));
  if (!archive) throw new Error('apt-get brought no package');
  await run('dpkg-deb', ['-x', archive, '.'], { cwd: workplace });
  return join(workplace, 'usr/sbin/nats-server');
}
