import type { Charter } from './charter.ts';

type Metric = Charter['success'][number]['metric'];

const METRIC_NAMES: Readonly<Record<Metric, string>> = {
  'roc-auc': 'ROC AUC',
  accuracy: 'accuracy',
  f1: 'F1 score',
  'log-loss': 'log loss',
  brier: 'Brier score',
  mae: 'mean absolute error',
  rmse: 'root mean squared error',
  r2: 'R²',
};

const BASELINE_NAMES: Readonly<Record<Charter['baseline'], string>> = {
  persistence: 'persistence (the latest known value)',
  majority: 'the most frequent class',
  mean: 'the mean of the training rows',
};

export const metricName = (metric: Metric): string => METRIC_NAMES[metric];
export const baselineName = (baseline: Charter['baseline']): string => BASELINE_NAMES[baseline];

/** What is predicted, as the end of a sentence: `whether precipitation is above 0, 1 row later`. */
export const targetWords = ({ target, task, positive }: Charter['data']): string => {
  const { column, ahead, above } = typeof target === 'string' ? { column: target, ahead: 0 } : target;
  const later = ahead === 0 ? '' : `, ${ahead} ${ahead === 1 ? 'row' : 'rows'} later`;
  if (task === 'regression') return `the value of ${column}${later}`;
  if (above !== undefined) return `whether ${column} is above ${above}${later}`;
  return `whether ${column} is ${positive === undefined ? 'true' : String(positive)}${later}`;
};

/** What a criterion asks: `ROC AUC at least 0.75`. */
export const criterionWords = (criterion: Charter['success'][number], baseline: Charter['baseline']): string => {
  const name = METRIC_NAMES[criterion.metric];
  if ('atLeast' in criterion) return `${name} at least ${criterion.atLeast}`;
  if ('atMost' in criterion) return `${name} at most ${criterion.atMost}`;
  return `${name} better than ${BASELINE_NAMES[baseline]} by at least ${criterion.betterThanBaselineBy}`;
};
