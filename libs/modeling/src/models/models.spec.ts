import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readFile } from 'node:fs/promises';
import { evaluate, rocAuc } from '../evaluation/metrics.ts';
import { importanceOf } from '../evaluation/importance.ts';
import type { Dataset } from '../data/load.ts';
import { lookback, predict, transform, type FeatureRule, type Model, type Row } from '../inference.ts';
import { randomOf } from '../random.ts';
import { drawParams, familiesOf, fit, GRID } from './families.ts';
import { fitFeatures, planFeatures } from './features.ts';
import { searchModels } from './search.ts';
import { learnedRows, planSearch } from './search-plan.ts';

const columns = [
  { name: 'day', kind: 'time' },
  { name: 'heat', kind: 'number' },
  { name: 'sky', kind: 'category' },
] as const;

const rules: FeatureRule[] = [
  { name: 'heat', column: 'heat', kind: 'value', lag: 0 },
  { name: 'heat_lag_2', column: 'heat', kind: 'value', lag: 2 },
  { name: 'heat_mean_3', column: 'heat', kind: 'rolling-mean', rows: 3 },
  { name: 'heat_missing', column: 'heat', kind: 'missing' },
  { name: 'sky_is_sun', column: 'sky', kind: 'one-hot', is: 'sun', lag: 1 },
  { name: 'day_year_sin', column: 'day', kind: 'calendar', cycle: 'year', wave: 'sin' },
];

const rowAt = (index: number, heat: number | null, sky: string | null): Row => ({
  day: new Date(Date.UTC(2020, 0, 1 + index)).toISOString().slice(0, 10),
  heat,
  sky,
});

const series = fc
  .array(fc.tuple(fc.option(fc.integer({ min: -50, max: 50 })), fc.option(fc.constantFrom('sun', 'rain'))), {
    minLength: 8,
    maxLength: 30,
  })
  .map((values) => values.map(([heat, sky], index) => rowAt(index, heat, sky)));

const datasetOf = (rows: readonly Row[], target: readonly (number | null)[]): Dataset => ({
  columns,
  rows,
  target,
  order: 'time',
});

it('makes features as worked out by hand', () => {
  const rows = [rowAt(0, 1, 'sun'), rowAt(1, 3, 'rain'), rowAt(2, null, 'sun'), rowAt(3, 8, null)];
  const config = {
    columns,
    features: rules.map((rule) => ({ ...rule, fill: -1, mean: 0, scale: 1 })),
  };
  expect(transform(config, rows).map((line) => line.slice(0, 5))).toEqual([
    [1, -1, -1, 0, -1],
    [3, -1, -1, 0, 1],
    [-1, 1, 2, 1, 0],
    [8, 3, 5.5, 0, 1],
  ]);
  const spring = transform(config, [rowAt(91, 0, 'sun')])[0]![5]!;
  expect(spring).toBeGreaterThan(0.99);
});

it('never lets a later row change an earlier feature', () => {
  fc.assert(
    fc.property(series, fc.nat(), fc.integer(), (rows, place, heat) => {
      const config = fitFeatures(rules, datasetOf(rows, []), [0, rows.length]);
      const changed = place % rows.length;
      const before = transform(config, rows);
      const after = transform(config, rows.with(changed, { ...rows[changed]!, heat, sky: 'rain' }));
      expect(after.slice(0, changed)).toEqual(before.slice(0, changed));
    }),
  );
});

it('makes the same features of a row from its whole past and from as much as it looks back on', () => {
  fc.assert(
    fc.property(series, (rows) => {
      const config = fitFeatures(rules, datasetOf(rows, []), [0, rows.length]);
      const back = lookback(config);
      const whole = transform(config, rows);
      for (let row = back; row < rows.length; row += 1) {
        expect(transform(config, rows.slice(row - back, row + 1)).at(-1)).toEqual(whole[row]);
      }
    }),
  );
});

it('fits features on the training rows only', () => {
  fc.assert(
    fc.property(series, (rows) => {
      const half = Math.ceil(rows.length / 2);
      const shaken = rows.map((row, index) => (index < half ? row : { ...row, heat: 1000, sky: 'fog' }));
      const dataset = datasetOf(rows, []);
      expect(fitFeatures(rules, datasetOf(shaken, []), [0, half])).toEqual(fitFeatures(rules, dataset, [0, half]));
    }),
  );
});

