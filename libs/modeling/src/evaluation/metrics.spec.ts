import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { baselineOf } from './baseline.ts';
import { driftOf, numberDrift, stabilityIndex } from './drift.ts';
import { calibration, evaluate, rocAuc } from './metrics.ts';

it('scores probabilities as worked out by hand', () => {
  // Pairs of a yes and a no: 0.9 beats 0.6 and 0.1; 0.4 beats 0.1 and loses to 0.6. Three of four.
  const scores = evaluate('classification', [1, 0, 1, 0], [0.9, 0.6, 0.4, 0.1]);
  expect(scores['roc-auc']).toBe(0.75);
  expect(scores.accuracy).toBe(0.5);
  expect(scores.f1).toBe(0.5);
  expect(scores.brier).toBeCloseTo((0.01 + 0.36 + 0.36 + 0.01) / 4, 12);
  expect(scores['log-loss']).toBeCloseTo(-(Math.log(0.9) + Math.log(0.4) + Math.log(0.4) + Math.log(0.9)) / 4, 12);
});

it('scores numbers as worked out by hand', () => {
  const scores = evaluate('regression', [1, 2, 3], [1, 3, 5]);
  expect(scores.mae).toBe(1);
  expect(scores.rmse).toBeCloseTo(Math.sqrt(5 / 3), 12);
  expect(scores.r2).toBeCloseTo(1 - 5 / 2, 12);
});

it('leaves out what the rows do not define', () => {
  expect(evaluate('classification', [1, 1], [0.2, 0.9])).not.toHaveProperty('roc-auc');
  expect(evaluate('regression', [2, 2], [1, 3])).not.toHaveProperty('r2');
  expect(evaluate('regression', [], [])).toEqual({});
});

it('counts ties half, and a certain error as dear but finite', () => {
  expect(rocAuc([1, 0, 1, 0], [0.5, 0.5, 0.5, 0.5])).toBe(0.5);
  expect(evaluate('classification', [1], [0])['log-loss']).toBeCloseTo(-Math.log(1e-15), 6);
});

const judged = fc
  .array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 40 })), { minLength: 2, maxLength: 60 })
  .map((pairs) => ({ y: pairs.map(([yes]) => Number(yes)), p: pairs.map(([, score]) => score / 40) }))
  .filter(({ y }) => new Set(y).size === 2);

it('knows that only the order of scores matters to ROC AUC, and that the opposite mirrors it', () => {
  fc.assert(
    fc.property(judged, ({ y, p }) => {
      const auc = rocAuc(y, p)!;
      expect(
        rocAuc(
          y,
          p.map((value) => Math.exp(3 * value) - 7),
        ),
      ).toBeCloseTo(auc, 12);
      expect(
        rocAuc(
          y,
          p.map((value) => -value),
        ),
      ).toBeCloseTo(1 - auc, 12);
      expect(
        rocAuc(
          y.map((value) => 1 - value),
          p,
        ),
      ).toBeCloseTo(1 - auc, 12);
    }),
  );
});

it('agrees with the count of pairs', () => {
  fc.assert(
    fc.property(judged, ({ y, p }) => {
      const of = (outcome: number) => p.filter((_, row) => y[row] === outcome);
      const wins = of(1).flatMap((yes) => of(0).map((no) => (yes > no ? 1 : yes === no ? 0.5 : 0)));
      expect(rocAuc(y, p)).toBeCloseTo(wins.reduce<number>((sum, win) => sum + win, 0) / wins.length, 12);
    }),
  );
});

it('compares predicted with observed by bin', () => {
  const { bins, error } = calibration([0, 1, 1, 1], [0.12, 0.18, 0.95, 1]);
  expect(bins).toEqual([
    { from: 0.1, to: 0.2, rows: 2, predicted: expect.closeTo(0.15, 12), observed: 0.5 },
    { from: 0.9, to: 1, rows: 2, predicted: expect.closeTo(0.975, 12), observed: 1 },
  ]);
  expect(error).toBeCloseTo((0.35 + 0.025) / 2, 12);
});

it('gives baselines from what was known at the time', () => {
  const dataset = { columns: [], rows: [], target: [1, 0, 0, 1, null, 1, 0], order: 'time' } as const;
  expect(baselineOf('majority', dataset, [0, 4], [4, 6], 1)).toEqual([1, 1]);
  expect(baselineOf('mean', dataset, [0, 4], [4, 6], 1)).toEqual([0.5, 0.5]);
  // Row 4 knows the outcome of row 3; row 5 does not know that of row 4.
  expect(baselineOf('persistence', dataset, [0, 4], [4, 7], 1)).toEqual([1, 0.5, 1]);
  expect(baselineOf('persistence', dataset, [0, 4], [4, 5], 2)).toEqual([0]);
  expect(() => baselineOf('persistence', { ...dataset, order: 'stratified' }, [0, 4], [4, 5], 0)).toThrow(
    /without a time column; set baseline to majority or mean/,
  );
});

it('measures the stability index as worked out by hand', () => {
  const byHand = (0.6 - 0.5) * Math.log(0.6 / 0.5) + (0.4 - 0.5) * Math.log(0.4 / 0.5);
  expect(stabilityIndex([50, 50], [60, 40])).toBeCloseTo(byHand, 12);
  const numbers = Array.from({ length: 1000 }, (_, index) => index);
  expect(numberDrift(numbers, numbers)).toBe(0);
  expect(
    numberDrift(
      numbers,
      numbers.map((value) => value + 500),
    ),
  ).toBeGreaterThan(0.25);
});

it('says of each column whether it moved, what is missing, and what was never seen', () => {
  const columns = [
    { name: 'day', kind: 'time' },
    { name: 'heat', kind: 'number' },
    { name: 'sky', kind: 'category' },
  ] as const;
  const before = Array.from({ length: 100 }, (_, row) => ({ day: '2020-01-01', heat: row, sky: 'sun' }));
  const after = before.map((row, index) => ({
    ...row,
    heat: index === 0 ? null : row.heat + 10,
    sky: index < 50 ? 'fog' : 'sun',
  }));
  const [heat, sky] = driftOf(columns, before, after);
  expect(heat).toMatchObject({ column: 'heat', missing: [0, 0.01], unseen: 10 / 99 });
  expect(sky).toMatchObject({ column: 'sky', reading: 'shifted', unseen: 0.5 });
  expect(driftOf(columns, before, before).map(({ reading }) => reading)).toEqual(['stable', 'stable']);
});
