import { afterAll, describe, expect, it, jest } from '@jest/globals';
import { actionHarness, type ActionHarness } from '@vt/agent-runtime/harness';
import {
  examplesOf,
  fit,
  fitFeatures,
  packInferencePackage,
  type Dataset,
  type FeatureConfig,
  type Model,
} from '@vt/modeling';
import { Charter } from '@vt/value-train';
import { mkdtempSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parse } from 'yaml';
import { checkSuccess } from './criteria.ts';
import { evaluatorPack } from './evaluator.pack.ts';
import { PACKAGE } from './evidence.ts';

// Whole phases with fits and reports: a second each, more on a busy machine.
jest.setTimeout(60_000);

const home = mkdtempSync(join(tmpdir(), 'evaluator-'));
afterAll(() => rm(home, { recursive: true }));

const DAYS = 160;
const dayOf = (index: number) => new Date(Date.UTC(2024, 0, 1 + index)).toISOString().slice(0, 10);

interface Day {
  readonly x: number;
  readonly y: number | string;
}

/** x tells y, but for every seventh day. */
const tellingDay = (index: number): Day => {
  const x = (((index * 37) % 100) + 0.5) / 100;
  return { x, y: x > 0.5 !== (index % 7 === 0) ? 'yes' : 'no' };
};

/** A package whose log-odds (or number) is `weight` times a column, less half of that. */
const packageWith = (weight: number, column = 'x', task: Charter['data']['task'] = 'classification') => {
  const family = task === 'classification' ? ('logistic-regression' as const) : ('ridge-regression' as const);
  const feature =
    column === 'y'
      ? ({ name: 'y_is_yes', column, kind: 'one-hot', is: 'yes', lag: 0 } as const)
      : ({ name: column, column, kind: 'value', lag: 0 } as const);
  const config: FeatureConfig = {
    columns: [{ name: column, kind: column === 'y' ? 'category' : 'number' }],
    features: [{ ...feature, fill: 0, mean: 0, scale: 1 }],
  };
  const model: Model = { family, weights: [weight], bias: -weight / 2 };
  const recipe = { task, family, params: { l2: 1 }, seed: 1 } as const;
  return packInferencePackage({ version: 'made', recipe, data: 'sha256:0', config, model });
};

/** A package that learned from the first telling days, as many as these. */
const packageOf = (days: number) => {
  const all = Array.from({ length: DAYS }, (_, index) => tellingDay(index));
  const dataset: Dataset = {
    columns: [{ name: 'x', kind: 'number' }],
    rows: all.map(({ x }) => ({ x })),
    target: all.map(({ y }) => (y === 'yes' ? 1 : 0)),
    order: 'time',
  };
  const config = fitFeatures([{ name: 'x', column: 'x', kind: 'value', lag: 0 }], dataset, [0, days]);
  const { x, y } = examplesOf(config, dataset, [0, days]);
  const recipe = { task: 'classification', family: 'logistic-regression', params: { l2: 1 }, seed: 1 } as const;
  return packInferencePackage({ version: 'fitted', recipe, data: 'sha256:0', config, model: fit(recipe, x, y) });
};

/** A train before validation, on data of days, with these changes to the demo's charter. */
async function trainOf(
  dayAt: (index: number) => Day,
  change: Partial<Omit<Charter, 'data'>> & { readonly data?: Partial<Charter['data']> } = {},
): Promise<ActionHarness> {
  const dir = await mkdtemp(join(home, 'train-'));
  const dataFile = join(dir, 'days.csv');
  const lines = Array.from({ length: DAYS }, (_, index) => {
    const { x, y } = dayAt(index);
    return `${dayOf(index)},${x},${y}`;
  });
  await writeFile(dataFile, `day,x,y\n${lines.join('\n')}\n`);
  const shipped = Charter.parse(
    parse(await readFile(resolve(import.meta.dirname, '../../cli/demo/charter.yaml'), 'utf8')),
  );
  const data = { ...shipped.data, file: 'days.csv', target: 'y', positive: 'yes', time: 'day', ...change.data };
  const charter = { ...shipped, ...change, data };
  return actionHarness({ pack: evaluatorPack, phase: 'validation', charter, dataFile, dir });
}

const textOf = (harness: ActionHarness, path: string) => readFile(harness.file(path), 'utf8');
const REPORT = 'delivery/validation/validation-report.md';

