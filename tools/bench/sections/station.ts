import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Bench } from '../context.ts';
import { interleaved, median } from '../measure.ts';
import { quantity, type Row } from '../report.ts';

const STATION = fileURLToPath(new URL('../../../apps/station/dist/main.js', import.meta.url));
const DEMO = fileURLToPath(new URL('../../run.mjs', import.meta.url));
/** After this the caches of a start are filled, and what it threw away is collected. */
const REST_MS = 5_000;
/** A demo takes a minute. */
const DEMO_ROUNDS_MAX = 3;
const POLL_MS = 20;

interface Start {
  readonly readyMs: number;
  /** Of the station's process; and with its PostgreSQL and its nats-server, each shared page counted once. */
  readonly stationMb: number;
  readonly allMb: number;
}

/** The station on a data directory that was used before, and the demo on a fresh one. */
export async function station(bench: Bench): Promise<readonly Row[]> {
  const home = await mkdtemp(join(bench.folder, 'home-'));
  await start(home);
  const { starts } = await interleaved(bench.rounds, { starts: () => start(home) });
  const { demos } = await interleaved(Math.min(bench.rounds, DEMO_ROUNDS_MAX), {
    demos: async () => demo(await mkdtemp(join(bench.folder, 'demo-'))),
  });
  const medianOf = (figure: (start: Start) => number) => median(starts.map(figure));
  return [
    {
      what: 'station ready, with a warm data directory',
      figure: medianOf(({ readyMs }) => readyMs) / 1_000,
      unit: 's',
      target: { under: 5 },
      detail: 'from the start of the process to the first good answer of its readiness check',
    },
    {
      what: 'station at rest, resident',
      figure: medianOf(({ stationMb }) => stationMb),
      unit: 'MB',
      target: { under: 450 },
      detail: `with its PostgreSQL and nats-server ${quantity(
        medianOf(({ allMb }) => allMb),
        'MB',
      )}`,
    },
    {
      what: 'demo, from a fresh data directory',
      figure: median(demos) / 1_000,
      unit: 's',
      target: { under: 90 },
      detail: 'npm run demo, with packages installed and projects built',
    },
  ];
}

async function start(home: string): Promise<Start> {
  const started = performance.now();
  const child = spawn(process.execPath, [STATION], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, VT_HOME: home },
  });
  const said: string[] = [];
  try {
    for await (const line of createInterface({ input: child.stderr })) {
      said.push(line);
      const url = /ready at (\S+);/.exec(line)?.[1];
      if (url === undefined) continue;
      while (!(await fetch(`${url}/health/ready`)).ok) await delay(POLL_MS);
      const readyMs = performance.now() - started;
      await delay(REST_MS);
      const servers = [firstLine(join(home, 'postgres/data/postmaster.pid')), firstLine(join(home, 'nats/nats.pid'))];
      const all = [child.pid!, ...servers].flatMap(familyOf);
      return { readyMs, stationMb: residentMb(child.pid!), allMb: all.reduce((sum, pid) => sum + ownMb(pid), 0) };
    }
    throw new Error(`the station did not start: ${said.join('\n')}`);
  } finally {
    if (child.exitCode === null) {
      child.kill();
      await once(child, 'exit');
    }
  }
}

async function demo(home: string): Promise<number> {
  const started = performance.now();
  const child = spawn(process.execPath, [DEMO, 'demo.ts', '--json'], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, VT_HOME: home },
  });
  const output = child.stdout.setEncoding('utf8').toArray();
  const [code] = await once(child, 'exit');
  const took = performance.now() - started;
  const { verified } = code === 0 ? JSON.parse((await output).join('')) : { verified: false };
  if (verified !== true) throw new Error(`the demo ended with ${code}, and did not verify its events`);
  return took;
}

const firstLine = (file: string) => Number(readFileSync(file, 'utf8').split('\n')[0]);

/** A process and its descendants. */
function familyOf(pid: number): number[] {
  const children = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry) && parentOf(entry) === pid);
  return [pid, ...children.flatMap((child) => familyOf(Number(child)))];
}

/** What follows the program's name, which may hold anything, are the state and the parent. */
function parentOf(pid: string): number | undefined {
  const stat = readOrNothing(`/proc/${pid}/stat`);
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}

const residentMb = (pid: number) => sizeIn(`/proc/${pid}/status`, /^VmRSS:\s+(\d+)/m);
const ownMb = (pid: number) => sizeIn(`/proc/${pid}/smaps_rollup`, /^Pss:\s+(\d+)/m);
const sizeIn = (file: string, line: RegExp) => Number(line.exec(readOrNothing(file))?.[1] ?? 0) / 1_024;

/** Processes come and go while one looks at them. */
function readOrNothing(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
