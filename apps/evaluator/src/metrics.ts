/*
 * The evaluator's own arithmetic. It shares no code with the lab's on purpose: a mistake in one shows as a difference.
 * Everywhere: `truth` and `score` are parallel; for classification truth is 0 or 1 and a score is the probability of 1.
 */

import type { Charter } from '@vt/value-train';

export type MetricName = Charter['success'][number]['metric'];
/** By metric; one that the rows do not define (ROC AUC of a single class) is absent, never zero. */
export type Metrics = Partial<Readonly<Record<MetricName, number>>>;

const THRESHOLD = 0.5;
/** Keeps log-loss finite where a model was certain and wrong. */
const CERTAINTY = 1e-15;
const BINS = 10;

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const average = (length: number, term: (index: number) => number) => {
  let sum = 0;
  for (let index = 0; index < length; index += 1) sum += term(index);
  return sum / length;
};

/** Share of pairs of a 1 and a 0 in which the 1 has the higher score; ties count half. By rank sums. */
export function rocAuc(truth: readonly number[], score: readonly number[]): number {
  const order = [...truth.keys()].sort((a, b) => score[a]! - score[b]!);
  const positives = truth.filter((value) => value === 1).length;
  const negatives = truth.length - positives;
  let rankSum = 0;
  for (let first = 0; first < order.length;) {
    let end = first + 1;
    while (end < order.length && score[order[end]!] === score[order[first]!]) end += 1;
    const rank = (first + 1 + end) / 2;
    for (let at = first; at < end; at += 1) if (truth[order[at]!] === 1) rankSum += rank;
    first = end;
  }
  return (rankSum - (positives * (positives + 1)) / 2) / (positives * negatives);
}

export interface Confusion {
  readonly truePositives: number;
  readonly falsePositives: number;
  readonly trueNegatives: number;
  readonly falseNegatives: number;
}

export function confusion(truth: readonly number[], score: readonly number[]): Confusion {
  const count = (actual: number, predicted: boolean) =>
    truth.filter((value, index) => value === actual && score[index]! >= THRESHOLD === predicted).length;
  return {
    truePositives: count(1, true),
    falsePositives: count(0, true),
    trueNegatives: count(0, false),
    falseNegatives: count(1, false),
  };
}

export function classificationMetrics(truth: readonly number[], score: readonly number[]): Metrics {
  const { truePositives, falsePositives, trueNegatives, falseNegatives } = confusion(truth, score);
  const harmonic = 2 * truePositives + falsePositives + falseNegatives;
  return defined({
    'roc-auc': rocAuc(truth, score),
    accuracy: (truePositives + trueNegatives) / truth.length,
    f1: harmonic === 0 ? 0 : (2 * truePositives) / harmonic,
    'log-loss': -average(truth.length, (index) => {
      const sure = Math.min(1 - CERTAINTY, Math.max(CERTAINTY, score[index]!));
      return truth[index] === 1 ? Math.log(sure) : Math.log(1 - sure);
    }),
    brier: average(truth.length, (index) => (score[index]! - truth[index]!) ** 2),
  });
}

export function regressionMetrics(truth: readonly number[], score: readonly number[]): Metrics {
  const centre = mean(truth);
  const squared = average(truth.length, (index) => (score[index]! - truth[index]!) ** 2);
  return defined({
    mae: average(truth.length, (index) => Math.abs(score[index]! - truth[index]!)),
    rmse: Math.sqrt(squared),
    r2: 1 - squared / average(truth.length, (index) => (truth[index]! - centre) ** 2),
  });
}

const defined = (metrics: Metrics): Metrics =>
  Object.fromEntries(Object.entries(metrics).filter(([, value]) => Number.isFinite(value)));

/** Metrics of which less is more. */
const LOWER_IS_BETTER: ReadonlySet<MetricName> = new Set(['log-loss', 'brier', 'mae', 'rmse']);

/** How much better `a` is than `b` by a metric, in its own unit; negative when it is worse. */
export const gain = (metric: MetricName, a: number, b: number): number => (LOWER_IS_BETTER.has(metric) ? b - a : a - b);

export interface CalibrationBin {
  readonly rows: number;
  readonly predicted: number;
  readonly observed: number;
}

/** Predicted against observed frequency in ten bins of equal width; bins without rows are left out. */
export function calibration(truth: readonly number[], score: readonly number[]): readonly CalibrationBin[] {
  const bins = Map.groupBy(truth.keys(), (index) => Math.min(BINS - 1, Math.floor(score[index]! * BINS)));
  return [...bins]
    .sort(([a], [b]) => a - b)
    .map(([, rows]) => ({
      rows: rows.length,
      predicted: mean(rows.map((row) => score[row]!)),
      observed: mean(rows.map((row) => truth[row]!)),
    }));
}

/** Mean distance of predicted from observed, weighted by rows. */
export const calibrationError = (bins: readonly CalibrationBin[]): number => {
  const rows = bins.reduce((sum, bin) => sum + bin.rows, 0);
  return bins.reduce((sum, bin) => sum + (bin.rows / rows) * Math.abs(bin.predicted - bin.observed), 0);
};

/** Points of the ROC curve, from (0, 0) to (1, 1), one a distinct score. */
export function rocCurve(truth: readonly number[], score: readonly number[]): readonly (readonly [number, number])[] {
  const order = [...truth.keys()].sort((a, b) => score[b]! - score[a]!);
  const positives = truth.filter((value) => value === 1).length;
  const negatives = truth.length - positives;
  const points: [number, number][] = [[0, 0]];
  let hits = 0;
  let alarms = 0;
  order.forEach((row, at) => {
    if (truth[row] === 1) hits += 1;
    else alarms += 1;
    if (score[row] !== score[order[at + 1] ?? -1]) points.push([alarms / negatives, hits / positives]);
  });
  return points;
}
