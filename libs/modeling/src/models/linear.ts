import { CholeskyDecomposition, Matrix } from 'ml-matrix';
import { predict, type Model } from '../inference.ts';

const ITERATIONS_MAX = 50;
const STEP_MIN = 1e-8;

type Rows = readonly (readonly number[])[];

/** Solves (X'WX + l2) beta = X'Wz, where X begins with a column of ones that is not penalised. */
const weighted = (x: Rows, weights: readonly number[], z: readonly number[], l2: number): number[] => {
  const size = (x[0]?.length ?? 0) + 1;
  const left = Matrix.zeros(size, size);
  const right = Matrix.zeros(size, 1);
  const gram = left.to2DArray();
  const moment = new Array<number>(size).fill(0);
  x.forEach((values, row) => {
    const line = [1, ...values];
    for (let a = 0; a < size; a += 1) {
      const scaled = weights[row]! * line[a]!;
      const into = gram[a]!;
      moment[a]! += scaled * z[row]!;
      for (let b = 0; b <= a; b += 1) into[b]! += scaled * line[b]!;
    }
  });
  for (let a = 0; a < size; a += 1) {
    right.set(a, 0, moment[a]!);
    for (let b = 0; b <= a; b += 1) {
      const value = gram[a]![b]! + (a === b && a > 0 ? l2 : 0);
      left.set(a, b, value);
      left.set(b, a, value);
    }
  }
  return new CholeskyDecomposition(left).solve(right).getColumn(0);
};

/** Least squares with the squared weights, times `l2`, added to the sum of squared errors. */
export const fitRidge = (x: Rows, y: readonly number[], l2: number): Model => {
  const [bias, ...weights] = weighted(
    x,
    y.map(() => 1),
    y,
    l2,
  );
  return { family: 'ridge-regression', weights, bias: bias! };
};

/** Maximum likelihood with half of `l2` times the squared weights as penalty, by Newton's method. */
export const fitLogistic = (x: Rows, y: readonly number[], l2: number): Model => {
  let model = { family: 'logistic-regression', weights: (x[0] ?? []).map(() => 0), bias: 0 } satisfies Model;
  for (let iteration = 0; iteration < ITERATIONS_MAX; iteration += 1) {
    const p = predict(model, x);
    const spread = p.map((value) => Math.max(1e-6, value * (1 - value)));
    const z = x.map((values, row) => {
      const score = values.reduce((sum, value, index) => sum + value * model.weights[index]!, model.bias);
      return score + (y[row]! - p[row]!) / spread[row]!;
    });
    const [bias, ...weights] = weighted(x, spread, z, l2);
    const step = weights.reduce((most, weight, index) => Math.max(most, Math.abs(weight - model.weights[index]!)), 0);
    model = { family: 'logistic-regression', weights, bias: bias! };
    if (step < STEP_MIN) break;
  }
  return model;
};