describe('validation', () => {
  it('counts by itself on the rows that were held out', async () => {
    const train = await trainOf(tellingDay);
    await train.seed(PACKAGE, await packageOf(80));
    const { facts } = await train.runPhase();

    const held = Array.from({ length: 40 }, (_, index) => tellingDay(80 + index));
    const right = held.filter(({ x, y }) => x >= 0.5 === (y === 'yes')).length;
    expect(facts).toMatchObject({
      'held-out-rows': 40,
      'metric.accuracy': right / 40,
      'success-met': true,
      'beats-baseline': true,
      'leakage-free': true,
    });
    expect(await textOf(train, REPORT)).toContain('All 2 success criteria are met on 40 held-out rows');
    expect(await textOf(train, REPORT)).toContain(
      'fitted again on rows 1 to 80 alone, its recipe gives the same model to the last digit; it is judged by rows 81 to 120, which come later in time',
    );
    await expect(textOf(train, 'delivery/retrain/performance-comparison.md')).rejects.toThrow('ENOENT');
  });

  it('finds out a model that learned from held-out rows', async () => {
    const train = await trainOf(tellingDay);
    await train.seed(PACKAGE, await packageOf(81));
    const { facts } = await train.runPhase();

    expect(facts).toMatchObject({ 'success-met': true, 'leakage-free': false });
    expect(await textOf(train, REPORT)).toContain(
      'Leakage: The model has not learned from held-out rows does not hold (fitted again on rows 1 to 80 alone, its recipe gives another model',
    );
  });

  it('says which criterion is not met, and by what', async () => {
    const train = await trainOf(tellingDay, { success: [{ metric: 'accuracy', atLeast: 0.99 }] });
    await train.seed(PACKAGE, await packageWith(4));
    const { facts } = await train.runPhase();

    expect(facts).toMatchObject({ 'success-met': false, 'beats-baseline': true });
    expect(await textOf(train, REPORT)).toMatch(/Not met: accuracy at least 0\.99; measured 0\.8\d*\./);
    expect(await textOf(train, REPORT)).toMatch(/\| accuracy at least 0\.99 \| 0\.8\d* \| 0\.99 \| not met \|/);
  });

  it('can not call a model good where there is one outcome only', async () => {
    const train = await trainOf((index) => ({ ...tellingDay(index), ...(index >= 80 && index < 120 && { y: 'no' }) }));
    await train.seed(PACKAGE, await packageWith(4));
    const { facts } = await train.runPhase();

    expect(facts).toMatchObject({
      'success-met': false,
      'beats-baseline': false,
      'metric.accuracy': expect.any(Number),
    });
    expect(Object.keys(facts)).not.toContain('metric.roc-auc');
    expect(await textOf(train, REPORT)).toContain('it can not be measured, because these rows have one outcome only');
    expect(await textOf(train, REPORT)).not.toMatch(/NaN|null|n\/a/);
  });

  it('finds the answer among the features, and a column that must not be used', async () => {
    const train = await trainOf(tellingDay, { data: { exclude: ['x'] } });
    await train.seed(PACKAGE, await packageWith(8, 'y'));
    const { facts } = await train.runPhase();
    expect(facts).toMatchObject({ 'success-met': true, 'leakage-free': false });
    expect(await textOf(train, REPORT)).toContain(
      'Leakage: No single feature is the answer in disguise does not hold (the strongest feature, y_is_yes, alone reaches a ROC AUC of 1.000)',
    );

    await train.seed(PACKAGE, await packageWith(4));
    expect((await train.run('check-leakage')).answer).toContainEqual({
      check: 'No excluded column is used',
      passed: false,
      found: 'used: x',
    });
  });

  it('finds a feature that looks ahead', async () => {
    const train = await trainOf(tellingDay);
    const ahead = { name: 'x_next', column: 'x', kind: 'value', lag: -1, fill: 0, mean: 0, scale: 1 } as const;
    const recipe = { task: 'classification', family: 'logistic-regression', params: { l2: 1 }, seed: 1 } as const;
    const config: FeatureConfig = { columns: [{ name: 'x', kind: 'number' }], features: [ahead] };
    const model: Model = { family: 'logistic-regression', weights: [1], bias: 0 };
    await train.seed(PACKAGE, await packInferencePackage({ version: '1', recipe, data: '', config, model }));
    const { answer, facts } = await train.run('check-leakage');
    expect(facts).toMatchObject({ 'leakage-free': false });
    expect(answer).toContainEqual({
      check: 'No feature looks at a later row',
      passed: false,
      found: '5 held-out rows were computed again without any row after them: 4 changed',
    });
  });

  it('does without confusion, curve and probabilities where a number is predicted', async () => {
    const train = await trainOf((index) => ({ x: tellingDay(index).x, y: 10 * tellingDay(index).x + (index % 3) }), {
      data: { task: 'regression', positive: undefined },
      success: [
        { metric: 'mae', atMost: 3 },
        { metric: 'r2', betterThanBaselineBy: 0.5 },
      ],
      baseline: 'mean',
    });
    await train.seed(PACKAGE, await packageWith(10, 'x', 'regression'));
    expect((await train.run('recompute-metrics')).answer).toMatchObject({ confusion: null, curve: [] });
    await train.runPhase();
    const report = await textOf(train, REPORT);
    expect(report).toMatch(/Not met: mean absolute error at most 3; measured 6\.\d+\./);
    expect(report).not.toMatch(/ROC|F1|log loss|probabilit/);
  });
});

