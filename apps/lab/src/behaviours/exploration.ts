import type { Action } from '@vt/agent-runtime';
import {
  bulletList,
  escapeMarkdown,
  formatNumber,
  formatPercent,
  runNotebook,
  table,
  type NotebookCell,
} from '@vt/documents';
import {
  datasetFromCsv,
  examplesOf,
  fitFeatures,
  instantOf,
  pearson,
  planFeatures,
  profileOf,
  targetRule,
  type Dataset,
  type Profile,
  type RowRange,
} from '@vt/modeling';
import { targetWords, type Charter } from '@vt/value-train';
import { writeMarkdown } from '../document.ts';
import { PREPARED, preparedRows, rangeWords } from '../prepared.ts';

export interface Candidate {
  readonly column: string;
  /** The feature of the column that goes with the target most, and its correlation. */
  readonly feature: string;
  readonly correlation: number;
}

/** Columns of which some feature goes with the target more than twice what chance would give, the strongest first. */
const candidatesOf = (dataset: Dataset, data: Charter['data'], training: RowRange): Candidate[] => {
  const rules = planFeatures(dataset, data, training);
  const { x, y } = examplesOf(fitFeatures(rules, dataset, training), dataset, training);
  const chance = 1 / Math.sqrt(y.length);
  const related = rules.map(({ name, column }, feature) => ({
    column,
    feature: name,
    correlation:
      pearson(
        x.map((values) => values[feature]!),
        y,
      ) ?? 0,
  }));
  return [...Map.groupBy(related, ({ column }) => column).values()]
    .map((of) => of.reduce((most, next) => (Math.abs(next.correlation) > Math.abs(most.correlation) ? next : most)))
    .filter(({ correlation }) => Math.abs(correlation) > 2 * chance)
    .sort((a, b) => Math.abs(b.correlation) - Math.abs(a.correlation));
};

/** Longest step between neighbouring rows, in days, and how many steps are longer than twice the usual one. */
const gapsOf = ({ rows }: Dataset, time: string): { longest: number; many: number } => {
  const times = rows.map((row) => instantOf(String(row[time]))!);
  const steps = times.slice(1).map((at, index) => at - times[index]!);
  const usual = steps.toSorted((a, b) => a - b)[Math.floor(steps.length / 2)] ?? 0;
  const longest = steps.reduce((most, step) => Math.max(most, step), 0);
  return { longest: longest / 86_400_000, many: steps.filter((step) => step > 2 * usual).length };
};

const anomalies = (training: Dataset, { columns, duplicates, rows }: Profile, time: string | undefined): string[] => {
  const outliers = columns.filter(({ numbers }) => (numbers?.outliers ?? 0) > 0);
  const gaps = columns.filter(({ missing }) => missing > 0);
  const steps = time === undefined ? undefined : gapsOf(training, time);
  return [
    gaps.length === 0
      ? 'No column has empty fields'
      : `Empty fields: ${gaps.map(({ name, missing }) => `${escapeMarkdown(name)} ${formatPercent(missing / rows)}`).join(', ')}`,
    outliers.length === 0
      ? 'No number lies more than 1.5 interquartile ranges outside the quartiles'
      : `Numbers far outside the quartiles: ${outliers.map(({ name, numbers }) => `${escapeMarkdown(name)} ${numbers!.outliers}`).join(', ')}`,
    `${formatNumber(duplicates)} rows repeat an earlier one`,
    ...(steps === undefined
      ? []
      : [
          steps.many === 0
            ? 'Time goes in even steps, without a gap'
            : `${steps.many} steps of time are longer than twice the usual one, the longest ${formatNumber(steps.longest)} days`,
        ]),
  ];
};

