import type { Action, ActionContext } from '@vt/agent-runtime';
import { type NotebookCell, runNotebook } from '@vt/documents';
import { type DataFindings, findingsOf, inspectData, profileOf, readDataset } from '@vt/modeling';

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
  const { charter } = context;
  const findings = await findingsOf(file, charter.data, charter.seed);
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