describe('the challenger', () => {
  const lapOf = async (champion: number, challenger: number, dayAt = tellingDay) => {
    const train = await trainOf(dayAt);
    await train.seed(PACKAGE, await packageWith(champion), 1);
    await train.seed(PACKAGE, await packageWith(challenger), 2);
    train.seedFacts('deployment', { 'model-cycle': 1, version: '1-old', address: 'http://127.0.0.1:1' });
    return train.at('validation', { cycle: 2 });
  };
  const COMPARISON = 'delivery/retrain/performance-comparison.md';

  it.each([
    ['replaces a worse champion', -4, 4, true, 'replaces the champion', 'so the difference is hardly chance'],
    ['leaves a better one in place', 4, -4, false, 'The champion stays', 'so the difference is hardly chance'],
    ['leaves an equal one in place', 4, 4, false, 'The champion stays', 'these rows do not settle'],
  ])('%s', async (_, champion, challenger, better, decision, certainty) => {
    const train = await lapOf(champion, challenger);
    const { facts } = await train.runPhase();
    expect(facts['challenger-better']).toBe(better);
    expect(Number(facts['challenger-metric']) > Number(facts['champion-metric'])).toBe(better);
    expect(facts['challenger-metric']).toBe(facts['metric.roc-auc']);
    const comparison = await textOf(train, COMPARISON);
    expect(comparison).toContain('The challenger of cycle 2 and the champion of cycle 1');
    expect(comparison).toContain('on the same 20 rows');
    expect(comparison).toContain(decision);
    expect(comparison).toContain(certainty);
  });

  it('is held against the baseline where validation had sent back what came before', async () => {
    const train = await trainOf(tellingDay, { baseline: 'majority' });
    await train.seed(PACKAGE, await packageWith(4), 2);
    const lap = await train.at('validation', { cycle: 2 });
    const { facts } = await lap.runPhase();
    expect(facts).toMatchObject({ 'champion-cycle': 0, 'success-met': true, 'beats-baseline': true });
    expect(facts).not.toHaveProperty('challenger-better');
    const comparison = await textOf(lap, COMPARISON);
    expect(comparison).toContain(
      'and the most frequent class, because no model was deployed before, on the same 20 rows',
    );
    expect(comparison).toContain('| metric | challenger | majority |');
    expect(await textOf(lap, REPORT)).toContain('There is none yet: no model was deployed');
  });

  it('is not compared where the rows can not tell', async () => {
    const train = await lapOf(4, 4, (index) => ({ ...tellingDay(index), ...(index >= 140 && { y: 'no' }) }));
    await train.run('recompute-metrics');
    await expect(train.run('compare-with-champion')).rejects.toThrow(
      'permanent): the 20 rows to compare on have one outcome only',
    );
  });
});