it('leaves the column that holds the answer out, unless the answer lies ahead', () => {
  const rows = Array.from({ length: 120 }, (_, index) => rowAt(index, (index * 7) % 31, index % 3 ? 'sun' : 'rain'));
  const dataset = datasetOf(rows, []);
  const data = {
    file: 'x.csv',
    description: 'x',
    owner: 'x',
    licence: 'x',
    task: 'regression',
    exclude: [],
    split: [2, 1, 1],
  } as const;
  const planned = (target: { column: string; ahead: number }) =>
    planFeatures(dataset, { ...data, exclude: [], split: [2, 1, 1], time: 'day', target }, [0, 60]).map(
      ({ name }) => name,
    );
  expect(planned({ column: 'heat', ahead: 0 })).toEqual(['day_week_sin', 'day_week_cos', 'sky_is_sun', 'sky_is_rain']);
  expect(planned({ column: 'heat', ahead: 1 })).toContain('heat_lag_1');
});

/** Two features that decide, one that does not. */
const puzzle = (count: number, seed: number) => {
  const random = randomOf(seed);
  const x = Array.from({ length: count }, () => [random() * 2 - 1, random() * 2 - 1, random() * 2 - 1]);
  const score = x.map(([a, b]) => 2 * a! - b! + (random() - 0.5));
  return { x, yes: score.map((value) => Number(value > 0)), score };
};

const known = puzzle(400, 1);
const fresh = puzzle(200, 2);

it.each(familiesOf('classification'))(
  '%s learns a yes-or-no rule, the same for the same seed, and survives JSON',
  (family) => {
    const recipe = {
      task: 'classification',
      family,
      params: drawParams(family, GRID[family], 1, 5)[0]!,
      seed: 9,
    } as const;
    const model = fit(recipe, known.x, known.yes);
    const p = predict(model, fresh.x);
    expect(rocAuc(fresh.yes, p)).toBeGreaterThan(0.9);
    expect(p.every((value) => value >= 0 && value <= 1)).toBe(true);
    expect(fit(recipe, known.x, known.yes)).toEqual(model);
    expect(predict(JSON.parse(JSON.stringify(model)) as Model, fresh.x)).toEqual(p);
  },
);

it.each(familiesOf('regression'))('%s learns a number', (family) => {
  const recipe = { task: 'regression', family, params: drawParams(family, GRID[family], 1, 5)[0]!, seed: 9 } as const;
  expect(evaluate('regression', fresh.score, predict(fit(recipe, known.x, known.score), fresh.x)).r2).toBeGreaterThan(
    0.7,
  );
});

it('finds the least squares line, and the odds of a table', () => {
  const line = fit(
    { task: 'regression', family: 'ridge-regression', params: { l2: 0 }, seed: 0 },
    [[0], [1], [2]],
    [1, 3, 5],
  );
  expect(line).toMatchObject({ weights: [expect.closeTo(2, 9)], bias: expect.closeTo(1, 9) });
  // One of four says yes where x is 0, three of four where it is 1: log-odds of -ln 3 and ln 3.
  const x = [0, 0, 0, 0, 1, 1, 1, 1].map((value) => [value]);
  const odds = fit(
    { task: 'classification', family: 'logistic-regression', params: { l2: 0 }, seed: 0 },
    x,
    [0, 0, 0, 1, 1, 1, 1, 0],
  );
  expect(odds).toMatchObject({ weights: [expect.closeTo(2 * Math.log(3), 6)], bias: expect.closeTo(-Math.log(3), 6) });
});

it('splits a tree where the outcome changes', () => {
  const params = { trees: 1, depth: 1, leafRows: 1, features: 1 };
  const x = Array.from({ length: 40 }, (_, row) => [row < 20 ? 1 : 2]);
  const y = x.map(([value]) => (value === 1 ? 10 : 20));
  expect(predict(fit({ task: 'regression', family: 'random-forest', params, seed: 1 }, x, y), [[1.4], [1.6]])).toEqual([
    10, 20,
  ]);
});

it('finds the feature that matters', () => {
  const model = fit(
    { task: 'classification', family: 'logistic-regression', params: { l2: 1 }, seed: 1 },
    known.x,
    known.yes,
  );
  const features = ['a', 'b', 'c'].map(
    (column) => ({ name: column, column, kind: 'value', lag: 0, fill: 0, mean: 0, scale: 1 }) as const,
  );
  const losses = importanceOf(
    model,
    { columns: [], features },
    { x: fresh.x, y: fresh.yes },
    { task: 'classification', metric: 'roc-auc', seed: 3 },
  );
  expect(losses.map(({ column }) => column)).toEqual(['a', 'b', 'c']);
  expect(losses[2]!.loss).toBeLessThan(0.01);
});

