import type { Dataset } from '../data/load.ts';
import type { RowRange } from '../data/split.ts';
import { BadData } from '../data/problem.ts';

export type Baseline = 'persistence' | 'majority' | 'mean';

/**
 * What somebody without a model would say, for each row of `range`: for classification a probability. Persistence is
 * the target's latest known value, which is that of `ahead` rows before (of the row before, when the target is in the
 * same row); majority and mean are those of the training rows. A value that is not known is the training rows' mean.
 */
export const baselineOf = (
  baseline: Baseline,
  { target, order }: Dataset,
  training: RowRange,
  range: RowRange,
  ahead: number,
): number[] => {
  const known = target.slice(...training).filter((value) => value !== null);
  const mean = known.reduce((sum, value) => sum + value, 0) / known.length;
  const rows = Array.from({ length: range[1] - range[0] }, (_, index) => range[0] + index);
  switch (baseline) {
    case 'mean':
      return rows.map(() => mean);
    case 'majority':
      return rows.map(() => mostFrequent(known));
    case 'persistence':
      if (order !== 'time') {
        throw new BadData([
          {
            message: 'persistence has no meaning without a time column',
            mend: 'set baseline to majority or mean, or data.time',
          },
        ]);
      }
      return rows.map((row) => target[row - Math.max(ahead, 1)] ?? mean);
  }
};

const mostFrequent = (values: readonly number[]): number =>
  [...Map.groupBy(values, (value) => value)].reduce((most, next) => (next[1].length > most[1].length ? next : most))[0];
