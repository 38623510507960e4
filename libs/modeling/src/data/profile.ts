import type { Charter } from '@vt/value-train';
import type { Column, Row, Value } from '../inference.ts';
import type { Dataset } from './load.ts';
import { targetRule } from './target.ts';

const HISTOGRAM_BINS = 10;
const TOP = 10;

export interface NumberProfile {
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly deviation: number;
  /** At 5, 25, 50, 75 and 95 percent. */
  readonly quantiles: readonly [number, number, number, number, number];
  readonly histogram: readonly { readonly from: number; readonly to: number; readonly rows: number }[];
  /** Values farther than 1.5 interquartile ranges outside the quartiles. */
  readonly outliers: number;
}

export interface ColumnProfile extends Column {
  readonly missing: number;
  readonly distinct: number;
  /** Of numbers and yes-or-no columns. */
  readonly numbers?: NumberProfile;
  /** Most frequent values, of words. */
  readonly top?: readonly { readonly value: string; readonly rows: number }[];
  /** Strength of its relation to the target, from 0 to 1 (numbers: signed Pearson; words: correlation ratio). Of the answer itself: none. */
  readonly association?: number;
}

export interface Profile {
  readonly rows: number;
  readonly columns: readonly ColumnProfile[];
  readonly target: { readonly known: number; readonly mean: number; readonly distinct: number };
  /** Rows that repeat an earlier one in every column. */
  readonly duplicates: number;
}

/** Describes the columns of the rows, or of a range of them, and their relation to the target. */
export const profileOf = (
  { columns, rows, target }: Pick<Dataset, 'columns' | 'rows' | 'target'>,
  data: Pick<Charter['data'], 'target'>,
): Profile => {
  const { column: asked, ahead } = targetRule(data);
  const known = target.filter((value) => value !== null);
  return {
    rows: rows.length,
    columns: columns.map((column) => {
      const { association, ...profile } = profileColumn(column, rows, target);
      const isAnswer = column.name === asked && ahead === 0;
      return association === undefined || isAnswer ? profile : { ...profile, association };
    }),
    target: { known: known.length, mean: meanOf(known), distinct: new Set(known).size },
    duplicates: rows.length - new Set(rows.map((row) => JSON.stringify(Object.values(row)))).size,
  };
};

const profileColumn = ({ name, kind }: Column, rows: readonly Row[], target: Dataset['target']): ColumnProfile => {
  const values = rows.map((row) => row[name] ?? null);
  const known = values.filter((value) => value !== null);
  const counted = {
    name,
    kind,
    missing: values.length - known.length,
    distinct: new Set(known).size,
  };
  if (kind === 'time' || known.length === 0) return counted;
  const association = kind === 'category' ? correlationRatio(values, target) : pearson(values.map(asNumber), target);
  const related = { ...counted, ...(association !== undefined && { association }) };
  if (kind === 'category') return { ...related, top: topOf(known.map(String)) };
  return { ...related, numbers: profileNumbers(known.map(Number)) };
};

const asNumber = (value: Value): number | null => (value === null ? null : Number(value));

const meanOf = (values: readonly number[]): number =>
  values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;

/** Of sorted values, between neighbours by proportion. */
export const quantile = (sorted: readonly number[], share: number): number => {
  const place = (sorted.length - 1) * share;
  const below = sorted[Math.floor(place)]!;
  return below + (sorted[Math.ceil(place)]! - below) * (place - Math.floor(place));
};

const profileNumbers = (values: readonly number[]): NumberProfile => {
  const sorted = values.toSorted((a, b) => a - b);
  const mean = meanOf(values);
  const [min, max] = [sorted[0]!, sorted.at(-1)!];
  const quantiles = [0.05, 0.25, 0.5, 0.75, 0.95].map((share) => quantile(sorted, share)) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const reach = 1.5 * (quantiles[3] - quantiles[1]);
  return {
    min,
    max,
    mean,
    deviation: Math.sqrt(meanOf(values.map((value) => (value - mean) ** 2))),
    quantiles,
    histogram: histogramOf(values, min, max),
    outliers: values.filter((value) => value < quantiles[1] - reach || value > quantiles[3] + reach).length,
  };
};

const histogramOf = (values: readonly number[], min: number, max: number): NumberProfile['histogram'] => {
  if (min === max) return [{ from: min, to: max, rows: values.length }];
  const width = (max - min) / HISTOGRAM_BINS;
  const counts = new Array<number>(HISTOGRAM_BINS).fill(0);
  for (const value of values) counts[Math.min(HISTOGRAM_BINS - 1, Math.floor((value - min) / width))]! += 1;
  return counts.map((rows, bin) => ({ from: min + bin * width, to: min + (bin + 1) * width, rows }));
};

const topOf = (values: readonly string[]): { value: string; rows: number }[] =>
  [...Map.groupBy(values, (value) => value)]
    .map(([value, rows]) => ({ value, rows: rows.length }))
    .sort((a, b) => b.rows - a.rows || (a.value < b.value ? -1 : 1))
    .slice(0, TOP);

/** Correlation over the rows that know both; undefined when either never varies. */
export const pearson = (x: readonly (number | null)[], y: readonly (number | null)[]): number | undefined => {
  const rows = [...x.keys()].filter((row) => x[row] !== null && y[row] !== null);
  const [mx, my] = [meanOf(rows.map((row) => x[row]!)), meanOf(rows.map((row) => y[row]!))];
  let [xy, xx, yy] = [0, 0, 0];
  for (const row of rows) {
    const [dx, dy] = [x[row]! - mx, y[row]! - my];
    xy += dx * dy;
    xx += dx * dx;
    yy += dy * dy;
  }
  return xx === 0 || yy === 0 ? undefined : xy / Math.sqrt(xx * yy);
};

/** Square root of the share of the target's variance that lies between the groups (eta). */
const correlationRatio = (groups: readonly Value[], y: readonly (number | null)[]): number | undefined => {
  const rows = [...y.keys()].filter((row) => y[row] !== null);
  const middle = meanOf(rows.map((row) => y[row]!));
  const total = rows.reduce((sum, row) => sum + (y[row]! - middle) ** 2, 0);
  const between = [...Map.groupBy(rows, (row) => groups[row]).values()].reduce(
    (sum, members) => sum + members.length * (meanOf(members.map((row) => y[row]!)) - middle) ** 2,
    0,
  );
  return total === 0 ? undefined : Math.sqrt(between / total);
};
