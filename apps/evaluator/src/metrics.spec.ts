import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  calibration,
  calibrationError,
  classificationMetrics,
  confusion,
  gain,
  regressionMetrics,
  rocAuc,
  rocCurve,
} from './metrics.ts';

const truth = [0, 0, 1, 1];
const score = [0.1, 0.4, 0.35, 0.8];

it('gives the textbook values', () => {
  expect(rocAuc(truth, score)).toBe(0.75);
  expect(confusion(truth, score)).toEqual({ truePositives: 1, falsePositives: 0, trueNegatives: 2, falseNegatives: 1 });
  const metrics = classificationMetrics(truth, score);
  expect(metrics['accuracy']).toBe(0.75);
  expect(metrics['f1']).toBeCloseTo(2 / 3);
  expect(metrics['brier']).toBeCloseTo((0.01 + 0.16 + 0.4225 + 0.04) / 4);
  expect(metrics['log-loss']).toBeCloseTo(-(Math.log(0.9) + Math.log(0.6) + Math.log(0.35) + Math.log(0.8)) / 4);
  expect(regressionMetrics([3, -0.5, 2, 7], [2.5, 0, 2, 8])).toEqual({
    mae: 0.5,
    rmse: Math.sqrt(0.375),
    r2: expect.closeTo(0.9486, 4),
  });
});

it('calls a model calibrated when it says how often, and measures how far it is off otherwise', () => {
  expect(calibrationError(calibration([0, 1], [0.5, 0.5]))).toBe(0);
  expect(calibrationError(calibration([1, 1, 0, 0], [0.9, 0.9, 0.9, 0.9]))).toBeCloseTo(0.4);
});

it('says which way is better', () => {
  expect(gain('roc-auc', 0.8, 0.7)).toBeCloseTo(0.1);
  expect(gain('rmse', 2, 3)).toBe(1);
});

const cases = fc
  .array(fc.tuple(fc.constantFrom(0, 1), fc.double({ min: 0, max: 1, noNaN: true })), { minLength: 4, maxLength: 60 })
  .filter((rows) => rows.some(([y]) => y === 0) && rows.some(([y]) => y === 1))
  .map((rows) => ({ truth: rows.map(([y]) => y), score: rows.map(([, p]) => p) }));

it('has an area under the curve that is the area under the curve', () => {
  fc.assert(
    fc.property(cases, ({ truth, score }) => {
      const points = rocCurve(truth, score);
      const area = points
        .slice(1)
        .reduce((sum, [x, y], at) => sum + ((x - points[at]![0]) * (y + points[at]![1])) / 2, 0);
      expect(rocAuc(truth, score)).toBeCloseTo(area);
      expect(points.at(-1)).toEqual([1, 1]);
    }),
  );
});

it('turns round when the scores do', () => {
  fc.assert(
    fc.property(cases, ({ truth, score }) => {
      expect(
        rocAuc(
          truth,
          score.map((value) => -value),
        ),
      ).toBeCloseTo(1 - rocAuc(truth, score));
    }),
  );
});
