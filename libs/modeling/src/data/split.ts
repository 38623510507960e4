import type { Charter } from '@vt/value-train';

/** Rows from the first (included) to the last (excluded), of the prepared rows in their order. */
export type RowRange = readonly [from: number, to: number];

export interface RowRanges {
  readonly training: RowRange;
  /** What candidates are judged by; the evaluator finds out a fit that saw it. */
  readonly heldOut: RowRange;
  /** What arrives after deployment, and is replayed by monitoring. */
  readonly later: RowRange;
}

/**
 * Which rows serve what. The first cycle follows the charter's shares. A retraining cycle also trains on what was held
 * out and on the first half of the later rows, and judges champion and challenger on the second half, which neither
 * has seen; nothing later exists then, so the same rows are replayed.
 */
export const rowRanges = (rows: number, shares: Charter['data']['split'], cycle: number): RowRanges => {
  const sum = shares[0] + shares[1] + shares[2];
  const trained = Math.round((rows * shares[0]) / sum);
  const heldOut = Math.round((rows * (shares[0] + shares[1])) / sum);
  if (cycle === 1) return { training: [0, trained], heldOut: [trained, heldOut], later: [heldOut, rows] };
  const half = heldOut + Math.floor((rows - heldOut) / 2);
  return { training: [0, half], heldOut: [half, rows], later: [half, rows] };
};
