import { afterAll, expect, it, jest } from '@jest/globals';
import { actionHarness, type ActionHarness } from '@vt/agent-runtime/harness';
import {
  baselineOf,
  datasetFromCsv,
  evaluate,
  examplesOf,
  openInferencePackage,
  predict,
  targetRule,
  type Scores,
} from '@vt/modeling';
import { Charter } from '@vt/value-train';
import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { access, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parse } from 'yaml';
import type { Candidate } from './behaviours/training.ts';
import { labPack } from './lab.pack.ts';

const DEMO = resolve(import.meta.dirname, '../../cli/demo');
const home = mkdtempSync(join(tmpdir(), 'lab-'));
afterAll(() => rm(home, { recursive: true }));

// Whole phases with real searches: seconds each, more on a busy machine.
jest.setTimeout(120_000);

const BEFORE_TRAINING = ['data-sources', 'extraction', 'preparation', 'exploration', 'feature-engineering'];

const charterOf = async (file: string): Promise<Charter> =>
  Charter.parse(parse(await readFile(join(DEMO, file), 'utf8')));

const startOf = async (charter: Charter, name: string, dataFile: string): Promise<ActionHarness> =>
  actionHarness({ pack: labPack, phase: 'data-sources', charter, dataFile, dir: join(home, name) });

const textOf = (harness: ActionHarness, path: string): Promise<string> => readFile(harness.file(path), 'utf8');

const candidateOf = async (harness: ActionHarness): Promise<Candidate> =>
  JSON.parse(await textOf(harness, 'delivery/model/candidate.json')) as Candidate;

/** What the evaluator will find: the package and the baseline on rows that the lab did not look at. */
const judge = async (harness: ActionHarness, charter: Charter, part: 'heldOut' | 'later') => {
  const { ranges } = await candidateOf(harness);
  const dataset = await datasetFromCsv(harness.file('delivery/data/prepared.csv'), charter.data);
  const archive = await readFile(harness.file('delivery/model/inference-package.tgz'));
  const { config, model } = await openInferencePackage(archive, mkdtempSync(join(home, 'package-')));
  const { rows, x, y } = examplesOf(config, dataset, ranges[part]);
  const { ahead } = targetRule(charter.data);
  const persisted = baselineOf(charter.baseline, dataset, ranges.training, ranges[part], ahead);
  const baseline = rows.map((row) => persisted[row - ranges[part][0]]!);
  return {
    model: evaluate(charter.data.task, y, predict(model, x)),
    baseline: evaluate(charter.data.task, y, baseline),
  };
};

const meets = ({ success }: Charter, { model, baseline }: { model: Scores; baseline: Scores }): boolean[] =>
  success.map((criterion) => {
    const score = model[criterion.metric]!;
    if ('atLeast' in criterion) return score >= criterion.atLeast;
    if ('atMost' in criterion) return score <= criterion.atMost;
    return Math.abs(score - baseline[criterion.metric]!) >= criterion.betterThanBaselineBy;
  });

const DOCUMENTS = [
  'delivery/data/source-map.md',
  'delivery/data/data-access-plan.md',
  'delivery/data/extraction-log.md',
  'delivery/data/schema-spec.md',
  'delivery/exploration/profile-report.md',
  'delivery/features/feature-map.md',
  'delivery/model/training-research.md',
  'delivery/model/training-plan.md',
  'delivery/model/mlflow-runs.md',
];
const NOTEBOOKS = ['delivery/exploration/profile.ipynb', 'delivery/model/train.ipynb'];