it('searches without looking beyond the training rows, and finds the same again', () => {
  const rows = Array.from({ length: 160 }, (_, index) => rowAt(index, (index * 7919) % 31, index % 3 ? 'sun' : 'rain'));
  const target = rows.map((_, index) =>
    index + 1 < rows.length ? Number(Number(rows[index + 1]!['heat']) > 15) : null,
  );
  const options = {
    task: 'classification',
    metric: 'roc-auc',
    seed: 4,
    baseline: 'persistence',
    ahead: 1,
    plan: planSearch('time', [0, 120], 'classification', rules.length, 1),
  } as const;
  const scores = (dataset: Dataset) => {
    const { runs, baseline } = searchModels(dataset, rules, options);
    return { baseline, runs: runs.map(({ recipe, mean }) => ({ recipe, mean })) };
  };
  const first = scores(datasetOf(rows, target));
  const shaken = rows.map((row, index) => (index < 120 ? row : { ...row, heat: 0 }));
  expect(scores(datasetOf(shaken, target.with(130, 1)))).toEqual(first);
  expect(first.runs.map(({ mean }) => mean)).toEqual(first.runs.map(({ mean }) => mean).sort((a, b) => b - a));
  expect(new Set(first.runs.map(({ recipe }) => recipe.family)).size).toBe(4);
});

it('plans folds that never learn from what they are judged by, and leaves out what so few rows do not bear', () => {
  for (const order of ['time', 'stratified'] as const) {
    const { folds } = planSearch(order, [10, 110], 'classification', 3);
    for (const { learn, judge } of folds) {
      expect(judge[1]).toBeGreaterThan(judge[0]);
      for (const [from, to] of learn)
        expect(order === 'time' ? to <= judge[0] : to <= judge[0] || from >= judge[1]).toBe(true);
    }
    const judged = folds.map(({ judge }) => judge);
    expect([judged[0]![0], judged.at(-1)![1]]).toEqual([order === 'time' ? 50 : 10, 110]);
  }
  const { families, folds } = planSearch('time', [0, 100], 'regression', 3);
  expect(learnedRows(folds)).toBe(40);
  const spaceOf = (name: string) => families.find(({ family }) => family === name)!;
  expect(spaceOf('random-forest').space).toMatchObject({ depth: [4], features: [0.35, 0.6] });
  expect(spaceOf('random-forest').leftOut).toMatchObject([
    { parameter: 'depth', values: [6, 8, 10], because: 'deeper trees have more leaves than 40 rows can fill' },
    { parameter: 'features', values: [0.2] },
  ]);
  expect(spaceOf('nearest-neighbours')).toMatchObject({ space: { k: [5] }, runs: 1 });
  expect(spaceOf('ridge-regression')).toMatchObject({ leftOut: [], runs: 6 });
});

it('follows its plan: these families, these settings, and no more of one that is hopeless', () => {
  const rows = Array.from({ length: 120 }, (_, index) => rowAt(index, (index * 7919) % 31, index % 3 ? 'sun' : 'rain'));
  // Persistence is nearly never wrong here.
  const target = rows.map((_, index) => Number(index % 40 < 20));
  const plan = planSearch('time', [0, 120], 'classification', rules.length);
  const forest = plan.families.find(({ family }) => family === 'random-forest')!;
  const narrow = { ...plan, families: [{ ...forest, space: { ...forest.space, trees: [60], depth: [4] } }] };
  const options = { task: 'classification', metric: 'accuracy', seed: 4, baseline: 'persistence', ahead: 1 } as const;
  const { runs } = searchModels(datasetOf(rows, target), rules, { ...options, plan: narrow });
  expect(
    new Set(runs.map(({ recipe }) => `${recipe.family} ${recipe.params['trees']} ${recipe.params['depth']}`)),
  ).toEqual(new Set(['random-forest 60 4']));
  expect(runs).toHaveLength(plan.hopelessAfter);
  expect(() => searchModels(datasetOf(rows, target), rules, { ...options, plan: { ...plan, families: [] } })).toThrow(
    'plan at least one',
  );
});

it('imports nothing where predictions are made, so that the file can be served alone', async () => {
  const source = await readFile(`${import.meta.dirname}/../inference.ts`, 'utf8');
  expect(source).not.toMatch(/^\s*(import|export .* from)\b/m);
});
