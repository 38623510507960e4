import { criterionWords, type Charter } from '@vt/value-train';
import { gain, type Metrics } from './metrics.ts';

export interface CriterionResult {
  readonly says: string;
  readonly met: boolean;
  /** null where these rows do not define the metric; then it is not met. */
  readonly measured: number | null;
  readonly needed: number;
}

/** Holds the metrics of model and baseline against what the charter fixed beforehand. */
export const checkSuccess = (
  success: Charter['success'],
  model: Metrics,
  baseline: Metrics,
  baselineName: Charter['baseline'],
): readonly CriterionResult[] =>
  success.map((criterion) => {
    const { metric } = criterion;
    const says = criterionWords(criterion, baselineName);
    const ours = model[metric] ?? null;
    const theirs = baseline[metric] ?? null;
    if ('atLeast' in criterion) {
      const needed = criterion.atLeast;
      return { says, met: ours !== null && ours >= needed, measured: ours, needed };
    }
    if ('atMost' in criterion) {
      const needed = criterion.atMost;
      return { says, met: ours !== null && ours <= needed, measured: ours, needed };
    }
    const needed = criterion.betterThanBaselineBy;
    const advantage = ours === null || theirs === null ? null : gain(metric, ours, theirs);
    return { says, met: advantage !== null && advantage >= needed, measured: advantage, needed };
  });
