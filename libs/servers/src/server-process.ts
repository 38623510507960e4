import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, openSync, readFileSync } from 'node:fs';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** A server that this library started, or found running in its folder. */
export interface Server {
  readonly url: string;
  readonly pid: number;
  /** Asks it to end, and waits until it has. */
  stop(): Promise<void>;
}

const POLL_MS = 20;

/** A TCP port on loopback that nobody listens on now. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  if (address === null || typeof address === 'string') throw new Error('loopback has no free port');
  probe.close();
  await once(probe, 'close');
  return address.port;
}

/** The password of the server whose files lie in `folder`, made at its first start: other people of the machine lack it. */
export async function passwordOf(folder: string): Promise<string> {
  const file = join(folder, 'password');
  if (!existsSync(file)) await writeWhole(file, randomBytes(24).toString('base64url'));
  return (await readFile(file, 'utf8')).trim();
}

/** Writes a file for its owner alone. A crash leaves what it was, or what it is, and never a part. */
export async function writeWhole(file: string, text: string): Promise<void> {
  const beside = `${file}.${process.pid}`;
  await writeFile(beside, text, { mode: 0o600, flush: true });
  await rename(beside, file);
}

export interface Launched {
  readonly pid: number;
  /** By the child's end itself: /proc shows a process no name while it becomes another program. */
  readonly alive: () => boolean;
}

/** Starts a program in a session of its own, so that Ctrl-C reaches us and not it. Its output goes to `log`. */
export async function launch(
  program: string,
  args: readonly string[],
  log: string,
  env = process.env,
): Promise<Launched> {
  const output = openSync(log, 'a', 0o600);
  const child = spawn(program, args, { detached: true, stdio: ['ignore', output, output], env });
  await Promise.race([
    once(child, 'spawn'),
    once(child, 'error').then(([error]) => {
      throw new Error(`${program} could not be started`, { cause: error });
    }),
  ]);
  child.unref();
  return { pid: child.pid!, alive: () => child.exitCode === null && child.signalCode === null };
}

/** Whether `pid` runs and is the program we think: pids are used again. */
export function runs(pid: number, mark: string): boolean {
  try {
    process.kill(pid, 0);
    // Elsewhere than on Linux there is no /proc, and the pid must do.
    if (process.platform !== 'linux') return true;
    const { state } = /^State:\s+(?<state>\w)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.groups ?? {};
    return state !== 'Z' && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(mark);
  } catch {
    return false;
  }
}

/** Waits until `done` holds; fails with the tail of the log when `alive` ends first or the time is up. */
export async function until(
  done: () => Promise<boolean>,
  { alive, timeoutMs, what, log }: { alive: () => boolean; timeoutMs: number; what: string; log: string },
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await done())) {
    if (!alive() || performance.now() > deadline) {
      throw new Error(`${what} did not start; the end of ${log}:\n${tail(log)}`);
    }
    await delay(POLL_MS);
  }
}

export async function terminate(pid: number, signal: NodeJS.Signals, mark: string): Promise<void> {
  if (!runs(pid, mark)) return;
  process.kill(pid, signal);
  while (runs(pid, mark)) await delay(POLL_MS);
}

const tail = (file: string) => {
  try {
    return readFileSync(file, 'utf8').split('\n').slice(-12).join('\n').trim();
  } catch {
    return '(no log)';
  }
};
