import { afterAll, describe, expect, it } from '@jest/globals';
import { actionHarness, type ActionHarness } from '@vt/agent-runtime/harness';
import { packInferencePackage, type FeatureConfig, type Model } from '@vt/modeling';
import { Charter } from '@vt/value-train';
import { mkdtempSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parse } from 'yaml';
import { decide } from './behaviours/improvement.ts';
import { cluster, type Misprediction } from './errors.ts';
import { improverPack } from './improver.pack.ts';

const home = mkdtempSync(join(tmpdir(), 'improver-'));
afterAll(() => rm(home, { recursive: true }));

const ROWS = 200;
/** Two inputs, `x` which tells the outcome and `xtra` which tells nothing, and one that never changes. */
const rowAt = (index: number) => {
  const x = (((index * 37) % 100) + 0.5) / 100;
  return { x, xtra: index % 5, same: 0.1, y: x > 0.5 !== (index % 9 === 0) ? 1 : 0 };
};

const FEATURES: FeatureConfig = {
  columns: ['x', 'xtra', 'same'].map((name) => ({ name, kind: 'number' })),
  features: ['x', 'xtra', 'same'].map((column) => ({
    ...{ name: `${column}_now`, column, kind: 'value', lag: 0, fill: 0, mean: 0.3, scale: 0.7 },
  })),
};

interface Change {
  readonly task?: Charter['data']['task'];
  /** Of the model; 0 says one half to everything. */
  readonly weight?: number;
}

/** A train whose model is in production, and was monitored. */
async function trainOf({ task = 'classification', weight = 4 }: Change = {}): Promise<ActionHarness> {
  const dir = await mkdtemp(join(home, 'train-'));
  const dataFile = join(dir, 'rows.csv');
  const lines = Array.from({ length: ROWS }, (_, index) => Object.values(rowAt(index)).join(','));
  await writeFile(dataFile, `x,xtra,same,y\n${lines.join('\n')}\n`);
  const shipped = Charter.parse(
    parse(await readFile(resolve(import.meta.dirname, '../../cli/demo/charter.yaml'), 'utf8')),
  );
  const positive = task === 'classification' ? 1 : undefined;
  const { time: _, ...data } = { ...shipped.data, file: 'rows.csv', target: 'y', positive, task };
  const success: Charter['success'] = [
    task === 'classification' ? { metric: 'f1', atLeast: 0.5 } : { metric: 'mae', atMost: 1 },
  ];
  const charter = { ...shipped, data, success, baseline: task === 'classification' ? 'majority' : 'mean' };
  const family = task === 'classification' ? ('logistic-regression' as const) : ('ridge-regression' as const);
  const model: Model = { family, weights: [weight, 0, 0], bias: (-weight * 0.2) / 0.7 };
  const recipe = { task, family, params: { l2: 1 }, seed: 1 };
  const train = await actionHarness({ pack: improverPack, phase: 'performance-analysis', charter, dataFile, dir });
  const archive = await packInferencePackage({ version: '1', recipe, data: '', config: FEATURES, model });
  await train.seed('delivery/model/inference-package.tgz', archive, 1);
  train.seedFacts('deployment', { 'model-cycle': 1, version: '1-abc' });
  train.seedFacts('monitoring', { 'drifted-features': '' });
  train.seedFacts('validation', { 'calibration-error': 0.0412, 'worst-slice': 'quarter 2', 'worst-slice-gap': 0.031 });
  train.seedFacts('readiness', { 'readiness-score': 74 });
  return train;
}

const textOf = (harness: ActionHarness, path: string) => readFile(harness.file(path), 'utf8');
const CAUSES = 'delivery/performance/root-cause.md';
const ROADMAP = 'delivery/improvement/improvement-roadmap.md';

describe('the decision', () => {
  it.each([
    [
      'drift, and rows to learn from',
      { newRows: 5, trainedRows: 100, drifted: 'wind' },
      'retrain',
      'drift was found in wind',
    ],
    [
      'as many new rows as it takes',
      { newRows: 20, trainedRows: 100, drifted: '' },
      'retrain',
      '20 new rows are at least 20 %',
    ],
    ['one row less', { newRows: 19, trainedRows: 100, drifted: '' }, 'close', '19 new rows are too few'],
    ['nothing new', { newRows: 0, trainedRows: 100, drifted: '' }, 'close', 'every row that the client gave'],
    ['drift, but nothing to learn from', { newRows: 0, trainedRows: 100, drifted: 'wind' }, 'close', 'every row'],
    [
      'sent back by validation',
      { newRows: 5, trainedRows: 100, drifted: '', inProduction: false },
      'retrain',
      'there are 5 rows',
    ],
    [
      'sent back with nothing left',
      { newRows: 0, trainedRows: 100, drifted: '', inProduction: false },
      'no-go',
      'no rows are left',
    ],
  ])('%s', (_, situation, decision, reason) => {
    expect(decide({ inProduction: true, ...situation })).toMatchObject({
      decision,
      reason: expect.stringContaining(reason),
    });
  });

  it('never goes back to monitoring, which has no other rows to replay', () => {
    const decided = [0, 1, 19, 20, 100].flatMap((newRows) =>
      ['', 'wind'].map((drifted) => decide({ newRows, trainedRows: 100, drifted, inProduction: true }).decision),
    );
    expect(new Set(decided)).toEqual(new Set(['close', 'retrain']));
  });

  it('is recorded as outcome and fact, with a plan where the train goes round again', async () => {
    const train = await (await trainOf()).at('improvement');
    const { facts, outcome, artifacts } = await train.runPhase();
    expect([facts['decision'], outcome]).toEqual(['retrain', 'retrain']);
    expect(artifacts.map(({ path }) => path)).toContain('delivery/improvement/retraining-plan.md');
    const plan = await textOf(train, 'delivery/improvement/retraining-plan.md');
    expect(plan).toContain('75 new rows are at least 20 % of the 100 trained on.');
    expect(plan).toContain('Cycle 2 trains the same search on 100 rows and 75 new ones.');
    expect(plan).toContain('version 1-abc, alike');

    const last = await (await trainOf()).at('improvement', { cycle: 2 });
    const end = await last.runPhase();
    expect([end.facts['decision'], end.outcome, end.artifacts.map(({ path }) => path)]).toEqual([
      'close',
      'close',
      [ROADMAP],
    ]);
  });

  it('plans another lap for a candidate that validation sent back, and closes nothing that was never opened', async () => {
    const train = await trainOf();
    train.seedFacts('deployment', {});
    const sentBack = await (await train.at('improvement')).runPhase();
    expect(sentBack).toMatchObject({ outcome: 'retrain', facts: { 'in-production': false } });
    const plan = await textOf(train, 'delivery/improvement/retraining-plan.md');
    expect(plan).toContain(
      'judges the challenger and the most frequent class, because no model is in production, alike',
    );
    const again = await (await train.at('improvement', { cycle: 2 })).runPhase();
    expect(again).toMatchObject({ outcome: 'no-go', facts: { decision: 'no-go', 'in-production': false } });
  });
});

