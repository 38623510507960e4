import type { Action, ActionContext } from '@vt/agent-runtime';
import { bulletList, escapeMarkdown, formatNumber, formatPercent, type NotebookCell, runNotebook } from '@vt/documents';
import {
  type DataSummary,
  inspectData,
  profileOf,
  readDataset,
  ROWS_MIN,
  sentenceOf,
  thinningWords,
} from '@vt/modeling';
import { criterionWords, targetWords } from '@vt/value-train';
import { writeMarkdown } from '../document.ts';

export interface DataFindings {
  readonly rows: number;
  /** Which of them are looked at, where that is not all. */
  readonly thinned: string | null;
  readonly columns: readonly { readonly name: string; readonly kind: string; readonly missing: number }[];
  readonly period: readonly [string, string] | null;
  /** Rows whose outcome is known. */
  readonly known: number;
  readonly targetMissingShare: number;
  /** Of yes-or-no targets the share of yes, of numbers their mean. */
  readonly targetMean: number;
  readonly duplicates: number;
  /** Columns by the strength of their relation to the target, the strongest first. */
  readonly related: readonly { readonly name: string; readonly association: number }[];
  /** What must be mended before work can begin. */
  readonly problems: readonly string[];
  readonly sufficient: boolean;
}

const withProblems = (problems: readonly string[], summary: DataSummary | undefined): DataFindings => ({
  rows: summary?.rows ?? 0,
  thinned: null,
  columns: summary?.columns ?? [],
  period: summary?.period ?? null,
  known: 0,
  targetMissingShare: 1,
  targetMean: 0,
  duplicates: 0,
  related: [],
  problems,
  sufficient: false,
});

const findingsOf = async ({ charter }: ActionContext, file: string): Promise<DataFindings> => {
  const { problems, summary } = await inspectData(file, charter.data);
  if (problems.length > 0 || summary === undefined) return withProblems(problems.map(sentenceOf), summary);
  const dataset = await readDataset(file, charter.data, charter.seed);
  const profile = profileOf(dataset, charter.data);
  const { known, mean } = profile.target;
  const related = profile.columns
    .flatMap(({ name, association }) => (association === undefined ? [] : [{ name, association }]))
    .toSorted((a, b) => Math.abs(b.association) - Math.abs(a.association));
  return {
    rows: summary.rows,
    thinned: thinningWords(summary.rows, dataset) ?? null,
    columns: summary.columns.map(({ name, kind, missing }) => ({ name, kind, missing })),
    period: summary.period ?? null,
    known,
    targetMissingShare: profile.rows === 0 ? 1 : 1 - known / profile.rows,
    targetMean: mean,
    duplicates: profile.duplicates,
    related,
    problems: [],
    sufficient: known >= ROWS_MIN,
  };
};

const PROBLEM_CELLS: readonly NotebookCell[] = [
  { markdown: '## What must be mended\n\nThe file cannot be worked with as the charter describes it.' },
  {
    code: 'dataTable(inspection.problems.map((problem) => [problem.column, problem.line, problem.message, problem.mend]),\n  ["Column", "Line", "Problem", "Mend"])',
  },
];

const PROFILE_CELLS: readonly NotebookCell[] = [
  { markdown: '## Columns' },
  {
    code: `const dataset = await readDataset(dataFile, data, seed);
const profile = profileOf(dataset, data);
dataTable(
  profile.columns.map(({ name, kind, missing, distinct, association }) => [name, kind, missing, distinct, association]),
  ['Column', 'Kind', 'Missing', 'Distinct', 'Relation to the target'],
)`,
  },
  { markdown: '## The target' },
  {
    code: `const { known, mean, distinct } = profile.target;
dataTable(
  [
    ['Rows', profile.rows],
    ['Rows whose outcome is known', known],
    [distinct === 2 ? 'Share of yes' : 'Mean', mean],
    ['Repeated rows', profile.duplicates],
  ],
  ['Of the target', 'Value'],
)`,
  },
  { markdown: '## Numbers' },
  {
    code: `const numeric = profile.columns.filter(({ numbers }) => numbers !== undefined);
dataTable(
  numeric.map(({ name, numbers }) => [name, numbers.min, ...numbers.quantiles, numbers.max, numbers.mean, numbers.outliers]),
  ['Column', 'Min', '5 %', '25 %', '50 %', '75 %', '95 %', 'Max', 'Mean', 'Outliers'],
)`,
  },
  {
    code: `for (const { name, numbers } of numeric.slice(0, 8)) {
  display(chart({
    kind: 'bar',
    title: 'Distribution of ' + name,
    categories: numbers.histogram.map(({ from, to }) => Number(from.toPrecision(3)) + '–' + Number(to.toPrecision(3))),
    y: { label: 'rows' },
    series: [{ name: 'rows', values: numbers.histogram.map(({ rows }) => rows) }],
  }));
}`,
  },
  {
    markdown:
      '## What goes with the target\n\nSigned Pearson correlation for numbers; for words, the square root of the share of variance between groups.',
  },
  {
    code: `const related = profile.columns
  .filter(({ association }) => association !== undefined)
  .sort((a, b) => Math.abs(b.association) - Math.abs(a.association))
  .slice(0, 12);
chart({
  kind: 'bar',
  horizontal: true,
  title: 'Relation of each column to the target',
  categories: related.map(({ name }) => name),
  y: { label: 'strength', min: -1, max: 1 },
  series: [{ name: 'relation', values: related.map(({ association }) => association) }],
})`,
  },
];

