import type { Dataset } from '../data/load.ts';
import type { RowRange } from '../data/split.ts';
import { baselineOf, type Baseline } from '../evaluation/baseline.ts';
import { evaluate, higherIsBetter, type Metric, type Task } from '../evaluation/metrics.ts';
import { predict, type FeatureRule } from '../inference.ts';
import { drawParams, fit, type Recipe } from './families.ts';
import { examplesOf, fitFeatures, type Examples } from './features.ts';
import type { Fold, SearchPlan } from './search-plan.ts';

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
  readonly plan: SearchPlan;
}

/** Tries settings of families on folds, as the plan says. Features are fitted anew for each fold. */
export const searchModels = (
  dataset: Dataset,
  rules: readonly FeatureRule[],
  { task, metric, seed, baseline, ahead, plan }: SearchOptions,
): Search => {
  const folds = plan.folds.map((fold) => examplesIn(dataset, rules, fold));
  const scoresOf = (predictions: (fold: FoldExamples) => readonly number[]): number[] => {
    const scores: number[] = [];
    for (const fold of folds) {
      const score = evaluate(task, fold.judge.y, predictions(fold))[metric];
      if (score !== undefined) scores.push(score);
    }
    if (scores.length > 0) return scores;
    throw new Error(`no fold of the training rows defines ${metric}: bring more rows, or judge by another metric`);
  };

  const persisted = meanOf(
    scoresOf(({ past, from, judge }) => {
      const end = judge.rows.at(-1)! + 1;
      const values = baselineOf(baseline, past, [0, from], [from, end], ahead);
      return judge.rows.map((row) => values[row - from]!);
    }),
  );
  const isOutOfReach = ({ mean, deviation }: Run): boolean =>
    higherIsBetter(metric) ? mean + deviation < persisted : mean - deviation > persisted;
  const runs: Run[] = [];
  for (const { family, space, runs: count } of plan.families) {
    const ofFamily: Run[] = [];
    for (const params of drawParams(family, space, count, seed)) {
      const isHopeless = ofFamily.length >= plan.hopelessAfter && ofFamily.every(isOutOfReach);
      if (isHopeless) break;
      const recipe: Recipe = { task, family, params, seed };
      const started = performance.now();
      const scores = scoresOf(({ learn, judge }) => predict(fit(recipe, learn.x, learn.y), judge.x));
      const mean = meanOf(scores);
      const deviation = Math.sqrt(meanOf(scores.map((score) => (score - mean) ** 2)));
      const durationMs = Math.round(performance.now() - started);
      const id = `run-${String(runs.length + ofFamily.length + 1).padStart(2, '0')}`;
      ofFamily.push({ id, recipe, scores, mean, deviation, durationMs });
    }
    runs.push(...ofFamily);
  }
  const [best, ...others] = runs.sort((a, b) => (higherIsBetter(metric) ? b.mean - a.mean : a.mean - b.mean));
  if (!best) throw new Error('the plan has no family: plan at least one');
  return { metric, runs: [best, ...others], baseline: persisted };
};

const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

interface FoldExamples {
  /** The rows learned from, up to `from`, and those judged, after it. */
  readonly past: Dataset;
  readonly from: number;
  readonly learn: Examples;
  readonly judge: Examples;
}

const examplesIn = (dataset: Dataset, rules: readonly FeatureRule[], { learn, judge }: Fold): FoldExamples => {
  const past = rowsOf(dataset, [...learn, judge]);
  const to = past.rows.length;
  const from = to - (judge[1] - judge[0]);
  const config = fitFeatures(rules, past, [0, from]);
  return { past, from, learn: examplesOf(config, past, [0, from]), judge: examplesOf(config, past, [from, to]) };
};

const rowsOf = (dataset: Dataset, ranges: readonly RowRange[]): Dataset => ({
  ...dataset,
  rows: ranges.flatMap((range) => dataset.rows.slice(...range)),
  target: ranges.flatMap((range) => dataset.target.slice(...range)),
});
