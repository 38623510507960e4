import type { Charter } from '@vt/value-train';
import { gain, type Metrics } from './metrics.ts';

export interface CriterionResult {
  readonly says: string;
  readonly met: boolean;
  readonly measured: number;
  readonly needed: number;
}

/** Holds the metrics of model and baseline against what the charter fixed beforehand. */
export const checkSuccess = (
  success: Charter['success'],
  model: Metrics,
  baseline: Metrics,
  baselineName: string,
): readonly CriterionResult[] =>
  success.map((criterion) => {
    const { metric } = criterion;
    const measured = model[metric] ?? Number.NaN;
    if ('atLeast' in criterion) {
      const needed = criterion.atLeast;
      return { says: `${metric} is at least ${needed}`, met: measured >= needed, measured, needed };
    }
    if ('atMost' in criterion) {
      const needed = criterion.atMost;
      return { says: `${metric} is at most ${needed}`, met: measured <= needed, measured, needed };
    }
    const needed = criterion.betterThanBaselineBy;
    const advantage = gain(metric, measured, baseline[metric] ?? Number.NaN);
    return {
      says: `${metric} is better than ${baselineName} by at least ${needed}`,
      met: advantage >= needed,
      measured: advantage,
      needed,
    };
  });
