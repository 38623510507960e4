import { Rejection } from '@vt/kernel';
import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readFile, readlink } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { CommandResult } from '../action.ts';
import { locate, PATH } from './programs.ts';
import { plainSandbox, PROCESSES_MAX, type Box, type Sandbox } from './sandbox.ts';

const OUTPUT_BYTES_MAX = 1024 * 1024;
const FILE_BYTES_MAX = 8 * 1024 ** 3;
export const MEMORY_MIB = 4_096;
const FILES_MAX = 1_024;
/** As shells tell of it. */
const SIGXFSZ = 128 + 25;
/** Whoever still holds the output of a program that has ended has left its process group. */
const OUTPUT_MS_MAX = 500;
const PROBE_MS_MAX = 10_000;
/** Whoever is killed may have begun another just before. */
const SWEEPS_MAX = 10;

export interface CommandCall {
  readonly program: string;
  readonly args: readonly string[];
  readonly sandbox: Sandbox;
  /** Where it works, and what it sees, as far as the sandbox can hide the rest. */
  readonly box: Box;
  /** All that the program gets, beside PATH, HOME, TMPDIR, LANG and the mark of its call. */
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface Commanded extends CommandResult {
  /** User and system time of the program and the descendants it waited for; 0 when it had to be killed. */
  readonly cpuMs: number;
}

// The shell, not Node, knows what its children used. The outer guard kills the shell when we die, the inner the program.
const METERED = '"$@" 3>&-; code=$?; times >&3; exit $code';

/** All descendants inherit it, so that those who leave the process group are found, unless they clear it. */
const MARK = 'VT_COMMAND';

/**
 * Runs a program in a sandbox, as its own process group, and waits for it. All of the group is killed when the program
 * ends, the signal says stop, the time is up, or (where there is `setpriv`) this process dies; on Linux also whoever has
 * left the group, unless this process dies, which only a process namespace takes along. Output beyond 1 MiB is cut.
 * @throws Rejection when there is no such program; the signal's reason; a `TimeoutError` when its own time was up
 */
export const runCommand = async (call: CommandCall): Promise<Commanded> => {
  const { program, args, sandbox, box, env = {}, input = '', timeoutMs, signal } = call;
  const { cwd } = box;
  const { memoryMiB = MEMORY_MIB } = sandbox;
  signal.throwIfAborted();
  const path = await locate(program);
  if (!path) throw new Rejection('program-missing', `there is no program ${program} on this machine: install it`);
  const plain = await plainSandbox();
  const limited = await plain.wrap([...(await limiting(timeoutMs, memoryMiB)), path, ...args], box);
  const contained = await sandbox.wrap(['/bin/sh', '-c', METERED, 'sh', ...limited], box);
  const [command, ...rest] = sandbox.name === 'plain' ? contained : await plain.wrap(contained, box);
  const mark = randomUUID();
  const child = spawn(command!, rest, {
    cwd,
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    env: { PATH: PATH.join(':'), HOME: cwd, TMPDIR: cwd, LANG: 'C.UTF-8', ...env, [MARK]: mark },
  });
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(tooLate(program, timeoutMs)), timeoutMs);
  const stop = AbortSignal.any([signal, late.signal]);
  const kill = () => killGroup(child);
  stop.addEventListener('abort', kill);
  try {
    return explained(await outcomeOf(child, input, stop), memoryMiB);
  } finally {
    clearTimeout(timer);
    stop.removeEventListener('abort', kill);
    kill();
    await killMarked(mark);
  }
};

/** Whether a sandbox contains what it runs. One that promises nothing keeps its promise. */
export const contains = async (sandbox: Sandbox, box: Box): Promise<boolean> => {
  if (sandbox.level !== 'namespace') return true;
  const spaces = await Promise.all(['pid', 'mnt', 'net'].map((space) => readlink(`/proc/self/ns/${space}`)));
  const apart = spaces.map((space) => `[ "$(readlink /proc/self/ns/${space.split(':')[0]})" != '${space}' ]`);
  const script = [...apart, '[ ! -e /etc/shadow ]', '[ ! -e /root ]', 'echo probe > probe', 'cat probe'].join(' && ');
  const { signal } = new AbortController();
  const call = { program: 'sh', args: ['-c', script], sandbox, box, timeoutMs: PROBE_MS_MAX, signal };
  return runCommand(call).then(
    ({ stdout }) => stdout === 'probe\n',
    () => false,
  );
};

const tooLate = (program: string, ms: number) =>
  new DOMException(`${program} was killed after ${ms / 1_000} s`, 'TimeoutError');