it.each([
  ['the weather of Seattle', 'charter.yaml', 1461],
  ['customers, without time', 'more/churn.yaml', 2000],
  ['electricity, a number', 'more/energy.yaml', 999],
])('works all of its phases on %s, and leaves a model that meets the charter', async (_, file, rows) => {
  const charter = await charterOf(file);
  let harness = await startOf(charter, file.replaceAll('/', '-'), join(DEMO, file, '..', charter.data.file));
  const facts: Record<string, unknown> = {};
  for (const phase of [...BEFORE_TRAINING, 'training']) {
    harness = await harness.at(phase);
    Object.assign(facts, (await harness.runPhase()).facts);
  }

  expect(facts).toMatchObject({
    sources: 1,
    'raw-rows': rows,
    'sources-incomplete': 0,
    'extraction-repeated': true,
    'schema-valid': true,
    'split-by-time': charter.data.time !== undefined,
    'parity-checked': true,
    reproducible: true,
    families: 4,
  });
  expect(facts['candidate-variables']).toBeGreaterThan(0);

  for (const path of DOCUMENTS) {
    const text = await textOf(harness, path);
    expect(text).not.toMatch(/\{\{|<!--|\bNaN\b|undefined|\[object|TBD/);
    expect(text.length).toBeGreaterThan(300);
  }
  for (const path of NOTEBOOKS) {
    // The shape is the notebook format's.
    const { cells } = JSON.parse(await textOf(harness, path)) as {
      cells: { cell_type: string; execution_count?: number; outputs?: { output_type: string }[] }[];
    };
    const code = cells.filter(({ cell_type }) => cell_type === 'code');
    expect(code.map(({ execution_count }) => execution_count)).toEqual(code.map((_, index) => index + 1));
    expect(code.every(({ outputs }) => outputs!.length > 0)).toBe(true);
  }
  const judged = await judge(harness, charter, 'heldOut');
  expect(meets(charter, judged)).toEqual(charter.success.map(() => true));
});

it('leaves a script that repeats the extraction, and notices another row', async () => {
  const harness = await startOf(await charterOf('charter.yaml'), 'script', join(DEMO, 'seattle-weather.csv'));
  const extraction = await harness.at('extraction');
  await extraction.runPhase();
  const script = extraction.file('delivery/data/extract.py');
  const run = (data: string): { exitCode: number; output: string } => {
    try {
      return { exitCode: 0, output: String(execFileSync('python3', [script, data, join(home, 'copy.csv')])) };
    } catch (error) {
      // What execFileSync throws.
      const { status, stdout, stderr } = error as { status: number; stdout: Buffer; stderr: Buffer };
      return { exitCode: status, output: `${String(stdout)}${String(stderr)}` };
    }
  };
  const source = join(DEMO, 'seattle-weather.csv');
  expect(run(source)).toMatchObject({ exitCode: 0, output: expect.stringContaining('"rows": 1461') });
  expect(await readFile(join(home, 'copy.csv'), 'utf8')).toBe(
    (await readFile(source, 'utf8')).replaceAll('\r\n', '\n'),
  );

  const changed = join(home, 'changed.csv');
  await writeFile(changed, (await readFile(source, 'utf8')).replace('2013-05-05,0.0', '2013-05-05,0.1'));
  expect(run(changed)).toMatchObject({ exitCode: 1, output: expect.stringContaining('"same": false') });
  await writeFile(changed, 'a,b\n1\n');
  expect(run(changed)).toMatchObject({ exitCode: 2, output: expect.stringContaining('line 2: 1 fields') });
});

it('retrains on what has come since, and leaves to judge what neither model has seen', async () => {
  const charter = await charterOf('charter.yaml');
  const first = await startOf(charter, 'retrain', join(DEMO, 'seattle-weather.csv'));
  for (const phase of ['extraction', 'preparation', 'feature-engineering', 'training']) {
    await (await first.at(phase)).runPhase();
  }
  const champion = await candidateOf(first);
  await expect(access(first.file('delivery/retrain/retrain.ipynb'))).rejects.toThrow('ENOENT');

  first.seedFacts('deployment', { 'model-cycle': 1 });
  const second = await first.at('training', { cycle: 2 });
  await second.runPhase();
  const challenger = await candidateOf(second);
  expect(champion.ranges).toEqual({ training: [0, 731], heldOut: [731, 1096], later: [1096, 1461] });
  expect(challenger.ranges).toEqual({ training: [0, 1278], heldOut: [1278, 1461], later: [1278, 1461] });
  expect(challenger.version).not.toBe(champion.version);
  const notebook = await textOf(second, 'delivery/retrain/retrain.ipynb');
  expect(notebook).toContain('the challenger learns from 1278');
});

it('says what is wrong with data that does not fit, and does not call it valid', async () => {
  const charter = await charterOf('charter.yaml');
  const path = join(home, 'broken.csv');
  await writeFile(
    path,
    (await readFile(join(DEMO, 'seattle-weather.csv'), 'utf8')).replace('2012-02-03', '03.02.2012'),
  );
  const harness = await startOf(charter, 'broken', path);
  const { facts } = await harness.runPhase();
  expect(facts).toMatchObject({ 'sources-incomplete': 1 });
  expect(await textOf(harness, 'delivery/data/source-map.md')).toContain(
    'column date, line 35: "03.02.2012" is not a date',
  );
  await (await harness.at('extraction')).runPhase();
  const preparation = await harness.at('preparation');
  expect((await preparation.run('validate-schema')).facts).toMatchObject({ 'schema-valid': false });
  await expect(preparation.run('split-and-clean')).rejects.toThrow('write dates as 2015-12-31');
});
