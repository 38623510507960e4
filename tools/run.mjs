// Runs a tool of this repository on Node 24, from a fresh clone too: installs what is missing, then starts the tool.
// Plain JavaScript for an old Node, which may be all that the machine has.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const NODE_OLDEST = [20, 19];
const POLL_MS = 500;
const root = fileURLToPath(new URL('..', import.meta.url));
const [tool, ...args] = process.argv.slice(2);

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < NODE_OLDEST[0] || (major === NODE_OLDEST[0] && minor < NODE_OLDEST[1])) {
  stop(
    `Value Train needs Node ${NODE_OLDEST.join('.')} or newer to install its own Node 24; this is ${process.version}.`,
  );
}

install();

const bin = join(root, 'node_modules', '.bin');
const node = join(bin, process.platform === 'win32' ? 'node.cmd' : 'node');
const child = spawn(node, [join(root, 'tools', tool), ...args], {
  stdio: 'inherit',
  env: { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` },
});
// Ctrl-C reaches the child by itself; we only must not go first.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.on(signal, () => signal === 'SIGINT' || child.kill(signal));
child.on('error', (error) => stop(`Node 24 could not be started from ${node}: ${error.message}`));
child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 1)));

/** Installs when there is nothing, or when the lock has changed since. A killed install is done again. */
function install() {
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  const mark = join(root, 'node_modules', '.value-train-installed');
  const isInstalled = () => existsSync(mark) && readFileSync(mark, 'utf8') === lock;
  if (isInstalled()) return;
  let release;
  try {
    release = alone(isInstalled);
  } catch (error) {
    stop(`${root} can not be written to (${error.code ?? error.message}): clone the repository where you may write.`);
  }
  if (!release) return;
  process.stderr.write('Installing packages (once, about a minute)…\n');
  const away = registryAway();
  // Not `npm ci`: it refuses a lock without the binaries of other platforms, which not every registry has.
  const options = ['--no-save', '--no-fund', '--no-audit', '--loglevel', 'error', ...(away ? ['--offline'] : [])];
  const { status, error } = npm(['install', ...options], ['ignore', 2, 2]);
  if (!error && status === 0) writeFileSync(mark, lock);
  release();
  if (error?.code === 'ENOENT') stop('There is no npm on the PATH: install Node with npm, then try again.');
  if (error || status !== 0)
    stop(
      away
        ? `The registry of npm can not be reached (${away}), and not all packages are in npm's cache: check the network or npm's proxy, then try again.`
        : 'npm install failed (see above): check the network, the registry and the disk, then try again.',
    );
}

/** Why the registry can not be reached at all. Without a network, npm itself goes on trying for more than ten minutes. */
function registryAway() {
  const { stderr } = npm(['ping', '--fetch-retries=0', '--fetch-timeout=10000'], ['ignore', 'ignore', 'pipe']);
  return /code (EAI_AGAIN|ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH)/.exec(stderr)?.[1];
}

function npm(args, stdio) {
  return spawnSync('npm', args, { cwd: root, stdio, encoding: 'utf8', shell: process.platform === 'win32' });
}

/** Waits while another process installs here; answers how to let go, or nothing when it was done meanwhile. */
function alone(isDone) {
  const file = join(root, 'node_modules', '.value-train-installing');
  mkdirSync(join(root, 'node_modules'), { recursive: true });
  for (let told = false; !isDone(); told = true) {
    try {
      writeFileSync(file, String(process.pid), { flag: 'wx' });
      return () => rmSync(file, { force: true });
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    if (!told) process.stderr.write('Packages are being installed by another process: waiting for it…\n');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, POLL_MS);
    if (!isAlive(Number(readIfThere(file)))) rmSync(file, { force: true });
  }
}

function readIfThere(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function isAlive(pid) {
  try {
    return pid !== process.pid && pid > 0 && process.kill(pid, 0);
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function stop(line) {
  process.stderr.write(`${line}\n`);
  process.exit(1);
}
