import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** The command line as it is built. */
const MAIN = resolve(import.meta.dirname, '../../dist/main.js');
const POLL_MS = 50;
const READY_MS_MAX = 90_000;

export interface Said {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** A command that runs. */
export interface RunningCommand {
  readonly pid: number;
  /** What it said so far. */
  readonly said: { out: string; err: string };
  readonly ended: Promise<Said>;
  signal(name: NodeJS.Signals): void;
  /** Presses Ctrl-C, and waits for the end. */
  interrupt(): Promise<Said>;
}

/** `vt` in folders of its own: a home for the station, and a place where the person stands. */
export class OwnStation {
  /** Where the person stands. */
  readonly folder = mkdtempSync(join(tmpdir(), 'vt-cli-'));
  readonly home = join(this.folder, 'home');

  /** Starts a command line and lets it run. */
  start(args: readonly string[], env: Readonly<Record<string, string>> = {}): RunningCommand {
    const child = spawn(process.execPath, [MAIN, ...args], {
      cwd: this.folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], VT_HOME: this.home, ...env },
    });
    const said = { out: '', err: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => (said.out += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said.err += text));
    const ended = once(child, 'close').then(([code]: (number | null)[]) => ({ code: code ?? null, ...said }));
    const signal = (name: NodeJS.Signals) => void child.kill(name);
    const interrupt = () => {
      signal('SIGINT');
      return ended;
    };
    return { pid: child.pid!, said, ended, signal, interrupt };
  }

  /** Runs a command line to its end. */
  vt(...args: readonly string[]): Promise<Said> {
    return this.start(args).ended;
  }

  /** The document that a command line answers with. */
  async json<T = Record<string, unknown>>(...args: readonly string[]): Promise<T> {
    const { code, out, err } = await this.vt(...args, '--json');
    if (out === '') throw new Error(`vt ${args.join(' ')} ended with ${code}: ${err}`);
    // What the command is documented to answer.
    return JSON.parse(out) as T;
  }

  /** Runs `vt up`, and waits until it is ready. */
  async up(env: Readonly<Record<string, string>> = {}): Promise<RunningCommand> {
    const running = this.start(['up'], env);
    await until('the station is ready', () => running.said.err.includes('is ready at'), running);
    return running;
  }

  /** Address and key, as the station announced them. */
  get address(): { readonly url: string; readonly apiKey: string; readonly pid: number } {
    return JSON.parse(readFileSync(join(this.home, 'station.json'), 'utf8')) as OwnStation['address'];
  }

  /** Asks the API for what `vt` has no words for. */
  post(path: string, body: unknown): Promise<Response> {
    const { url, apiKey } = this.address;
    const headers = {
      authorization: `Bearer ${apiKey}`,
      'content-type': 'application/json',
      'idempotency-key': crypto.randomUUID(),
    };
    return fetch(`${url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Waits for a condition; fails with what was said when the time is up, or who could bring it about has ended. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  running?: RunningCommand,
): Promise<void> {
  const deadline = performance.now() + READY_MS_MAX;
  let ended = false;
  void running?.ended.then(() => (ended = true));
  while (!(await holds())) {
    if (ended || performance.now() > deadline) throw new Error(`never: ${what}\n${running?.said.err ?? ''}`);
    await delay(POLL_MS);
  }
}
