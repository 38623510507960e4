import type { Charter } from '@vt/value-train';
import type { Row, Value } from '../inference.ts';

export interface TargetRule {
  readonly column: string;
  /** Rows later in time. */
  readonly ahead: number;
  readonly above?: number | undefined;
}

export const targetRule = ({ target }: Pick<Charter['data'], 'target'>): TargetRule =>
  typeof target === 'string' ? { column: target, ahead: 0 } : target;

const sameValue = (value: Value, positive: string | number | boolean): boolean =>
  value === positive || String(value) === String(positive);

/** What the target's column says in one row: 1 or 0 for yes or no, or the number itself; null where it says nothing. */
export const outcomeOf = (data: Charter['data'], value: Value): number | null => {
  const { above } = targetRule(data);
  if (value === null) return null;
  if (data.task === 'regression') return typeof value === 'number' ? value : null;
  if (above !== undefined) return typeof value === 'number' ? Number(value > above) : null;
  return data.positive === undefined ? Number(value) : Number(sameValue(value, data.positive));
};

/** The target of each row: the outcome `ahead` rows later, null where that lies beyond the data or is not known. */
export const targetOf = (data: Charter['data'], rows: readonly Row[]): (number | null)[] => {
  const { column, ahead } = targetRule(data);
  return rows.map((_, row) => outcomeOf(data, rows[row + ahead]?.[column] ?? null));
};
