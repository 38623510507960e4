import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { execFileSync, fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { predict, transform, type FeatureConfig, type Row } from '../inference.ts';
import { fit } from '../models/families.ts';
import { fitFeatures } from '../models/features.ts';
import { packArchive, unpackArchive } from './archive.ts';
import { openInferencePackage, packInferencePackage } from './inference-package.ts';

const columns = [
  { name: 'day', kind: 'time' },
  { name: 'heat', kind: 'number' },
  { name: 'sky', kind: 'category' },
] as const;
const rows: Row[] = Array.from({ length: 60 }, (_, index) => ({
  day: new Date(Date.UTC(2020, 0, 1 + index)).toISOString().slice(0, 10),
  heat: index % 11 === 0 ? null : (index * 37) % 29,
  sky: index % 3 === 0 ? 'sun' : 'rain',
}));
const config: FeatureConfig = fitFeatures(
  [
    { name: 'heat', column: 'heat', kind: 'value', lag: 0 },
    { name: 'heat_mean_3', column: 'heat', kind: 'rolling-mean', rows: 3 },
    { name: 'sky_is_sun', column: 'sky', kind: 'one-hot', is: 'sun', lag: 1 },
  ],
  { columns, rows },
  [0, 60],
);
const recipe = {
  task: 'classification',
  family: 'random-forest',
  params: { trees: 5, depth: 3, leafRows: 2, features: 1 },
  seed: 3,
} as const;
const model = fit(
  recipe,
  transform(config, rows),
  rows.map((_, index) => Number(index % 4 === 0)),
);
const offline = predict(model, transform(config, rows));
const pack = () => packInferencePackage({ version: 'test-1', recipe, data: 'sha256:0', config, model });

let folder: string;
let server: ChildProcess;
let address: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'package-'));
  await openInferencePackage(await pack(), folder);
  server = spawn(process.execPath, ['server.mjs'], {
    cwd: folder,
    env: { PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for await (const line of createInterface({ input: server.stdout! })) {
    address = line.split(' ').at(-1)!;
    break;
  }
});
afterAll(async () => {
  server.kill('SIGTERM');
  await once(server, 'exit');
  await rm(folder, { recursive: true });
});

const post = async (body: unknown) => {
  const response = await fetch(`${address}/predict`, {
    method: 'POST',
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
};

it('answers over HTTP what is predicted offline, to the last digit', async () => {
  const { status, body } = await post({ rows });
  expect(status).toBe(200);
  expect(body).toEqual({ version: 'test-1', predictions: offline.map((score) => ({ score, yes: score >= 0.5 })) });
});

it('ends with whoever holds it on trial, by the end of their channel', async () => {
  const onTrial = fork('server.mjs', { cwd: folder, stdio: ['ignore', 'pipe', 'inherit', 'ipc'], env: { PORT: '0' } });
  await once(onTrial.stdout!, 'data');
  onTrial.disconnect();
  expect(await once(onTrial, 'exit')).toEqual([0, null]);
});

it('goes on without whoever held it on trial, once that has told it to', async () => {
  const onTrial = fork('server.mjs', { cwd: folder, stdio: ['ignore', 'pipe', 'inherit', 'ipc'], env: { PORT: '0' } });
  const [said] = (await once(onTrial.stdout!.setEncoding('utf8'), 'data')) as [string];
  onTrial.send('keep', () => onTrial.disconnect());
  await once(onTrial, 'disconnect');
  const health = await fetch(`${/http:\S+/.exec(said)![0]}/health`);
  expect(await health.json()).toEqual({ status: 'ok', version: 'test-1' });
  onTrial.kill('SIGTERM');
  expect(await once(onTrial, 'exit')).toEqual([0, null]);
});

it('answers standard input alike', () => {
  const output = execFileSync(process.execPath, ['server.mjs', '--once'], {
    cwd: folder,
    input: JSON.stringify({ rows }),
    env: { MODEL_VERSION: 'other' },
  });
  expect(JSON.parse(String(output))).toMatchObject({
    version: 'other',
    predictions: offline.map((score) => ({ score })),
  });
});

it('says how it is, what it is, and what it did', async () => {
  const get = async (path: string) => (await fetch(address + path)).text();
  expect(JSON.parse(await get('/health'))).toEqual({ status: 'ok', version: 'test-1' });
  expect(JSON.parse(await get('/version'))).toMatchObject({
    version: 'test-1',
    family: 'random-forest',
    seed: 3,
    lookback: 2,
  });
  await post({ rows: [] });
  expect(await get('/metrics')).toMatch(
    /^model_predictions_total \d+$[^]*^model_responses_total\{status="400"\} \d+$/m,
  );
  expect((await fetch(`${address}/nowhere`)).status).toBe(404);
});

it.each<[what: string, body: unknown, problem: string]>([
  ['no JSON', '{', 'the body is not a JSON object: send {"rows": [...]}'],
  ['no rows', {}, 'the rows cannot be predicted: rows is not a list with at least one row'],
  [
    'a field that is missing',
    { rows: [{ day: '2020-01-01', sky: 'sun' }] },
    'the rows cannot be predicted: rows[0].heat is missing; send null when it is not known',
  ],
  [
    'text for a number',
    { rows: [rows[0], { ...rows[1], heat: '7' }] },
    'the rows cannot be predicted: rows[1].heat is not a number',
  ],
  ['a number for text', { rows: [{ ...rows[0], sky: 1 }] }, 'the rows cannot be predicted: rows[0].sky is not text'],
  [
    'a date that is none',
    { rows: [{ ...rows[0], day: '2020-13-01' }] },
    'the rows cannot be predicted: rows[0].day is not a date or time in ISO 8601, such as 2015-12-31',
  ],
  [
    'rows out of order',
    { rows: [rows[5], rows[4]] },
    'the rows cannot be predicted: rows[1].day is earlier than the row before it; send rows in order of time',
  ],
])('refuses %s, and names it', async (_, body, problem) => {
  expect(await post(body)).toMatchObject({ status: 400, body: { error: problem } });
});

it('is the same bytes for the same model, and opens with tar', async () => {
  const archive = await pack();
  expect(await pack()).toEqual(archive);
  const other = await mkdtemp(join(folder, 'tar-'));
  await writeFile(join(other, 'package.tgz'), archive);
  execFileSync('tar', ['-xzf', 'package.tgz'], { cwd: other });
  await rm(join(other, 'package.tgz'));
  const names = await readdir(other);
  expect(names.sort()).toEqual([
    'features.json',
    'inference.js',
    'manifest.json',
    'model.json',
    'package.json',
    'server.mjs',
  ]);
  for (const name of names) expect(await readFile(join(other, name))).toEqual(await readFile(join(folder, name)));
});

it('does not open when a file was changed, or would lead out of its folder', async () => {
  const files = unpackArchive(await pack()).map((file) =>
    file.path === 'model.json' ? { ...file, content: String(file.content).replace('forest', 'f0rest') } : file,
  );
  await expect(openInferencePackage(packArchive(files), folder)).rejects.toThrow(
    'model.json of the inference package is not what its manifest says',
  );
  expect(() => unpackArchive(packArchive([{ path: '../key', content: '' }]))).toThrow('leads out of the archive');
});
