import type { ActionContext } from '@vt/agent-runtime';
import {
  baselineOf,
  lookback,
  openInferencePackage,
  predictAside,
  readDataset,
  rowRanges,
  targetRule,
  transform,
  type Baseline,
  type Dataset,
  type InferencePackage,
  type RowRange,
  type RowRanges,
} from '@vt/modeling';
import { join } from 'node:path';
import { classificationMetrics, regressionMetrics, type Metrics } from './metrics.ts';

export const PACKAGE = 'delivery/model/inference-package.tgz';

/** What the evaluator judges by: the client's file, read again, and the package that would be deployed. */
export interface Evidence extends InferencePackage {
  readonly dataset: Dataset;
  readonly ranges: RowRanges;
}

/** Predictions for the rows of a range whose outcome is known. */
export interface Predictions {
  /** Indices into the data set. */
  readonly rows: readonly number[];
  readonly truth: readonly number[];
  readonly score: readonly number[];
}

export async function gatherEvidence(context: ActionContext, packageCycle?: number): Promise<Evidence> {
  const { charter, ticket } = context;
  const dataset = await readDataset(await context.dataFile(), charter.data, charter.seed);
  const archive = await context.read(PACKAGE, packageCycle);
  const folder = join(context.workspace, `package-${packageCycle ?? ticket.cycle}`);
  return {
    dataset,
    ranges: rowRanges(dataset.rows.length, charter.data.split, ticket.cycle),
    ...(await openInferencePackage(archive, folder)),
  };
}

export async function predictRange(
  { signal }: Pick<ActionContext, 'signal'>,
  { dataset, config, model }: Omit<Evidence, 'ranges'>,
  [from, to]: RowRange,
): Promise<Predictions> {
  // Features look back, never ahead: the rows before the range are their past.
  const start = Math.max(0, from - lookback(config));
  const matrix = transform(config, dataset.rows.slice(start, to)).slice(from - start);
  const scores = await predictAside(signal, model, matrix);
  return knownOf(dataset, [from, to], scores);
}

/** The same rows as somebody without a model would answer. */
export function baselineRange(
  context: ActionContext,
  { dataset, ranges }: Pick<Evidence, 'dataset' | 'ranges'>,
  baseline: Baseline,
  range: RowRange,
): Predictions {
  const { ahead } = targetRule(context.charter.data);
  return knownOf(dataset, range, baselineOf(baseline, dataset, ranges.training, range, ahead));
}

export const metricsOf = ({ charter }: Pick<ActionContext, 'charter'>, { truth, score }: Predictions): Metrics =>
  charter.data.task === 'classification' ? classificationMetrics(truth, score) : regressionMetrics(truth, score);

/** Baselines that mean something for this project; the charter's own comes first. */
export function baselinesOf({ charter }: Pick<ActionContext, 'charter'>): readonly Baseline[] {
  const usual: Baseline[] = charter.data.task === 'classification' ? ['majority'] : ['mean'];
  const timely: Baseline[] = charter.data.time === undefined ? [] : ['persistence'];
  return [...new Set([charter.baseline, ...timely, ...usual])];
}

function knownOf({ target }: Dataset, [from, to]: RowRange, scores: readonly number[]): Predictions {
  const rows = Array.from({ length: to - from }, (_, index) => from + index).filter((row) => target[row] !== null);
  return { rows, truth: rows.map((row) => target[row]!), score: rows.map((row) => scores[row - from]!) };
}
