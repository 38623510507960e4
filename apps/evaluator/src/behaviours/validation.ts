import type { Action, ActionContext } from '@vt/agent-runtime';
import {
  examplesOf,
  fitFeatures,
  inThread,
  instantOf,
  targetRule,
  thinningWords,
  transform,
  type Dataset,
} from '@vt/modeling';
import { primaryMetric, type Charter } from '@vt/value-train';
import {
  baselineRange,
  baselinesOf,
  gatherEvidence,
  metricsOf,
  predictRange,
  type Evidence,
  type Predictions,
} from '../evidence.ts';
import { checkSuccess, type CriterionResult } from '../criteria.ts';
import {
  calibration,
  calibrationError,
  confusion,
  gain,
  rocAuc,
  rocCurve,
  type CalibrationBin,
  type Confusion,
  type Metrics,
} from '../metrics.ts';

export interface Recomputed {
  readonly rows: number;
  /** Which rows of the file are used at all, where that is not every one. */
  readonly thinned: string | null;
  readonly metrics: Metrics;
  readonly baselines: Readonly<Partial<Record<Charter['baseline'], Metrics>>>;
  readonly criteria: readonly CriterionResult[];
  readonly confusion: Confusion | null;
  readonly curve: readonly (readonly [number, number])[];
}

export const recomputeMetrics: Action = async (context): Promise<Recomputed> => {
  const { charter } = context;
  const evidence = await gatherEvidence(context);
  const predictions = await predictRange(context, evidence, evidence.ranges.heldOut);
  const metrics = metricsOf(context, predictions);
  const baselines: Recomputed['baselines'] = Object.fromEntries(
    baselinesOf(context).map((name) => [
      name,
      metricsOf(context, baselineRange(context, evidence, name, evidence.ranges.heldOut)),
    ]),
  );
  const baseline = baselines[charter.baseline]!;
  const criteria = checkSuccess(charter.success, metrics, baseline, charter.baseline);
  const metric = primaryMetric(charter);

  for (const [name, value] of Object.entries(metrics)) context.fact(`metric.${name}`, value);
  for (const [name, value] of Object.entries(baseline)) context.fact(`baseline.${name}`, value);
  context.fact('held-out-rows', predictions.rows.length);
  context.fact('primary-metric', metric);
  context.fact(
    'success-met',
    criteria.every(({ met }) => met),
  );
  context.fact('beats-baseline', gain(metric, metrics[metric] ?? Number.NaN, baseline[metric] ?? Number.NaN) > 0);

  const classes = charter.data.task === 'classification';
  return {
    rows: predictions.rows.length,
    thinned: thinningWords(Number(context.factsOf('extraction')['raw-rows'] ?? 0), evidence.dataset) ?? null,
    metrics,
    baselines,
    criteria,
    confusion: classes ? confusion(predictions.truth, predictions.score) : null,
    curve: 'roc-auc' in metrics ? rocCurve(predictions.truth, predictions.score) : [],
  };
};

export interface LeakageCheck {
  readonly check: string;
  readonly passed: boolean;
  readonly found: string;
}

/** A single feature that ranks the outcome this well is most likely the outcome itself. */
const SUSPICIOUS_AUC = 0.995;
const PROBES = 5;

export const checkLeakage: Action = async (context): Promise<readonly LeakageCheck[]> => {
  const evidence = await gatherEvidence(context);
  const checks = [
    await unseen(context, evidence),
    causal(evidence),
    excluded(context, evidence),
    ...(context.charter.data.task === 'classification' ? noOracle(evidence) : []),
  ];
  context.fact(
    'leakage-free',
    checks.every(({ passed }) => passed),
  );
  return checks;
};

/** A fit is the same to the last digit whenever it is repeated, so a model that saw other rows is another model. */
async function unseen(
  { signal }: ActionContext,
  { dataset, config, model, manifest: { recipe }, ranges: { training, heldOut } }: Evidence,
): Promise<LeakageCheck> {
  const repeated = fitFeatures(config.features, dataset, training);
  const { x, y } = examplesOf(repeated, dataset, training);
  const passed =
    JSON.stringify(repeated.features) === JSON.stringify(config.features) &&
    JSON.stringify(await inThread(signal, 'fit', recipe, x, y)) === JSON.stringify(model);
  const rows = `rows ${training[0] + 1} to ${training[1]} alone`;
  const judged = `rows ${heldOut[0] + 1} to ${heldOut[1]}`;
  return {
    check: 'The model has not learned from held-out rows',
    passed,
    found: passed
      ? `fitted again on ${rows}, its recipe gives the same model to the last digit; it is judged by ${judged}${dataset.order === 'time' ? ', which come later in time' : ''}`
      : `fitted again on ${rows}, its recipe gives another model: what this one learned from is not known, and ${judged} can not judge it`,
  };
}

/** Cutting the future off must not change a feature of the present. */
function causal({ dataset: { rows }, config, ranges: { heldOut } }: Evidence): LeakageCheck {
  const whole = transform(config, rows.slice(0, heldOut[1]));
  const probes = Array.from({ length: PROBES }, (_, index) =>
    Math.floor(heldOut[0] + ((heldOut[1] - 1 - heldOut[0]) * index) / (PROBES - 1)),
  );
  const changed = probes.filter((row) => {
    const cut = transform(config, rows.slice(0, row + 1))[row]!;
    return cut.some((value, feature) => value !== whole[row]![feature]);
  });
  return {
    check: 'No feature looks at a later row',
    passed: changed.length === 0,
    found: `${probes.length} held-out rows were computed again without any row after them: ${changed.length} changed`,
  };
}

