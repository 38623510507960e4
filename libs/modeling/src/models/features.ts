import type { Charter } from '@vt/value-train';
import type { Dataset } from '../data/load.ts';
import type { RowRange } from '../data/split.ts';
import { targetRule } from '../data/target.ts';
import {
  instantOf,
  measure,
  transform,
  type Column,
  type FeatureConfig,
  type FeatureRule,
  type Row,
} from '../inference.ts';

const LAGS = [1, 2, 3];
const WINDOWS_ROWS = [3, 7, 30];
const WORDS_MAX = 20;
/** Words that stand in fewer training rows teach nothing. */
const WORD_ROWS_MIN = 5;
const DAY_MS = 86_400_000;

/**
 * The features that suit the columns, as rules; only the training rows are looked at. Rows of a series (a target some
 * rows ahead) also get lags and rolling means; otherwise rows stand for themselves, and the target's own column, which
 * would give the answer away, is left out.
 */
export const planFeatures = (dataset: Dataset, data: Charter['data'], training: RowRange): FeatureRule[] => {
  const { column: target, ahead } = targetRule(data);
  const rows = dataset.rows.slice(...training);
  return dataset.columns
    .filter(({ name }) => ahead > 0 || name !== target)
    .flatMap((column) => rulesFor(column, rows, ahead > 0));
};

const rulesFor = ({ name: column, kind }: Column, rows: readonly Row[], series: boolean): FeatureRule[] => {
  if (kind === 'time') return calendarRules(column, rows);
  const values = rows.map((row) => row[column] ?? null);
  const known = values.filter((value) => value !== null);
  if (new Set(known).size < 2) return [];
  const missing: FeatureRule[] =
    known.length < values.length ? [{ name: `${column}_missing`, column, kind: 'missing' }] : [];
  if (kind === 'category') return [...wordRules(column, known.map(String), series), ...missing];

  const lags = series ? LAGS : [];
  const windows = series ? WINDOWS_ROWS.filter((window) => window * 10 <= rows.length) : [];
  return [
    { name: column, column, kind: 'value', lag: 0 },
    ...lags.map((lag): FeatureRule => ({ name: `${column}_lag_${lag}`, column, kind: 'value', lag })),
    ...windows.map((window): FeatureRule => ({
      name: `${column}_mean_${window}`,
      column,
      kind: 'rolling-mean',
      rows: window,
    })),
    ...missing,
  ];
};

const wordRules = (column: string, known: readonly string[], series: boolean): FeatureRule[] => {
  const counts = [...Map.groupBy(known, (word) => word)].map(([word, rows]) => ({ word, rows: rows.length }));
  const frequent = counts
    .filter(({ rows }) => rows >= WORD_ROWS_MIN)
    .sort((a, b) => b.rows - a.rows || (a.word < b.word ? -1 : 1))
    .slice(0, WORDS_MAX);
  return frequent.flatMap(({ word }) =>
    (series ? [0, 1] : [0]).map((lag): FeatureRule => ({
      name: `${column}_is_${word}${lag === 0 ? '' : `_lag_${lag}`}`,
      column,
      kind: 'one-hot',
      is: word,
      lag,
    })),
  );
};

const calendarRules = (column: string, rows: readonly Row[]): FeatureRule[] => {
  const times = rows.map((row) => instantOf(String(row[column]))!);
  const span = times.at(-1)! - times[0]!;
  const gap = span / Math.max(1, times.length - 1);
  const cycles = [
    ...(span >= 300 * DAY_MS ? (['year'] as const) : []),
    ...(span >= 21 * DAY_MS && gap <= 2 * DAY_MS ? (['week'] as const) : []),
    ...(gap <= DAY_MS / 4 ? (['day'] as const) : []),
  ];
  return cycles.flatMap((cycle) =>
    (['sin', 'cos'] as const).map((wave): FeatureRule => ({
      name: `${column}_${cycle}_${wave}`,
      column,
      kind: 'calendar',
      cycle,
      wave,
    })),
  );
};

/** Fits what stands in for missing values and the standardisation on the rows of `training`, and on no other. */
export const fitFeatures = (
  rules: readonly FeatureRule[],
  { columns, rows }: Pick<Dataset, 'columns' | 'rows'>,
  training: RowRange,
): FeatureConfig => {
  const used = new Set(rules.map(({ column }) => column));
  const past = rows.slice(0, training[1]);
  return {
    columns: columns.filter(({ name, kind }) => used.has(name) || kind === 'time'),
    features: rules.map((rule) => {
      const known = measure(rule, past)
        .slice(training[0])
        .filter((value) => !Number.isNaN(value));
      const mean = known.length === 0 ? 0 : known.reduce((sum, value) => sum + value, 0) / known.length;
      const variance = known.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, known.length);
      return { ...rule, fill: mean, mean, scale: variance > 0 ? Math.sqrt(variance) : 1 };
    }),
  };
};

export interface Examples {
  /** Index of each example's row in the dataset. */
  readonly rows: readonly number[];
  readonly x: readonly (readonly number[])[];
  readonly y: readonly number[];
}

/** The rows of `range` whose target is known, as a matrix; the rows before `range` serve as their past. */
export const examplesOf = (config: FeatureConfig, { rows, target }: Dataset, range: RowRange): Examples => {
  const matrix = transform(config, rows.slice(0, range[1]));
  const indices = [...matrix.keys()].filter((row) => row >= range[0] && target[row] !== null);
  return { rows: indices, x: indices.map((row) => matrix[row]!), y: indices.map((row) => target[row]!) };
};
