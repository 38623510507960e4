import type { Dataset } from '../data/load.ts';
import type { RowRange } from '../data/split.ts';
import type { Task } from '../evaluation/metrics.ts';
import { familiesOf, GRID, type Family } from './families.ts';

const FOLDS = 4;
/** Settings tried of each family. */
const RUNS = 6;
/** A family whose first settings are all worse than the baseline, by more than they differ by fold, gets no more. */
const HOPELESS_AFTER = 3;
/** The folds share at most this many rows, the last ones, so that a search on much data ends in the same time. */
export const SEARCH_ROWS_MAX = 3_000;

/** Values of a family's parameters that a search may combine. */
export type Space = Readonly<Record<string, readonly number[]>>;

export interface Fold {
  /** Rows that it learns from, one range after the other. */
  readonly learn: readonly RowRange[];
  readonly judge: RowRange;
}

export interface PlannedFamily {
  readonly family: Family;
  readonly space: Space;
  /** At most so many settings are tried. */
  readonly runs: number;
  /** What the data do not bear. */
  readonly leftOut: readonly {
    readonly parameter: string;
    readonly values: readonly number[];
    readonly because: string;
  }[];
}

/** What a search will do, before it does it. */
export interface SearchPlan {
  readonly families: readonly PlannedFamily[];
  /** Rows of the prepared data, the first included and the last not. */
  readonly folds: readonly Fold[];
  readonly hopelessAfter: number;
}

const rowsIn = (ranges: readonly RowRange[]): number => ranges.reduce((sum, [from, to]) => sum + to - from, 0);

/** Rows of the smallest fold to learn from. */
export const learnedRows = (folds: readonly Fold[]): number => Math.min(...folds.map(({ learn }) => rowsIn(learn)));

/**
 * Plans a search inside the training rows. In order of time each fold learns from a growing past, two fifths of the
 * rows at first, and is judged on the rows that follow; without time every part is judged once by what the others
 * taught. From the search space is left away what so few rows, or so few features, can not bear.
 */
export const planSearch = (
  order: Dataset['order'],
  [first, last]: RowRange,
  task: Task,
  features: number,
  runsPerFamily = RUNS,
): SearchPlan => {
  const from = Math.max(first, last - SEARCH_ROWS_MAX);
  const folds = Array.from({ length: FOLDS }, (_, fold) =>
    order === 'time' ? foldInTime([from, last], fold) : foldAcross([from, last], fold),
  );
  const families = familiesOf(task).map((family) => plannedFamily(family, learnedRows(folds), features, runsPerFamily));
  return { families, folds, hopelessAfter: HOPELESS_AFTER };
};

const foldInTime = ([first, last]: RowRange, fold: number): Fold => {
  const cut = (place: number): number => first + Math.round((last - first) * (0.4 + (0.6 * place) / FOLDS));
  return { learn: [[first, cut(fold)]], judge: [cut(fold), cut(fold + 1)] };
};

const foldAcross = ([first, last]: RowRange, fold: number): Fold => {
  const cut = (place: number): number => first + Math.round(((last - first) * place) / FOLDS);
  const judge: RowRange = [cut(fold), cut(fold + 1)];
  const learn: readonly RowRange[] = [
    [first, judge[0]],
    [judge[1], last],
  ];
  return { learn: learn.filter(([from, to]) => to > from), judge };
};

interface Limit {
  readonly bears: (value: number) => boolean;
  readonly because: string;
}

/** What a parameter may be with so many rows to learn from, and so many features; undefined: anything. */
const limitOf = (parameter: string, rows: number, features: number): Limit | undefined => {
  switch (parameter) {
    case 'depth':
      return {
        bears: (depth) => 2 ** depth <= rows,
        because: `deeper trees have more leaves than ${rows} rows can fill`,
      };
    case 'k':
      return {
        bears: (k) => 10 * k <= rows,
        because: `more neighbours than a tenth of ${rows} rows are no neighbourhood`,
      };
    case 'features':
      return { bears: (share) => share * features >= 1, because: `less than one of ${features} features` };
    default:
      return undefined;
  }
};

const plannedFamily = (family: Family, rows: number, features: number, runs: number): PlannedFamily => {
  const chosen = Object.entries(GRID[family]).map(([parameter, values]) => {
    const limit = limitOf(parameter, rows, features);
    const borne = limit ? values.filter((value) => limit.bears(value)) : values;
    // Something must be tried; the least is what so few rows bear best.
    const kept = borne.length > 0 ? borne : [parameter === 'features' ? Math.max(...values) : Math.min(...values)];
    const leftOut = values.filter((value) => !kept.includes(value));
    return { parameter, kept, leftOut, because: limit?.because ?? '' };
  });
  const settings = chosen.reduce((product, { kept }) => product * kept.length, 1);
  return {
    family,
    space: Object.fromEntries(chosen.map(({ parameter, kept }) => [parameter, kept])),
    runs: Math.min(runs, settings),
    leftOut: chosen
      .filter(({ leftOut }) => leftOut.length > 0)
      .map(({ parameter, leftOut, because }) => ({ parameter, values: leftOut, because })),
  };
};
