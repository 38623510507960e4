import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { freshDatabase, type FreshDatabase } from '@vt/testing';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const MS_MAX = 120_000;
const root = resolve(import.meta.dirname, '..', '..');
let copy: string;
let database: FreshDatabase;

/** Runs a program of the workspace in the copy. Throws, with what it said, when it is not content. */
const run = async (program: string, ...args: readonly string[]): Promise<void> => {
  const options = { cwd: copy, env: { ...process.env, NODE_OPTIONS: '--experimental-vm-modules' } };
  await promisify(execFile)(join(root, 'node_modules', '.bin', program), args, options).catch(
    ({ stdout, stderr }: { stdout: string; stderr: string }) => {
      throw new Error(`${program} ${args.join(' ')}\n${stdout}${stderr}`);
    },
  );
};
const make = (words: string) => run('node', 'tools/generators/new.ts', ...words.split(' '));

/** The workspace again, with the packages of this one, but for our own: those are the copy's. */
beforeAll(async () => {
  copy = await mkdtemp(join(tmpdir(), 'value-train-new-'));
  database = await freshDatabase();
  const notCopied = new Set(['node_modules', '.git', '.nx', '.value-train', '.cache', 'coverage']);
  for (const entry of await readdir(root)) {
    if (!notCopied.has(entry)) await cp(join(root, entry), join(copy, entry), { recursive: true });
  }
  await mkdir(join(copy, 'node_modules'));
  for (const entry of await readdir(join(root, 'node_modules'))) {
    if (entry === '@vt' || entry === '.cache') continue;
    await symlink(join(root, 'node_modules', entry), join(copy, 'node_modules', entry));
  }
  const ours = join('node_modules', '@vt');
  await cp(join(root, ours), join(copy, ours), { recursive: true, verbatimSymlinks: true });
}, MS_MAX);
afterAll(async () => {
  await database.drop();
  await rm(copy, { recursive: true, force: true });
}, MS_MAX);

const golden = (folder: string) => readdir(join(folder, 'libs', 'contracts', 'src', 'golden'));

it(
  'says what it can do, and writes nothing when it refuses',
  async () => {
    await expect(make('phase')).rejects.toThrow(/event <Name>.*\n.*behaviour <agent>.*\n.*service <name>/);
    await expect(make('event phaseSkipped train')).rejects.toThrow('in the past tense');
    await expect(make('event PhaseSkipped nobody')).rejects.toThrow('say whose event it is');
    await expect(make('event TrainStarted train')).rejects.toThrow('exists already');
    await expect(make('behaviour cost a b')).rejects.toThrow('no agent that has a pack');
    await expect(make('behaviour lab preparation explore')).rejects.toThrow('exists already');
    await expect(make('service cost')).rejects.toThrow('exists already');
    expect(await golden(copy)).toEqual(await golden(root));
  },
  MS_MAX,
);

it(
  'makes events, behaviours and a service that pass every check, and the service starts',
  async () => {
    for (const kind of ['Train', 'Session', 'Risk', 'Cost', 'Access']) {
      await make(`event ${kind}Renamed ${kind.toLowerCase()}`);
    }
    await make('behaviour lab preparation fill-gaps');
    await make('behaviour evaluator fairness check-fairness');
    await make('service train-notifier');

    const written = ['libs/contracts/src', 'apps/lab/src', 'apps/evaluator/src', 'apps/train-notifier'];
    await Promise.all([
      run('prettier', '--check', ...written)
        .then(() => run('eslint', '--max-warnings', '0', ...written))
        .then(() => run('jest', '--selectProjects', 'unit', '--testPathPatterns', 'libs/contracts')),
      run('tsc', '--noEmit', '-p', 'tsconfig.json'),
    ]);
    await startsAndStops('train-notifier');
  },
  MS_MAX,
);

/** Runs the built service as a process of its own until it is ready, then asks it to stop. */
async function startsAndStops(name: string): Promise<void> {
  const app = join(copy, 'apps', name);
  const [DATABASE_URL, NATS_URL] = [database.url, process.env['VT_TEST_NATS_URL']];
  const env = { PATH: process.env['PATH'], DATABASE_URL, NATS_URL, HTTP_PORT: '0' };
  const node = (script: string) => promisify(execFile)(process.execPath, [script], { cwd: app, env });
  await node('../../tools/build.mjs');
  await node('../ledger/dist/migrate.js');
  const service = spawn(process.execPath, ['dist/main.js'], { cwd: app, env, stdio: ['ignore', 'pipe', 'inherit'] });
  let url: string | undefined;
  for await (const line of createInterface(service.stdout)) {
    url ??= /listening on (http:[^"]+)/.exec(line)?.[1];
    if (url && (await fetch(`${url}/health/ready`)).ok) break;
  }
  const exited = once(service, 'exit');
  service.kill('SIGTERM');
  expect(await exited).toEqual([0, null]);
}
