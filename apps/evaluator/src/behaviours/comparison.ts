import type { Action } from '@vt/agent-runtime';
import { fillTemplate, formatNumber, table } from '@vt/documents';
import { Rejection } from '@vt/kernel';
import { baselineName, metricName, primaryMetric } from '@vt/value-train';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { baselineRange, gatherEvidence, metricsOf, predictRange, type Predictions } from '../evidence.ts';
import { gain, type MetricName } from '../metrics.ts';
import { sideBySide } from '../side-by-side.ts';

export interface Comparison {
  readonly metric: MetricName;
  readonly champion: number;
  readonly challenger: number;
  /** Middle 90 % of the gain when the rows are drawn again and again. */
  readonly interval: readonly [number, number];
  readonly better: boolean;
}

const RESAMPLES = 400;

/**
 * Challenger against champion, on rows that neither has learned from. The gate lets a challenger that is not better
 * pass, and the champion stays deployed. Nothing to compare in the first cycle; where a later one has no champion
 * either, because validation sent back what came before, the baseline stands in its place, and null is answered.
 * @throws Rejection where the rows do not define the metric, so that neither can be called better
 */
export const compareWithChampion: Action = async (context): Promise<Comparison | null> => {
  const { ticket, charter } = context;
  const championCycle = ticket.cycle === 1 ? 0 : Number(context.factsOf('deployment')['model-cycle'] ?? 0);
  context.fact('champion-cycle', championCycle);
  if (ticket.cycle === 1) return null;
  const metric = primaryMetric(charter);
  const challenging = await gatherEvidence(context);
  const range = challenging.ranges.heldOut;
  const challenger = await predictRange(context, challenging, range);
  const hasChampion = championCycle > 0;
  const champion = hasChampion
    ? await predictRange(context, await gatherEvidence(context, championCycle), range)
    : baselineRange(context, challenging, charter.baseline, range);
  const value = (predictions: Predictions): number => {
    const found = metricsOf(context, predictions)[metric];
    if (found !== undefined) return found;
    throw new Rejection(
      'outcome-alike',
      `the ${predictions.rows.length} rows to compare on have one outcome only, so their ${metricName(metric)} is not defined: give more of the later rows`,
    );
  };

  const gains = resampled(challenger.rows.length, charter.seed)
    .map((rows) => [pick(challenger, rows), pick(champion, rows)] as const)
    .filter(([{ truth }]) => new Set(truth).size > 1)
    .map(([a, b]) => gain(metric, value(a), value(b)))
    .sort((a, b) => a - b);
  const interval = [gains[Math.floor(gains.length * 0.05)]!, gains[Math.ceil(gains.length * 0.95) - 1]!] as const;
  const comparison = {
    metric,
    champion: value(champion),
    challenger: value(challenger),
    interval,
    better: gain(metric, value(challenger), value(champion)) > 0,
  };
  if (hasChampion) {
    context.fact('challenger-better', comparison.better);
    context.fact('champion-metric', comparison.champion);
    context.fact('challenger-metric', comparison.challenger);
  }
  const rival = hasChampion ? 'champion' : charter.baseline;
  const by = gain(metric, comparison.challenger, comparison.champion);
  context.decide(
    decisionWords(comparison, hasChampion),
    `${metricName(metric)} of the challenger less that of the ${rival}: ${formatNumber(by, 4)}, in nine of ten resamples between ${formatNumber(interval[0], 4)} and ${formatNumber(interval[1], 4)}`,
  );
  const models = sideBySide({ challenger: metricsOf(context, challenger), [rival]: metricsOf(context, champion) });
  await context.write(
    'delivery/retrain/performance-comparison.md',
    fillTemplate(
      await readFile(join(import.meta.dirname, 'performance-comparison.md'), 'utf8'),
      {
        rows: challenger.rows.length,
        rivals: hasChampion
          ? `The challenger of cycle ${ticket.cycle} and the champion of cycle ${championCycle}, both as the packages that are or would be deployed,`
          : `The challenger of cycle ${ticket.cycle}, as the package that would be deployed, and ${baselineName(charter.baseline)}, because no model was deployed before,`,
        rule: hasChampion
          ? 'a challenger replaces the champion only if it is better by the first criterion on these rows'
          : 'the first champion must beat the baseline, and meet every criterion of the charter',
        comparison: table(models.rows, models.columns),
        metric: metricName(metric),
        gain: formatNumber(gain(metric, comparison.challenger, comparison.champion), 4),
        low: formatNumber(interval[0], 4),
        high: formatNumber(interval[1], 4),
        resamples: RESAMPLES,
        certainty:
          interval[0] > 0 || interval[1] < 0
            ? 'Zero lies outside, so the difference is hardly chance.'
            : 'Zero lies between, so these rows do not settle which model is the better one.',
        decision: decisionWords(comparison, hasChampion),
      },
      { agent: 'evaluator', date: ticket.openedOn, version: String(ticket.cycle), status: 'final' },
    ),
  );
  return hasChampion ? comparison : null;
};

const decisionWords = ({ better }: Comparison, hasChampion: boolean): string => {
  if (hasChampion) {
    return better
      ? 'The challenger is better and replaces the champion.'
      : 'The challenger is not better. The champion stays.';
  }
  return better ? 'The challenger beats the baseline.' : 'The challenger does not beat the baseline.';
};

const pick = ({ rows, truth, score }: Predictions, chosen: readonly number[]): Predictions => ({
  rows: chosen.map((at) => rows[at]!),
  truth: chosen.map((at) => truth[at]!),
  score: chosen.map((at) => score[at]!),
});

/** Draws with replacement, the same ones for the same seed (a linear congruential generator is enough here). */
function resampled(length: number, seed: number): readonly (readonly number[])[] {
  let state = BigInt(seed) + 1n;
  const next = () => {
    state = (state * 6364136223846793005n + 1442695040888963407n) & 0xffffffffffffffffn;
    return Number(state >> 33n) % length;
  };
  return Array.from({ length: RESAMPLES }, () => Array.from({ length }, next));
}
