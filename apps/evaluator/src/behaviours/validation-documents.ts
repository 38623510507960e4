import type { Action, ActionContext } from '@vt/agent-runtime';
import { fillTemplate, formatNumber, pdfReport, table, type Block, type Section } from '@vt/documents';
import { metricName, primaryMetric } from '@vt/value-train';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Confusion } from '../metrics.ts';
import { sideBySide } from '../side-by-side.ts';
import type { Comparison } from './comparison.ts';
import type { Calibrated, LeakageCheck, Recomputed, Slice } from './validation.ts';

interface Findings {
  readonly recomputed: Recomputed;
  readonly leakage: readonly LeakageCheck[];
  readonly slices: readonly Slice[];
  readonly calibrated: Calibrated;
  readonly comparison: Comparison | null;
  readonly metric: string;
}

async function findingsOf(context: ActionContext): Promise<Findings> {
  const metric = metricName(primaryMetric(context.charter));
  const [recomputed, leakage, slices, calibrated, comparison] = await Promise.all([
    context.result<Recomputed>('recompute-metrics'),
    context.result<readonly LeakageCheck[]>('check-leakage'),
    context.result<readonly Slice[]>('check-slices'),
    context.result<Calibrated>('check-calibration'),
    context.result<Comparison | null>('compare-with-champion'),
  ]);
  return { recomputed, leakage, slices, calibrated, comparison, metric };
}

const verdictOf = ({ recomputed, leakage }: Findings): string => {
  const unmet = recomputed.criteria.filter(({ met }) => !met);
  const leaks = leakage.filter(({ passed }) => !passed);
  if (unmet.length === 0 && leaks.length === 0) {
    const { length } = recomputed.criteria;
    const all = length === 1 ? 'The success criterion is' : `All ${length} success criteria are`;
    return `${all} met on ${recomputed.rows} held-out rows, and no leakage was found.`;
  }
  return [
    ...unmet.map(({ says, measured }) =>
      measured === null
        ? `Not met: ${says}; it can not be measured, because these rows have one outcome only.`
        : `Not met: ${says}; measured ${formatNumber(measured)}.`,
    ),
    ...leaks.map(({ check, found }) => `Leakage: ${check} does not hold (${found}).`),
  ].join(' ');
};

const metricsTable = ({ metrics, baselines }: Recomputed) => sideBySide({ model: metrics, ...baselines });

/** Persistence and the most frequent class say yes or no, never perhaps. */
const sureBaselines = ({ baselines }: Recomputed): string => {
  const names = Object.keys(baselines);
  const verb = names.length === 1 ? 'answers' : 'answer';
  const subject = names.join(' and ');
  return `${subject.charAt(0).toUpperCase()}${subject.slice(1)} ${verb} with a plain yes or no. Log loss punishes certainty that is wrong, which makes it high there.`;
};

const thousandths = (value: number) => Math.round(value * 1_000) / 1_000;

const calibrationSentence = ({ error, bins }: Calibrated, classes: boolean): string =>
  classes
    ? `On average, the probability that the model says is ${formatNumber(error * 100, 1)} percentage points away from how often it happens, over ${bins.length} bins with rows in them.`
    : `On average, the mean prediction of a fifth of the rows is ${formatNumber(error)} away from their mean outcome.`;

const worstSlice = (slices: readonly Slice[], metric: string): string => {
  const [worst] = slices.toSorted((a, b) => b.gap - a.gap);
  if (!worst) return 'No part of the held-out rows is large enough to be judged on its own.';
  const listed = table(
    slices.map(({ slice, rows, value, gap }) => [slice, rows, value, thousandths(gap)]),
    ['slice', 'rows', metric, 'worse than all rows by'],
  );
  const sentence =
    worst.gap > 0
      ? `The weakest of ${slices.length} slices is ${worst.slice}: its ${metric} is ${formatNumber(worst.gap, 3)} worse than that of all rows.`
      : `None of the ${slices.length} slices is worse than all rows together.`;
  return `${sentence}\n\n${listed}`;
};

const limitsOf = (context: ActionContext, { recomputed }: Findings): string => {
  const { thinned } = recomputed;
  return `${placeWords(context, recomputed)}${thinned === null ? '' : ` ${thinned}.`}`;
};

const placeWords = ({ charter }: ActionContext, recomputed: Recomputed): string =>
  charter.data.time === undefined
    ? `The ${recomputed.rows} held-out rows are a random part of the same file. How the model does on data of another time or place is not shown.`
    : `The ${recomputed.rows} held-out rows follow the training rows in time and come from the same source. A change of that source, or of the client's world after the last row, is not in them; monitoring watches for it.`;

const championSentence = (comparison: Comparison | null): string =>
  comparison === null
    ? 'There is none yet: no model was deployed, and the charter’s baseline stands in its place.'
    : `On the same rows, the ${metricName(comparison.metric)} of the challenger is ${formatNumber(comparison.challenger, 4)} and that of the champion ${formatNumber(comparison.champion, 4)}: ${comparison.better ? 'the challenger replaces it' : 'the champion stays'}.`;