function excluded({ charter }: ActionContext, { config }: Evidence): LeakageCheck {
  const { exclude } = charter.data;
  const used = exclude.filter((column) => config.features.some((feature) => feature.column === column));
  return {
    check: 'No excluded column is used',
    passed: used.length === 0,
    found:
      used.length > 0
        ? `used: ${used.join(', ')}`
        : exclude.length > 0
          ? `none of ${exclude.join(', ')} is used`
          : 'the charter excludes no column',
  };
}

/** Nothing can be said where the held-out rows have one outcome only. */
function noOracle({ dataset, config, ranges: { heldOut } }: Evidence): readonly LeakageCheck[] {
  const matrix = transform(config, dataset.rows.slice(0, heldOut[1]));
  const rows = Array.from({ length: heldOut[1] - heldOut[0] }, (_, at) => heldOut[0] + at).filter(
    (row) => dataset.target[row] !== null,
  );
  const truth = rows.map((row) => dataset.target[row]!);
  if (new Set(truth).size < 2) return [];
  const strength = config.features.map(({ name }, feature) => {
    const auc = rocAuc(
      truth,
      rows.map((row) => matrix[row]![feature]!),
    );
    return { name, auc: Math.max(auc, 1 - auc) };
  });
  const [best] = strength.sort((a, b) => b.auc - a.auc);
  return [
    {
      check: 'No single feature is the answer in disguise',
      passed: best!.auc < SUSPICIOUS_AUC,
      found: `the strongest feature, ${best!.name}, alone reaches a ROC AUC of ${best!.auc.toFixed(3)}`,
    },
  ];
}

export interface Slice {
  readonly slice: string;
  readonly rows: number;
  readonly value: number;
  /** By how much the slice is worse than all rows; negative when it is better. */
  readonly gap: number;
}

const SLICE_ROWS_MIN = 30;
const WORDS_MAX = 8;

export const checkSlices: Action = async (context): Promise<readonly Slice[]> => {
  const evidence = await gatherEvidence(context);
  const predictions = await predictRange(context, evidence, evidence.ranges.heldOut);
  const metric = primaryMetric(context.charter);
  const overall = metricsOf(context, predictions)[metric] ?? Number.NaN;
  const slices = slicesOf(evidence.dataset, predictions, context.charter.data)
    .filter(([, part]) => part.rows.length >= SLICE_ROWS_MIN)
    .flatMap(([slice, part]) => {
      const value = metricsOf(context, part)[metric];
      const of = { slice, rows: part.rows.length };
      return value === undefined ? [] : [{ ...of, value, gap: gain(metric, overall, value) }];
    });
  const worst = slices.toSorted((a, b) => b.gap - a.gap)[0];
  context.fact('slices', slices.length);
  if (worst) {
    context.fact('worst-slice', worst.slice);
    context.fact('worst-slice-gap', worst.gap);
    if (worst.gap > 0) {
      const evidence = `${metric} ${worst.value.toFixed(3)} in ${worst.rows} rows, ${overall.toFixed(3)} in all`;
      context.learn(`The candidate is weakest where ${worst.slice}`, evidence);
    }
  }
  return slices;
};

/** By quarter of the year, where there is time, and by every word of columns that have few. */
function slicesOf({ columns, rows }: Dataset, predictions: Predictions, data: Charter['data']) {
  const { time } = data;
  const { column: answer, ahead } = targetRule(data);
  // The time itself may be among the columns that must not be used.
  const quarter = (row: number): string[] => {
    const at = time === undefined ? undefined : instantOf(String(rows[row]![time]));
    return at === undefined ? [] : [`quarter ${Math.floor(new Date(at).getUTCMonth() / 3) + 1}`];
  };
  const wordy = columns
    .filter(({ kind, name }) => kind === 'category' && (name !== answer || ahead > 0))
    .filter(({ name }) => new Set(rows.map((values) => values[name])).size <= WORDS_MAX);
  const named = (row: number): string[] => [
    ...quarter(row),
    ...wordy.map(({ name }) => {
      const value = rows[row]![name];
      return value === null ? `${name} missing` : `${name} = ${String(value)}`;
    }),
  ];
  const parts = new Map<string, { rows: number[]; truth: number[]; score: number[] }>();
  predictions.rows.forEach((row, at) => {
    for (const name of named(row)) {
      const part = parts.get(name) ?? { rows: [], truth: [], score: [] };
      part.rows.push(row);
      part.truth.push(predictions.truth[at]!);
      part.score.push(predictions.score[at]!);
      parts.set(name, part);
    }
  });
  return [...parts].sort(([a], [b]) => a.localeCompare(b));
}

export interface Calibrated {
  readonly error: number;
  readonly bins: readonly CalibrationBin[];
}

export const checkCalibration: Action = async (context): Promise<Calibrated> => {
  const evidence = await gatherEvidence(context);
  const { truth, score } = await predictRange(context, evidence, evidence.ranges.heldOut);
  const bins = context.charter.data.task === 'classification' ? calibration(truth, score) : quintiles(truth, score);
  const error = calibrationError(bins);
  context.fact('calibration-error', error);
  return { error, bins };
};

/** For numbers: mean prediction against mean outcome, in fifths of the rows by their prediction. */
function quintiles(truth: readonly number[], score: readonly number[]): readonly CalibrationBin[] {
  const order = [...truth.keys()].sort((a, b) => score[a]! - score[b]!);
  const fifths = Array.from({ length: 5 }, (_, part) =>
    order.slice(Math.floor((part * order.length) / 5), Math.floor(((part + 1) * order.length) / 5)),
  );
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  return fifths
    .filter((rows) => rows.length > 0)
    .map((rows) => ({
      rows: rows.length,
      predicted: mean(rows.map((row) => score[row]!)),
      observed: mean(rows.map((row) => truth[row]!)),
    }));
}
