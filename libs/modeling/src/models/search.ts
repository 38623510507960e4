import type { Dataset } from '../data/load.ts';
import type { RowRange } from '../data/split.ts';
import { baselineOf, type Baseline } from '../evaluation/baseline.ts';
import { evaluate, higherIsBetter, type Metric, type Task } from '../evaluation/metrics.ts';
import { predict, type FeatureRule } from '../inference.ts';
import { drawParams, familiesOf, fit, type Recipe } from './families.ts';
import { examplesOf, fitFeatures, type Examples } from './features.ts';

const FOLDS = 4;
/** The folds share at most this many rows, the last ones, so that a search on much data ends in the same time. */
export const SEARCH_ROWS_MAX = 3_000;

/** One setting, tried on every fold. */
export interface Run {
  readonly id: string;
  readonly recipe: Recipe;
  /** By fold. */
  readonly scores: readonly number[];
  readonly mean: number;
  readonly deviation: number;
  readonly durationMs: number;
}

export interface Search {
  readonly metric: Metric;
  /** The best first. */
  readonly runs: readonly [Run, ...Run[]];
  /** What the baseline scores on the same folds. */
  readonly baseline: number;
}

export interface SearchOptions {
  readonly task: Task;
  readonly metric: Metric;
  readonly seed: number;
  readonly baseline: Baseline;
  /** Rows that the target lies ahead, for the baseline of persistence. */
  readonly ahead: number;
  /** Settings tried of each family. */
  readonly runsPerFamily?: number;
}

/**
 * Tries settings of every family inside the training rows. In order of time each fold is judged on rows later than
 * those it learned from; without time folds are parts of the stratified rows. Features are fitted anew for each fold.
 */
export const searchModels = (
  dataset: Dataset,
  rules: readonly FeatureRule[],
  training: RowRange,
  { task, metric, seed, baseline, ahead, runsPerFamily = 6 }: SearchOptions,
): Search => {
  const folds =
    dataset.order === 'time' ? foldsInTime(dataset, rules, training) : foldsAcross(dataset, rules, training);
  const scoresOf = (predictions: (fold: Fold) => readonly number[]): number[] => {
    const scores: number[] = [];
    for (const fold of folds) {
      const score = evaluate(task, fold.judge.y, predictions(fold))[metric];
      if (score !== undefined) scores.push(score);
    }
    if (scores.length > 0) return scores;
    throw new Error(`no fold of the training rows defines ${metric}: bring more rows, or judge by another metric`);
  };

  const recipes = familiesOf(task).flatMap((family) =>
    drawParams(family, runsPerFamily, seed).map((params): Recipe => ({ task, family, params, seed })),
  );
  const runs: Run[] = [];
  for (const [index, recipe] of recipes.entries()) {
    const started = performance.now();
    const scores = scoresOf(({ learn, judge }) => predict(fit(recipe, learn.x, learn.y), judge.x));
    const mean = meanOf(scores);
    const deviation = Math.sqrt(meanOf(scores.map((score) => (score - mean) ** 2)));
    const durationMs = Math.round(performance.now() - started);
    runs.push({ id: `run-${String(index + 1).padStart(2, '0')}`, recipe, scores, mean, deviation, durationMs });
  }
  const [best, ...others] = runs.sort((a, b) => (higherIsBetter(metric) ? b.mean - a.mean : a.mean - b.mean));
  const persisted = scoresOf(({ past, from, judge }) => {
    const end = judge.rows.at(-1)! + 1;
    const values = baselineOf(baseline, past, [0, from], [from, end], ahead);
    return judge.rows.map((row) => values[row - from]!);
  });
  return { metric, runs: [best!, ...others], baseline: meanOf(persisted) };
};

const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

interface Fold {
  /** The rows learned from, up to `from`, and those judged, after it. */
  readonly past: Dataset;
  readonly from: number;
  readonly learn: Examples;
  readonly judge: Examples;
}

const foldOf = (past: Dataset, rules: readonly FeatureRule[], from: number, to: number): Fold => {
  const config = fitFeatures(rules, past, [0, from]);
  return { past, from, learn: examplesOf(config, past, [0, from]), judge: examplesOf(config, past, [from, to]) };
};

const lastRows = ([from, to]: RowRange): RowRange => [Math.max(from, to - SEARCH_ROWS_MAX), to];

/** Learns from a growing past, two fifths of the rows at first, and is judged on the rows that follow. */
const foldsInTime = (dataset: Dataset, rules: readonly FeatureRule[], training: RowRange): Fold[] => {
  const rows = reordered(dataset, [lastRows(training)]);
  return Array.from({ length: FOLDS }, (_, fold) => {
    const cut = (place: number): number => Math.round(rows.rows.length * (0.4 + (0.6 * place) / FOLDS));
    return foldOf(rows, rules, cut(fold), cut(fold + 1));
  });
};

/** Every part is judged once, by what the other parts taught. */
const foldsAcross = (dataset: Dataset, rules: readonly FeatureRule[], training: RowRange): Fold[] => {
  const [first, last] = lastRows(training);
  return Array.from({ length: FOLDS }, (_, fold) => {
    const cut = (place: number): number => first + Math.round(((last - first) * place) / FOLDS);
    const [from, to] = [cut(fold), cut(fold + 1)];
    const rows = reordered(dataset, [
      [first, from],
      [to, last],
      [from, to],
    ]);
    return foldOf(rows, rules, rows.rows.length - (to - from), rows.rows.length);
  });
};

const reordered = (dataset: Dataset, ranges: readonly RowRange[]): Dataset => ({
  ...dataset,
  rows: ranges.flatMap((range) => dataset.rows.slice(...range)),
  target: ranges.flatMap((range) => dataset.target.slice(...range)),
});