export const writeReport: Action = async (context) => {
  const { charter, ticket } = context;
  const findings = await findingsOf(context);
  const { recomputed, leakage, slices, calibrated, comparison, metric } = findings;
  const verdict = verdictOf(findings);
  const measured = metricsTable(recomputed);
  const classes = charter.data.task === 'classification';
  const text = fillTemplate(
    await readFile(join(import.meta.dirname, 'validation-report.md'), 'utf8'),
    {
      name: charter.name,
      verdict: await context.narrate('verdict', { verdict, criteria: recomputed.criteria, leakage }, verdict),
      criteria: table(
        recomputed.criteria.map(({ says, measured, needed, met }) => [says, measured, needed, met ? 'met' : 'not met']),
        ['criterion', 'measured', 'needed', 'result'],
      ),
      cycle: ticket.cycle,
      rows: recomputed.rows,
      metrics: [table(measured.rows, measured.columns), ...(classes ? [sureBaselines(recomputed)] : [])].join('\n\n'),
      leakage: table(
        leakage.map(({ check, passed, found }) => [check, passed ? 'holds' : 'does not hold', found]),
        ['check', 'result', 'found'],
      ),
      'calibration-text': calibrationSentence(calibrated, classes),
      calibration: table(
        calibrated.bins.map(({ rows, predicted, observed }) => [rows, thousandths(predicted), thousandths(observed)]),
        ['rows', 'predicted', 'observed'],
      ),
      slices: worstSlice(slices, metric),
      champion: championSentence(comparison),
      limits: limitsOf(context, findings),
    },
    { agent: 'evaluator', date: ticket.openedOn, version: String(ticket.cycle), status: 'final' },
  );
  await context.write('delivery/validation/validation-report.md', text);
};

export const writeResults: Action = async (context) => {
  const { charter, ticket } = context;
  const findings = await findingsOf(context);
  const { recomputed, calibrated, comparison } = findings;
  const sections: Section[] = [
    {
      heading: 'Verdict',
      body: [
        verdictOf(findings),
        {
          table: {
            columns: ['criterion', 'measured', 'needed', 'met'],
            rows: recomputed.criteria.map(({ says, measured, needed, met }) => [says, measured, needed, met]),
          },
        },
      ],
    },
    {
      heading: 'Model against baselines',
      body: [{ table: metricsTable(recomputed) }, ...(recomputed.confusion ? [sureBaselines(recomputed)] : [])],
    },
    ...(recomputed.confusion ? [discrimination(recomputed, recomputed.confusion)] : []),
    {
      heading: 'Calibration',
      body: [
        calibrationSentence(calibrated, charter.data.task === 'classification'),
        {
          chart: {
            kind: 'line',
            title: 'Predicted against observed',
            x: { label: 'predicted' },
            y: { label: 'observed' },
            series: [
              {
                name: 'model',
                style: 'solid-with-points',
                points: calibrated.bins.map((bin) => [bin.predicted, bin.observed]),
              },
              { name: 'perfect', style: 'dashed', points: diagonal(calibrated) },
            ],
          },
        },
      ],
    },
    { heading: 'Champion', body: [championSentence(comparison)] },
  ];
  const pdf = await pdfReport({
    title: 'Evaluation results',
    subtitle: `${charter.name} · cycle ${ticket.cycle} · ${recomputed.rows} held-out rows`,
    author: 'evaluator',
    date: ticket.openedOn,
    sections,
  });
  await context.write('delivery/validation/eval-results.pdf', pdf);
};

const diagonal = ({ bins }: Calibrated): readonly (readonly [number, number])[] => {
  const values = bins.flatMap(({ predicted, observed }) => [predicted, observed]);
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return [
    [least, least],
    [most, most],
  ];
};

const discrimination = ({ curve, metrics }: Recomputed, confusion: Confusion): Section => ({
  heading: 'Discrimination',
  body: [
    ...(metrics['roc-auc'] === undefined ? [] : [rocChart(curve, metrics['roc-auc'])]),
    {
      table: {
        title: 'At a probability of one half',
        columns: ['', 'predicted yes', 'predicted no'],
        rows: [
          ['was yes', confusion.truePositives, confusion.falseNegatives],
          ['was no', confusion.falsePositives, confusion.trueNegatives],
        ],
      },
    },
  ],
});

const rocChart = (curve: Recomputed['curve'], area: number): Block => ({
  chart: {
    kind: 'line',
    title: `ROC curve, area ${formatNumber(area, 3)}`,
    x: { label: 'false alarms', min: 0, max: 1 },
    y: { label: 'hits', min: 0, max: 1 },
    series: [
      { name: 'model', points: curve },
      {
        name: 'chance',
        style: 'dashed',
        points: [
          [0, 0],
          [1, 1],
        ],
      },
    ],
  },
});