const CELLS: readonly NotebookCell[] = [
  {
    markdown:
      '## Training rows\n\nOnly these are looked at: what is held out must stay unseen until candidates are judged.',
  },
  {
    code: `const whole = await datasetFromCsv(prepared, data);
const dataset = { ...whole, rows: whole.rows.slice(...training), target: whole.target.slice(...training) };
const profile = profileOf(dataset, data);
console.log('rows:', profile.rows, ' columns:', profile.columns.length, ' repeated rows:', profile.duplicates);
dataTable(
  profile.columns.map(({ name, kind, missing, distinct, association }) => [name, kind, missing, distinct, association]),
  ['Column', 'Kind', 'Missing', 'Distinct', 'Relation to the target'],
)`,
  },
  { markdown: '## The target' },
  {
    code: `console.log('known:', profile.target.known, ' mean:', profile.target.mean);
const PARTS = 12;
const means = Array.from({ length: PARTS }, (_, part) => {
  const [from, to] = [part, part + 1].map((at) => Math.round((at * dataset.target.length) / PARTS));
  const known = dataset.target.slice(from, to).filter((value) => value !== null);
  return known.reduce((sum, value) => sum + value, 0) / Math.max(1, known.length);
});
chart({
  kind: 'bar',
  title: 'Mean of the target in twelfths of the training rows, in their order',
  categories: means.map((_, part) => String(part + 1)),
  y: { label: 'mean' },
  series: [{ name: 'mean', values: means }],
})`,
  },
  { markdown: '## Numbers' },
  {
    code: `const numeric = profile.columns.filter(({ numbers }) => numbers !== undefined);
dataTable(
  numeric.map(({ name, numbers }) => [name, numbers.min, ...numbers.quantiles, numbers.max, numbers.mean, numbers.deviation, numbers.outliers]),
  ['Column', 'Min', '5 %', '25 %', '50 %', '75 %', '95 %', 'Max', 'Mean', 'Deviation', 'Outliers'],
)`,
  },
  {
    code: `for (const { name, numbers } of numeric.slice(0, 8)) {
  display(chart({
    kind: 'bar',
    title: 'Distribution of ' + name,
    categories: numbers.histogram.map(({ from }) => String(Number(from.toPrecision(3)))),
    y: { label: 'rows' },
    series: [{ name: 'rows', values: numbers.histogram.map(({ rows }) => rows) }],
  }));
}`,
  },
  { markdown: '## Words' },
  {
    code: `dataTable(
  profile.columns.flatMap(({ name, top }) => (top ?? []).map(({ value, rows }) => [name, value, rows])),
  ['Column', 'Value', 'Rows'],
)`,
  },
  {
    markdown:
      '## Candidate variables\n\nOf each column the feature that goes with the target most (Pearson), where that is more than twice the standard error of no correlation.',
  },
  {
    code: `dataTable(
  candidates.map(({ column, feature, correlation }) => [column, feature, correlation]),
  ['Column', 'Feature', 'Correlation'],
)`,
  },
];

export const explore: Action = async (context): Promise<{ candidates: Candidate[] }> => {
  const { charter } = context;
  const { data } = charter;
  const { dataset, ranges } = await preparedRows(context);
  const [from, to] = ranges.training;
  const training = { ...dataset, rows: dataset.rows.slice(from, to), target: dataset.target.slice(from, to) };
  const profile = profileOf(training, data);
  const candidates = candidatesOf(dataset, data, ranges.training);

  const notebook = await runNotebook({
    title: `Exploration: ${charter.name}`,
    cells: CELLS,
    scope: {
      datasetFromCsv,
      profileOf,
      prepared: await context.localPath(PREPARED),
      data,
      training: ranges.training,
      candidates,
    },
  });
  if (notebook.failed) throw new Error(`the exploration failed at ${notebook.error}`);
  await context.write('delivery/exploration/profile.ipynb', notebook.json);

  const { column: answer, ahead } = targetRule(data);
  const inputs = profile.columns.filter(({ name }) => ahead > 0 || name !== answer);
  const numeric = profile.columns.filter(({ numbers }) => numbers !== undefined);
  const words = profile.columns.flatMap(({ name, top }) =>
    (top ?? []).slice(0, 5).map(({ value, rows }) => [name, value, formatPercent(rows / profile.rows)]),
  );
  const strongest = candidates[0];
  await writeMarkdown(context, 'delivery/exploration/profile-report.md', {
    name: escapeMarkdown(charter.name),
    rows: rangeWords(dataset, ranges.training, data),
    summary: await context.narrate(
      'what the exploration of the training rows found',
      // No values: a word that many rows share may still be somebody's.
      {
        rows: profile.rows,
        columns: inputs.map(({ name, kind, missing }) => ({ name, kind, missing })),
        candidates,
        target: targetWords(data),
      },
      strongest === undefined
        ? 'No column goes with the target more than chance would make it. A model has little to learn from here.'
        : `${candidates.length} of ${inputs.length} columns go with the target more than chance would make them. The strongest is ${escapeMarkdown(strongest.column)}, by ${escapeMarkdown(strongest.feature)}: correlation ${formatNumber(strongest.correlation, 2)}.`,
    ),
    target: `${targetWords(data)}: known in ${formatNumber(profile.target.known)} of ${formatNumber(profile.rows)} rows, ${
      data.task === 'classification'
        ? `yes in ${formatPercent(profile.target.mean)}`
        : `${formatNumber(profile.target.mean)} on average`
    }.`,
    distributions:
      numeric.length === 0
        ? 'There are no numbers.'
        : table(
            numeric.map(({ name, numbers }) => [
              name,
              numbers!.min,
              numbers!.quantiles[1],
              numbers!.quantiles[2],
              numbers!.quantiles[3],
              numbers!.max,
              numbers!.mean,
            ]),
            ['Column', 'Min', '25 %', '50 %', '75 %', 'Max', 'Mean'],
          ),
    categories: words.length === 0 ? 'There are no words.' : table(words, ['Column', 'Value', 'Share']),
    anomalies: bulletList(anomalies(training, profile, data.time)),
    candidates:
      candidates.length === 0
        ? 'None.'
        : table(
            candidates.map(({ column, feature, correlation }) => [column, feature, Number(correlation.toFixed(3))]),
            ['Column', 'Strongest feature', 'Correlation with the target'],
          ),
  });
  context.fact('candidate-variables', candidates.length);
  return { candidates };
};