describe('evaluation', () => {
  it('adds a line to the log in each cycle, and keeps those before', async () => {
    const first = await (await trainOf(tellingDay)).at('evaluation');
    await first.seed(PACKAGE, await packageWith(4), 1);
    first.seedFacts('deployment', { 'model-cycle': 1, version: '1-first', address: 'http://127.0.0.1:1' });
    first.seedFacts('validation', { 'metric.roc-auc': 0.81 });
    first.seedFacts('monitoring', { 'later.roc-auc': 0.7951 });
    expect((await first.run('log-champion')).facts).toEqual({ champion: '1-first' });

    first.seedFacts('validation', {
      ...{ 'challenger-better': false, 'champion-metric': 0.77, 'challenger-metric': 0.75, 'metric.roc-auc': 0.75 },
    });
    first.seedFacts('monitoring', {});
    const second = await first.at('evaluation', { cycle: 2 });
    await second.run('log-champion');
    const log = await textOf(second, 'delivery/evaluation/champion-log.md');
    expect(log).toContain('Version **1-first**, trained in cycle 1, serves at http://127.0.0.1:1.');
    expect(log).toContain(
      '| 1 | 1-first | 0.8100 | 0.7951 | first champion |\n| 2 | 1-first | 0.7700 | – | champion kept |',
    );
  });

  it.each([
    [
      'better',
      4,
      /the model decided better than the most frequent class \d+ times .*: (\d+) better decisions in total/,
    ],
    ['worse', -4, /the model decided better than the most frequent class \d+ times .*: (\d+) worse decisions in total/],
  ])('counts decisions, and money only as far as they go: a %s model', async (_, weight, sentence) => {
    const train = await (await trainOf(tellingDay, { baseline: 'majority' })).at('evaluation');
    await train.seed(PACKAGE, await packageWith(weight), 1);
    train.seedFacts('deployment', { 'model-cycle': 1 });
    const { facts } = await train.run('assess-impact');

    const days = Array.from({ length: DAYS }, (__, index) => tellingDay(index));
    const yes = days.slice(0, 80).filter(({ y }) => y === 'yes').length;
    const said = yes > 40 ? 'yes' : 'no';
    const later = days.slice(120);
    const right = later.filter(({ x, y }) => (weight > 0 === x >= 0.5) === (y === 'yes')).length;
    const net = right - later.filter(({ y }) => y === said).length;
    expect(facts).toEqual({ decisions: 40, 'net-better-decisions': net });
    const impact = await textOf(train, 'delivery/evaluation/business-impact.md');
    expect(sentence.exec(impact)?.[1]).toBe(String(Math.abs(net)));
    expect(impact).toContain(`= USD ${net * 120}.00 over these rows`.replace(/(\d)(\d{3})\./, '$1,$2.'));
  });
});

it('sells no closer number as a correct decision', async () => {
  const numbers = { task: 'regression', positive: undefined } as const;
  const dayOfNumbers = (index: number) => ({ x: tellingDay(index).x, y: 10 * tellingDay(index).x - 5 });
  const change = { data: numbers, success: [{ metric: 'mae', atMost: 3 }], baseline: 'mean' } as const;
  const train = await (await trainOf(dayOfNumbers, { ...change, success: [...change.success] })).at('evaluation');
  await train.seed(PACKAGE, await packageWith(10, 'x', 'regression'), 1);
  train.seedFacts('deployment', { 'model-cycle': 1 });
  await train.run('assess-impact');
  const impact = await textOf(train, 'delivery/evaluation/business-impact.md');
  expect(impact).toMatch(/came closer than the mean of the training rows \d+ times .* closer answers in total/);
  expect(impact).toContain('for the client to say; nobody measured it');
  expect(impact).not.toContain('correct decision at');
});

it('looks at the parts of the rows, never at those of the answer', async () => {
  const success: Charter['success'] = [{ metric: 'accuracy', atLeast: 0.5 }];
  const train = await trainOf(tellingDay, { success, data: { split: [0.25, 0.5, 0.25] } });
  await train.seed(PACKAGE, await packageWith(4));
  await train.run('recompute-metrics');
  const { answer } = await train.run('check-slices');
  expect(answer).toMatchObject([{ slice: 'quarter 1' }]);
});

describe('criteria', () => {
  it.each<[string, Charter['success'][number], boolean]>([
    ['at least, met', { metric: 'roc-auc', atLeast: 0.8 }, true],
    ['at least, missed', { metric: 'roc-auc', atLeast: 0.81 }, false],
    ['at most, met', { metric: 'log-loss', atMost: 0.5 }, true],
    ['at most, missed', { metric: 'log-loss', atMost: 0.4 }, false],
    ['more is better', { metric: 'roc-auc', betterThanBaselineBy: 0.1 }, true],
    ['less is better', { metric: 'log-loss', betterThanBaselineBy: 0.2 }, true],
    ['not better by so much', { metric: 'log-loss', betterThanBaselineBy: 0.3 }, false],
    ['not measured', { metric: 'f1', atLeast: 0 }, false],
    ['baseline not measured', { metric: 'f1', betterThanBaselineBy: -1 }, false],
  ])('%s', (_, criterion, met) => {
    const [result] = checkSuccess(
      [criterion],
      { 'roc-auc': 0.8, 'log-loss': 0.5 },
      { 'roc-auc': 0.5, 'log-loss': 0.75 },
      'majority',
    );
    expect(result!.met).toBe(met);
  });
});
