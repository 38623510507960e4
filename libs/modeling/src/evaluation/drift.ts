import type { Column, Row } from '../inference.ts';

const BINS = 10;
/** Stands in for an empty share, whose logarithm would be infinite. */
const SHARE_MIN = 1e-4;

export interface ColumnDrift {
  readonly column: string;
  /** Population stability index over tenths of the expected rows (over values, for categories). */
  readonly psi: number;
  /** stable below 0.1, shifted from 0.25 on, the usual reading of the index. */
  readonly reading: 'stable' | 'moving' | 'shifted';
  /** Share of empty fields, then and now. */
  readonly missing: readonly [expected: number, actual: number];
  /** Share of the known actual values that the expected rows never had: outside their range, or another word. */
  readonly unseen: number;
}

export const readingOf = (psi: number): ColumnDrift['reading'] =>
  psi < 0.1 ? 'stable' : psi < 0.25 ? 'moving' : 'shifted';

/** Sum over the bins of (actual - expected) times the logarithm of actual over expected, both as shares. */
export const stabilityIndex = (expected: readonly number[], actual: readonly number[]): number => {
  const shares = (counts: readonly number[]): number[] => {
    const total = counts.reduce((sum, count) => sum + count, 0);
    return counts.map((count) => Math.max(SHARE_MIN, total === 0 ? 0 : count / total));
  };
  const before = shares(expected);
  return shares(actual).reduce((sum, share, bin) => sum + (share - before[bin]!) * Math.log(share / before[bin]!), 0);
};

/** Index of two lists of numbers over the tenths of the first; also for predictions. */
export const numberDrift = (expected: readonly number[], actual: readonly number[]): number => {
  const sorted = expected.toSorted((a, b) => a - b);
  const edges = Array.from({ length: BINS - 1 }, (_, bin) => sorted[Math.floor(((bin + 1) * sorted.length) / BINS)]!);
  const cuts = [...new Set(edges)];
  const counts = (values: readonly number[]): number[] => {
    const bins = new Array<number>(cuts.length + 1).fill(0);
    for (const value of values) bins[cuts.filter((cut) => cut <= value).length]! += 1;
    return bins;
  };
  return stabilityIndex(counts(expected), counts(actual));
};

const wordDrift = (expected: readonly string[], actual: readonly string[]): number => {
  const words = [...new Set([...expected, ...actual])];
  const counts = (values: readonly string[]): number[] => {
    const byWord = Map.groupBy(values, (value) => value);
    return words.map((word) => byWord.get(word)?.length ?? 0);
  };
  return stabilityIndex(counts(expected), counts(actual));
};

/** How far each column of `actual` has moved from `expected`, which is usually the training rows. Times are left out. */
export const driftOf = (columns: readonly Column[], expected: readonly Row[], actual: readonly Row[]): ColumnDrift[] =>
  columns
    .filter(({ kind }) => kind !== 'time')
    .map(({ name, kind }) => {
      const missing = [expected, actual].map(
        (rows) => rows.filter((row) => (row[name] ?? null) === null).length / Math.max(1, rows.length),
      ) as [number, number];
      const { psi, unseen } = kind === 'number' ? numbers(name, expected, actual) : words(name, expected, actual);
      return { column: name, psi, reading: readingOf(psi), missing, unseen };
    });

const numbers = (name: string, expected: readonly Row[], actual: readonly Row[]) => {
  const known = (rows: readonly Row[]): number[] =>
    rows.map((row) => row[name] ?? null).filter((value) => typeof value === 'number');
  const [then, now] = [known(expected), known(actual)];
  const [least, most] = then.reduce(
    ([low, high], value) => [Math.min(low, value), Math.max(high, value)],
    [Infinity, -Infinity],
  );
  const outside = now.filter((value) => value < least || value > most).length;
  return { psi: numberDrift(then, now), unseen: now.length === 0 ? 0 : outside / now.length };
};

const words = (name: string, expected: readonly Row[], actual: readonly Row[]) => {
  const known = (rows: readonly Row[]): string[] =>
    rows.flatMap((row) => ((row[name] ?? null) === null ? [] : [String(row[name])]));
  const [then, now] = [known(expected), known(actual)];
  const seen = new Set(then);
  return {
    psi: wordDrift(then, now),
    unseen: now.length === 0 ? 0 : now.filter((word) => !seen.has(word)).length / now.length,
  };
};