describe('the roadmap', () => {
  it('lists what was measured, in the order of its score', async () => {
    const train = await (await trainOf()).at('improvement');
    train.seedFacts('monitoring', { 'drifted-features': 'wind, rain' });
    train.seedFacts('performance-analysis', { 'error-clusters': 1 });
    await train.run('write-roadmap');
    const roadmap = await textOf(train, ROADMAP);
    const scores = [...roadmap.matchAll(/^\| \d \|.*\| ([\d.]+) \|$/gm)].map(([, score]) => Number(score));
    expect(scores).toHaveLength(6);
    expect(scores).toEqual(scores.toSorted((a, b) => b - a));
    expect(roadmap).toContain('drift was found in wind, rain');
    expect(roadmap).toContain('they are off by 4.1 percentage points');
    expect(roadmap).toContain('1 group of errors');
    expect(roadmap).toContain('there are 75 more of them, 75.0 % of those trained on');
  });

  it('speaks of no probability where a number is predicted', async () => {
    const train = await (await trainOf({ task: 'regression' })).at('improvement');
    await train.run('write-roadmap');
    expect(await textOf(train, ROADMAP)).toContain('Keep predictions centred');
    expect(await textOf(train, ROADMAP)).not.toContain('probabilit');
  });
});

describe('the analysis of errors', () => {
  it('finds the rows that were predicted wrong', async () => {
    const train = await trainOf();
    const { facts } = await train.runPhase();
    const log = JSON.parse(await textOf(train, 'delivery/performance/error-log.json')) as {
      model: string;
      rows: number;
      clusters: { size: number }[];
      errors: { truth: number; score: number; values: { x: number } }[];
    };
    expect(log).toMatchObject({ model: '1-abc', rows: 100 });
    expect(log.errors.every(({ truth, score }) => score >= 0.5 !== (truth === 1))).toBe(true);
    expect(log.errors.every(({ values, truth }) => values.x > 0.5 !== (truth === 1))).toBe(true);
    expect(facts).toMatchObject({ errors: log.errors.length, 'error-rate': log.errors.length / 100 });
    expect(log.clusters.reduce((sum, { size }) => sum + size, 0)).toBe(log.errors.length);
    expect(facts['causes']).toBe(facts['error-clusters']);
    expect(await textOf(train, CAUSES)).not.toContain('same_now');
  });

  it('blames drift by the column of a feature, not by how its name begins', async () => {
    const train = await trainOf();
    train.seedFacts('monitoring', { 'drifted-features': 'x' });
    await train.runPhase();
    expect(await textOf(train, CAUSES)).not.toContain('xtra drifted');
  });

  it('says so where inputs do not tell cases apart', async () => {
    const train = await trainOf({ weight: 0.1 });
    await train.runPhase();
    expect(await textOf(train, CAUSES)).toContain('The inputs do not tell these cases apart');
  });

  it('looks at the tenth that is furthest off, where a number is predicted', async () => {
    const train = await trainOf({ task: 'regression', weight: 1 });
    const { facts } = await train.runPhase();
    expect(facts).toMatchObject({ errors: 10 });
    const causes = await textOf(train, CAUSES);
    expect(causes).toContain('Looked at are the 10 of 100 rows on which the model was furthest off.');
    expect(causes).not.toMatch(/undecided|wrong in/);
  });

  it('takes the rounding of a sum for no difference', () => {
    const error = { row: 0, values: {}, truth: 1, score: 0 };
    const all = Array.from({ length: 182 }, (_, at) => [-0.1 / 0.7, at % 2]);
    const [group] = cluster(
      all.slice(0, 9).map((): Misprediction => error),
      all.filter(([, odd]) => odd === 1).slice(0, 9),
      all,
      [
        { name: 'never', column: 'never' },
        { name: 'odd', column: 'odd' },
      ],
      1,
    );
    expect(group!.traits).toEqual([{ feature: 'odd', column: 'odd', deviation: 1 }]);
  });

  it('has nothing to tell of a model that was always right', async () => {
    expect(cluster([], [], [[1]], [{ name: 'x', column: 'x' }], 1)).toEqual([]);
  });
});
