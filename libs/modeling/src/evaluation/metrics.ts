/** The metrics that a charter may name. */
export type Metric = 'roc-auc' | 'accuracy' | 'f1' | 'log-loss' | 'brier' | 'mae' | 'rmse' | 'r2';
export type Task = 'classification' | 'regression';

/** By metric; one that these rows do not define (ROC AUC of a single class) is absent, never zero. */
export type Scores = Partial<Record<Metric, number>>;

const LOWER_IS_BETTER: readonly Metric[] = ['log-loss', 'brier', 'mae', 'rmse'];
/** A probability of 0 that was wrong costs this much surprise rather than an infinity. */
const PROBABILITY_MIN = 1e-15;

export const higherIsBetter = (metric: Metric): boolean => !LOWER_IS_BETTER.includes(metric);

/** How much better `score` is than `other` in `metric`, in its own unit; negative when it is worse. */
export const advantage = (metric: Metric, score: number, other: number): number =>
  higherIsBetter(metric) ? score - other : other - score;

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/**
 * Share of pairs of a yes and a no in which the yes has the higher score, ties counting half. Undefined unless there
 * are both.
 */
export const rocAuc = (y: readonly number[], score: readonly number[]): number | undefined => {
  const order = [...y.keys()].sort((a, b) => score[a]! - score[b]!);
  const positives = y.reduce((sum, value) => sum + value, 0);
  const negatives = y.length - positives;
  if (positives === 0 || negatives === 0) return undefined;
  let rankSum = 0;
  for (let from = 0; from < order.length;) {
    let to = from + 1;
    while (to < order.length && score[order[to]!] === score[order[from]!]) to += 1;
    const rank = (from + 1 + to) / 2;
    for (let at = from; at < to; at += 1) rankSum += y[order[at]!]! * rank;
    from = to;
  }
  return (rankSum - (positives * (positives + 1)) / 2) / (positives * negatives);
};

const f1 = (y: readonly number[], p: readonly number[]): number => {
  const said = p.map((value) => Number(value >= 0.5));
  const hits = said.filter((value, row) => value === 1 && y[row] === 1).length;
  const wrong = said.filter((value, row) => value !== y[row]).length;
  return hits === 0 ? 0 : (2 * hits) / (2 * hits + wrong);
};

const logLoss = (y: readonly number[], p: readonly number[]): number =>
  mean(y.map((value, row) => -Math.log(Math.max(PROBABILITY_MIN, value === 1 ? p[row]! : 1 - p[row]!))));

const r2 = (y: readonly number[], p: readonly number[]): number | undefined => {
  const middle = mean(y);
  const total = y.reduce((sum, value) => sum + (value - middle) ** 2, 0);
  return total === 0 ? undefined : 1 - y.reduce((sum, value, row) => sum + (value - p[row]!) ** 2, 0) / total;
};

const defined = (scores: Readonly<Record<string, number | undefined>>): Scores =>
  Object.fromEntries(Object.entries(scores).filter(([, score]) => score !== undefined));

/**
 * Every metric of the task. For classification `y` is 1 or 0, `p` the probability of yes, and yes is said from 0.5 on.
 * Empty when there are no rows.
 */
export const evaluate = (task: Task, y: readonly number[], p: readonly number[]): Scores => {
  if (y.length === 0) return {};
  const errors = y.map((value, row) => p[row]! - value);
  const squared = mean(errors.map((error) => error ** 2));
  if (task === 'regression') {
    return defined({ mae: mean(errors.map(Math.abs)), rmse: Math.sqrt(squared), r2: r2(y, p) });
  }
  return defined({
    'roc-auc': rocAuc(y, p),
    accuracy: mean(y.map((value, row) => Number(Number(p[row]! >= 0.5) === value))),
    f1: f1(y, p),
    'log-loss': logLoss(y, p),
    brier: squared,
  });
};

export interface CalibrationBin {
  readonly from: number;
  readonly to: number;
  readonly rows: number;
  /** Mean probability that was predicted. */
  readonly predicted: number;
  /** Share of yes that came. */
  readonly observed: number;
}

/** Predicted against observed in bins of equal width (those without rows left out), and the expected calibration error. */
export const calibration = (
  y: readonly number[],
  p: readonly number[],
  bins = 10,
): { readonly bins: readonly CalibrationBin[]; readonly error: number } => {
  const members = Map.groupBy(y.keys(), (row) => Math.min(bins - 1, Math.floor(p[row]! * bins)));
  const filled = [...members]
    .sort(([a], [b]) => a - b)
    .map(([bin, rows]) => ({
      from: bin / bins,
      to: (bin + 1) / bins,
      rows: rows.length,
      predicted: mean(rows.map((row) => p[row]!)),
      observed: mean(rows.map((row) => y[row]!)),
    }));
  const error = filled.reduce((sum, bin) => sum + (bin.rows / y.length) * Math.abs(bin.predicted - bin.observed), 0);
  return { bins: filled, error };
};