const notebookOf = ({ charter }: ActionContext, file: string, findings: DataFindings) =>
  runNotebook({
    title: `Data profile: ${charter.name}`,
    cells: [
      {
        markdown:
          `What \`${charter.data.file}\` holds, before work begins. ${charter.data.description}\n\n` +
          'The functions `inspectData`, `readDataset` and `profileOf` come from `@vt/modeling`; `dataFile`, `data` and `seed` from the charter.',
      },
      { markdown: '## The file' },
      {
        code: `const inspection = await inspectData(dataFile, data);
console.log('problems:', inspection.problems.length);
if (inspection.summary) {
  console.log('rows:', inspection.summary.rows, ' columns:', inspection.summary.columns.length);
  if (inspection.summary.period) console.log('from', inspection.summary.period[0], 'to', inspection.summary.period[1]);
}`,
      },
      ...(findings.problems.length > 0 ? PROBLEM_CELLS : PROFILE_CELLS),
    ],
    scope: { inspectData, readDataset, profileOf, dataFile: file, data: charter.data, seed: charter.seed },
  });

export const profileData: Action = async (context): Promise<DataFindings> => {
  const file = await context.dataFile();
  const findings = await findingsOf(context, file);
  const notebook = await notebookOf(context, file, findings);
  if (notebook.failed) throw new Error(`the data profile failed at ${notebook.error}`);
  await context.write('discovery/data-profiler.ipynb', notebook.json);

  context.fact('rows', findings.rows);
  context.fact('columns', findings.columns.length);
  context.fact('target-missing-share', findings.targetMissingShare);
  context.fact('target-mean', findings.targetMean);
  context.fact('data-sufficient', findings.sufficient);
  const [first] = findings.problems;
  if (first !== undefined) context.fact('data-problem', first);
  return findings;
};

const feasibility = ({ known, related, problems, sufficient }: DataFindings): string => {
  if (problems.length > 0) return `Not yet. To be mended first:\n\n${bulletList(problems.map(escapeMarkdown))}`;
  if (!sufficient) return `Not yet: the outcome of only ${known} rows is known, and a first version needs ${ROWS_MIN}.`;
  const [strongest] = related;
  const lead =
    strongest === undefined
      ? 'No column varies with the outcome by itself.'
      : `The column that goes with the outcome most is ${escapeMarkdown(strongest.name)} (${formatNumber(strongest.association, 2)} of 1).`;
  return `Yes, for a first version: the outcome of ${formatNumber(known)} rows is known. ${lead}`;
};

const profileWords = (
  { rows, thinned, columns, period, targetMissingShare, targetMean, duplicates }: DataFindings,
  task: string,
): string[] => {
  const incomplete = columns.filter(({ missing }) => missing > 0);
  return [
    `${formatNumber(rows)} rows in ${columns.length} columns${period === null ? '' : `, from ${period[0]} to ${period[1]}`}`,
    ...(thinned === null ? [] : [thinned]),
    `The outcome is missing in ${formatPercent(targetMissingShare)} of the rows looked at`,
    task === 'classification'
      ? `The outcome is yes in ${formatPercent(targetMean)} of the rows that know it`
      : `The outcome is ${formatNumber(targetMean)} on average`,
    incomplete.length === 0
      ? 'No column has gaps'
      : `Columns with gaps: ${incomplete.map(({ name, missing }) => `${escapeMarkdown(name)} (${missing})`).join(', ')}`,
    `${formatNumber(duplicates)} rows repeat an earlier one`,
  ];
};

export const writeOnePager: Action = async (context): Promise<void> => {
  const { charter } = context;
  const findings = await context.result<DataFindings>('profile-data');
  const target = targetWords(charter.data);
  const criteria = charter.success.map((criterion) => criterionWords(criterion, charter.baseline));
  const plain =
    `For ${charter.client.name}, a model answers ${target}, from ${formatNumber(findings.rows)} rows of ` +
    `${charter.data.file}. With the answer: ${charter.decision}`;
  await writeMarkdown(context, 'use-case-one-pager.md', 'framing/use-case-one-pager.md', {
    name: escapeMarkdown(charter.name),
    summary: await context.narrate(
      'use case in one paragraph',
      { target, criteria, findings, decision: charter.decision },
      plain,
    ),
    decision: bulletList([
      `**Today**: ${charter.problem.trim().replace(/\s+/g, ' ')}`,
      `**With the prediction**: ${charter.decision.trim().replace(/\s+/g, ' ')}`,
      `**Answers for it**: ${escapeMarkdown(charter.sponsor.name)}, ${escapeMarkdown(charter.sponsor.role)}`,
    ]),
    target: `A ${charter.data.task}: ${target}.`,
    data: `${charter.data.description.trim()} Owner: ${escapeMarkdown(charter.data.owner)}. Licence: ${escapeMarkdown(charter.data.licence)}.`,
    profile:
      findings.problems.length > 0
        ? 'The file could not be profiled; see below.'
        : bulletList(profileWords(findings, charter.data.task)),
    criteria: bulletList(criteria),
    feasibility: feasibility(findings),
  });
};
