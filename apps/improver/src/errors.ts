import type { ActionContext } from '@vt/agent-runtime';
import {
  lookback,
  openInferencePackage,
  predictAside,
  readDataset,
  rowRanges,
  transform,
  type Feature,
  type Row,
} from '@vt/modeling';
import { kmeans } from 'ml-kmeans';
import { join } from 'node:path';

/** A row that the model got wrong, with what it said and what happened. */
export interface Misprediction {
  readonly row: number;
  readonly values: Row;
  readonly truth: number;
  readonly score: number;
}

export interface Trait {
  readonly feature: string;
  /** Column that the feature is made of. */
  readonly column: string;
  /** How far the cluster's mean lies from that of all rows, in standard deviations. */
  readonly deviation: number;
}

export interface Cluster {
  readonly id: number;
  readonly size: number;
  readonly traits: readonly Trait[];
  /** Share of the cluster where a probability was close to one half. */
  readonly undecided: number;
  /** Share of the cluster where the truth was above what the model said. */
  readonly tooLow: number;
  readonly examples: readonly Misprediction[];
}

export interface ErrorAnalysis {
  readonly rows: number;
  readonly errors: readonly Misprediction[];
  readonly clusters: readonly Cluster[];
}

const CLUSTERS_MAX = 4;
const ERRORS_A_CLUSTER_MIN = 10;
const TRAITS = 3;
const EXAMPLES = 3;
const UNDECIDED = 0.15;
/** Inputs are standardised on the training rows; less than this is the rounding of a sum, not a difference. */
const SPREAD_MIN = 1e-9;
/** In standard deviations; what shows as nothing is no trait. */
const TRAIT_MIN = 0.05;

/** The mispredictions among the held-out and later rows, grouped by what their inputs have in common. */
export async function analyseErrors(context: ActionContext): Promise<ErrorAnalysis> {
  const { charter, ticket } = context;
  const dataset = await readDataset(await context.dataFile(), charter.data, charter.seed);
  const { heldOut, later } = rowRanges(dataset.rows.length, charter.data.split, ticket.cycle);
  const archive = await context.read(
    'delivery/model/inference-package.tgz',
    Number(context.factsOf('deployment')['model-cycle']),
  );
  const { config, model } = await openInferencePackage(archive, join(context.workspace, 'package'));

  const start = Math.max(0, heldOut[0] - lookback(config));
  const matrix = transform(config, dataset.rows.slice(start, later[1]));
  const scores = await predictAside(context.signal, model, matrix);
  const known = Array.from({ length: later[1] - heldOut[0] }, (_, at) => heldOut[0] + at).filter(
    (row) => dataset.target[row] !== null,
  );
  const judged = known.map((row) => ({
    row,
    values: dataset.rows[row]!,
    truth: dataset.target[row]!,
    score: scores[row - start]!,
  }));
  const errors = mispredicted(judged, charter.data.task);
  const inputs = (rows: readonly { row: number }[]) => rows.map(({ row }) => matrix[row - start]!);
  return {
    rows: judged.length,
    errors,
    clusters: cluster(errors, inputs(errors), inputs(judged), config.features, charter.seed),
  };
}

/** For classes: the wrong side of one half. For numbers: the tenth of the rows that is furthest off. */
function mispredicted(rows: readonly Misprediction[], task: 'classification' | 'regression'): readonly Misprediction[] {
  if (task === 'classification') return rows.filter(({ truth, score }) => score >= 0.5 !== (truth === 1));
  const distance = ({ truth, score }: Misprediction) => Math.abs(truth - score);
  return rows.toSorted((a, b) => distance(b) - distance(a)).slice(0, Math.ceil(rows.length / 10));
}

/** Groups by k-means over the standardised inputs; the largest first. */
export function cluster(
  errors: readonly Misprediction[],
  inputs: readonly (readonly number[])[],
  all: readonly (readonly number[])[],
  features: readonly Pick<Feature, 'name' | 'column'>[],
  seed: number,
): readonly Cluster[] {
  const count = Math.min(CLUSTERS_MAX, Math.floor(errors.length / ERRORS_A_CLUSTER_MIN));
  if (errors.length === 0) return [];
  const assignment =
    count < 2
      ? errors.map(() => 0)
      : kmeans(
          inputs.map((line) => [...line]),
          count,
          { seed },
        ).clusters;
  const centre = features.map((_, at) => mean(all.map((line) => line[at]!)));
  const spread = features.map((_, at) => deviation(all.map((line) => line[at]!)));
  return [...Map.groupBy(errors.keys(), (at) => assignment[at]!)]
    .toSorted(([, a], [, b]) => b.length - a.length)
    .map(([, members], id) => {
      const traits = features
        .map(({ name, column }, index) => ({
          feature: name,
          column,
          deviation:
            spread[index]! < SPREAD_MIN
              ? 0
              : (mean(members.map((at) => inputs[at]![index]!)) - centre[index]!) / spread[index]!,
        }))
        .filter(({ deviation }) => Math.abs(deviation) >= TRAIT_MIN)
        .toSorted((a, b) => Math.abs(b.deviation) - Math.abs(a.deviation))
        .slice(0, TRAITS);
      const rows = members.map((at) => errors[at]!);
      return {
        id: id + 1,
        size: rows.length,
        traits,
        undecided: share(rows, ({ score }) => Math.abs(score - 0.5) < UNDECIDED),
        tooLow: share(rows, ({ truth, score }) => truth > score),
        examples: rows.slice(0, EXAMPLES),
      };
    });
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
const deviation = (values: readonly number[]) => {
  const centre = mean(values);
  return Math.sqrt(mean(values.map((value) => (value - centre) ** 2)));
};
const share = <T>(items: readonly T[], holds: (item: T) => boolean) =>
  items.filter(holds).length / Math.max(1, items.length);
