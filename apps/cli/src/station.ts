import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { announcedStation, surroundings, type Connection } from './config.ts';
import { CliError, EXIT } from './errors.ts';

const POLL_MS = 100;

/** A station that runs: one that was there, or one that was started here and is to be stopped here. */
export interface OpenStation extends Connection {
  readonly startedHere: boolean;
  /** Aborted when a station that was started here has ended. */
  readonly gone: AbortSignal;
  stop(): Promise<void>;
}

/** The station of this folder if one answers. */
export async function runningStation(): Promise<Connection | undefined> {
  const station = announcedStation();
  return station && (await isReady(station.url)) ? station : undefined;
}

/** Starts the station of this folder, and waits until it is ready. What it says goes to standard error. */
export async function launchStation(signal: AbortSignal): Promise<OpenStation> {
  const child = spawnStation();
  const gone = once(child, 'exit');
  const leaving = new AbortController();
  void gone.then(() => leaving.abort());
  signal.addEventListener('abort', () => child.kill('SIGTERM'), { once: true });
  for (;;) {
    const station = announcedStation();
    if (station && station.pid === child.pid && (await isReady(station.url))) {
      return {
        ...station,
        startedHere: true,
        gone: leaving.signal,
        stop: async () => {
          child.kill('SIGTERM');
          await gone;
        },
      };
    }
    const ended = await Promise.race([gone.then(() => true), delay(POLL_MS, false)]);
    if (!ended) continue;
    throw signal.aborted
      ? new CliError(EXIT.interrupted, 'Interrupted. The same command goes on where it was.')
      : new CliError(EXIT.unavailable, 'the station could not start (see above)');
  }
}

/** Runs the station in the foreground until it ends; answers its exit code. */
export async function runStation(): Promise<number> {
  const child = spawnStation();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => child.kill(name));
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? EXIT.failure;
}

function spawnStation(): ChildProcess {
  const main = join(dirname(fileURLToPath(import.meta.resolve('@vt/app-station'))), 'main.js');
  // A session of its own: Ctrl-C is ours, and we pass on what it means.
  return spawn(process.execPath, ['--enable-source-maps', main], {
    detached: true,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, VT_HOME: surroundings.home.path },
  });
}

async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(2_000) })).ok;
  } catch {
    return false;
  }
}