async function outcomeOf(child: ChildProcess, input: string, stop: AbortSignal): Promise<Commanded> {
  const [stdin, stdout, stderr, times] = child.stdio;
  const outputs = [stdout, stderr, times].map((stream) => collect(stream as Readable));
  // A program may end without reading its input.
  child.stdin!.on('error', () => {}).end(input);
  const [code, killedBy] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  killGroup(child);
  await Promise.race([once(child, 'close'), delay(OUTPUT_MS_MAX, undefined, { ref: false })]);
  for (const stream of [stdin, stdout, stderr, times]) stream?.destroy();
  stop.throwIfAborted();
  const [out, err, used] = outputs.map((text) => text());
  return { exitCode: code ?? exitCodeOf(killedBy), stdout: out!, stderr: err!, cpuMs: cpuMsOf(used!) };
}

/** Of writable memory, not of address space: that would kill every program that runs on V8. */
const limiting = async (timeoutMs: number, memoryMiB: number): Promise<readonly string[]> => {
  const prlimit = await locate('prlimit');
  const cpuSeconds = Math.ceil(timeoutMs / 1_000) * 4;
  if (!prlimit) return [];
  const limits = { core: 0, cpu: cpuSeconds, fsize: FILE_BYTES_MAX, data: memoryMiB * 1024 ** 2, nofile: FILES_MAX };
  return [prlimit, ...Object.entries(limits).map(([name, limit]) => `--${name}=${limit}`), '--'];
};

/** What a program says that met a limit is its own affair; by these words it is known, and the limit is named. */
function explained(done: Commanded, memoryMiB: number): Commanded {
  if (done.exitCode === 0) return done;
  const met = (words: RegExp) => words.test(done.stderr);
  const limits = [
    ...(met(/MemoryError|out of memory|Cannot allocate memory|Failed to allocate|bad_alloc/i)
      ? [`a process may have ${memoryMiB} MiB of memory: PROGRAM_MEMORY_MIB sets more`]
      : []),
    ...(met(/BlockingIOError|Cannot fork|fork: (retry: )?Resource|can't start new thread/i)
      ? [`a contained program may have ${PROCESSES_MAX} processes and threads: start fewer`]
      : []),
    ...(met(/Too many open files/) ? [`a process may have ${FILES_MAX} open files: close some`] : []),
    ...(done.exitCode === SIGXFSZ || met(/File too large|File size limit/i)
      ? [`a file may have ${FILE_BYTES_MAX / 1024 ** 3} GiB: write several`]
      : []),
  ];
  return { ...done, stderr: [done.stderr, ...limits.map((limit) => `[${limit}]`)].join('\n') };
}

function killGroup({ pid }: ChildProcess): void {
  if (pid !== undefined) killUnlessGone(-pid);
}

function killUnlessGone(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Nobody is left.
  }
}

/** Only Linux tells what a process was started with. */
async function killMarked(mark: string): Promise<void> {
  if (process.platform !== 'linux') return;
  for (let sweep = 0; sweep < SWEEPS_MAX; sweep += 1) {
    const marked = (await Promise.all((await readdir('/proc')).map((entry) => markedPid(entry, mark)))).filter(
      (pid) => pid !== undefined,
    );
    if (marked.length === 0) return;
    for (const pid of marked) killUnlessGone(pid);
  }
}

async function markedPid(entry: string, mark: string): Promise<number | undefined> {
  if (!/^\d+$/.test(entry)) return undefined;
  // Others' processes are not ours to read, and some have ended meanwhile.
  const environment = await readFile(`/proc/${entry}/environ`, 'utf8').catch(() => '');
  return environment.split('\0').includes(`${MARK}=${mark}`) ? Number(entry) : undefined;
}

/** As shells count: 128 and the number of the signal, of which KILL is the only one that reaches us. */
const exitCodeOf = (killedBy: NodeJS.Signals | null) => (killedBy === 'SIGKILL' ? 137 : 128);

function collect(stream: Readable): () => string {
  const chunks: Buffer[] = [];
  let bytes = 0;
  stream.on('error', () => {});
  stream.on('data', (chunk: Buffer) => {
    const room = OUTPUT_BYTES_MAX - bytes;
    if (room > 0) chunks.push(chunk.subarray(0, room));
    bytes += chunk.length;
  });
  return () => Buffer.concat(chunks).toString('utf8') + (bytes > OUTPUT_BYTES_MAX ? '\n[output cut at 1 MiB]' : '');
}

/** The second line of `times` tells of the children: `0m0.120s 0m0.030s`. */
function cpuMsOf(times: string): number {
  const spent = [...(times.split('\n')[1] ?? '').matchAll(/(\d+)m([\d.]+)s/g)];
  return spent.reduce((sum, [, minutes, seconds]) => sum + (Number(minutes) * 60 + Number(seconds)) * 1_000, 0);
}
