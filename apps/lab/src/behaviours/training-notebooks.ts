import type { Action, ActionContext } from '@vt/agent-runtime';
import { runNotebook, type NotebookCell } from '@vt/documents';
import {
  datasetFromCsv,
  digestOf,
  driftOf,
  examplesOf,
  fitFeatures,
  inThread,
  type Examples,
  type FeatureConfig,
  type Metric,
  type Model,
  type Recipe,
  type Search,
  type Task,
} from '@vt/modeling';
import { metricName, primaryMetric } from '@vt/value-train';
import { PREPARED } from '../prepared.ts';
import { featureRules } from './feature-engineering.ts';
import { readCandidate, recipeOf } from './training.ts';

const scopeOf = async (context: ActionContext) => {
  const { charter, ticket, signal } = context;
  const candidate = await readCandidate(context, ticket.cycle);
  return {
    datasetFromCsv,
    digestOf,
    driftOf,
    examplesOf,
    fit: (recipe: Recipe, x: Examples['x'], y: Examples['y']) => inThread(signal, 'fit', recipe, x, y),
    fitFeatures,
    importanceOf: (
      model: Model,
      config: FeatureConfig,
      { x, y }: Examples,
      by: { readonly task: Task; readonly metric: Metric; readonly seed: number },
    ) => inThread(signal, 'importanceOf', model, config, { x, y }, by),
    prepared: await context.localPath(PREPARED),
    data: charter.data,
    seed: charter.seed,
    task: charter.data.task,
    metric: primaryMetric(charter),
    metricName: metricName(primaryMetric(charter)),
    rules: await featureRules(context),
    candidate,
    recipe: recipeOf(candidate),
    ranges: candidate.ranges,
    search: await context.result<Search>('search-models'),
  };
};

const write = async (
  context: ActionContext,
  path: string,
  title: string,
  cells: readonly NotebookCell[],
  scope: Readonly<Record<string, unknown>>,
): Promise<void> => {
  const notebook = await runNotebook({ title, cells, scope });
  if (notebook.failed) throw new Error(`${path} failed at ${notebook.error}`);
  await context.write(path, notebook.json);
};

const DATA_CELLS: readonly NotebookCell[] = [
  {
    markdown:
      'The functions come from `@vt/modeling`; `data`, `seed` and `metric` from the charter, `rules` from `feature-config.yaml`, `search` and `candidate` from the search of this phase.',
  },
  { markdown: '## Rows and features' },
  {
    code: `const dataset = await datasetFromCsv(prepared, data);
const config = fitFeatures(rules, dataset, ranges.training);
const examples = examplesOf(config, dataset, ranges.training);
console.log('training rows:', ranges.training[0] + 1, 'to', ranges.training[1], ' with a known target:', examples.y.length);
console.log('features:', config.features.length, ' order of the rows:', dataset.order);`,
  },
];

const REPEAT_CELLS: readonly NotebookCell[] = [
  { markdown: '## The candidate, fitted again\n\nThe same recipe on the same rows must be the same model.' },
  {
    code: `const model = await fit(recipe, examples.x, examples.y);
const digest = digestOf(JSON.stringify(model));
if (digest !== candidate.model.digest) throw new Error('this is another model: ' + digest);
console.log(candidate.version, digest);
recipe`,
  },
];

const TRAIN_CELLS: readonly NotebookCell[] = [
  ...DATA_CELLS,
  { markdown: '## All runs\n\nJudged by folds inside the training rows; the baseline on the same folds.' },
  {
    code: `console.log('baseline:', search.baseline.toFixed(4));
dataTable(
  search.runs.map(({ id, recipe, mean, deviation, durationMs }) =>
    [id, recipe.family, JSON.stringify(recipe.params), mean, deviation, durationMs]),
  ['Run', 'Family', 'Parameters', metricName, 'Deviation', 'ms'],
)`,
  },
  {
    code: `const families = [...new Set(search.runs.map(({ recipe }) => recipe.family))];
chart({
  kind: 'bar',
  horizontal: true,
  title: 'Best run of each family, and the baseline',
  categories: [...families, 'baseline'],
  y: { label: metricName },
  series: [{ name: metricName, values: [
    ...families.map((family) => search.runs.find(({ recipe }) => recipe.family === family).mean),
    search.baseline,
  ] }],
})`,
  },
  ...REPEAT_CELLS,
  {
    markdown:
      '## What the model leans on\n\nHow much worse it becomes on its training rows when the features of a column are shuffled together. Held-out rows are not used here.',
  },
  {
    code: `const importance = await importanceOf(model, config, examples, { task, metric, seed });
dataTable(importance.map(({ column, loss }) => [column, loss]), ['Column', 'Loss of ' + metricName])`,
  },
];

export const writeTrainingNotebook: Action = async (context): Promise<void> =>
  write(
    context,
    'delivery/model/train.ipynb',
    `Training: ${context.charter.name}`,
    TRAIN_CELLS,
    await scopeOf(context),
  );

/** `rival`: the champion, or the candidate before where none was deployed. */
const retrainCells = (rival: string): readonly NotebookCell[] => [
  ...DATA_CELLS,
  {
    markdown: `## What is new\n\nRows that the ${rival} has not learned from: those that judged it, and the first half of the later ones.`,
  },
  {
    code: `const [from, to] = [before.ranges.training[1], ranges.training[1]];
console.log('${rival}', before.version, 'learned from', from, 'rows; the challenger learns from', to);
dataTable(
  driftOf(dataset.columns, dataset.rows.slice(0, from), dataset.rows.slice(from, to))
    .map(({ column, psi, reading, missing, unseen }) => [column, psi, reading, missing[1], unseen]),
  ['Column', 'Stability index', 'Reading', 'Missing', 'Unseen'],
)`,
  },
  { markdown: '## Both in the search\n\nBoth recipes on folds of the training rows of this cycle.' },
  {
    code: `const runsBefore = search.runs.filter(({ recipe }) =>
  recipe.family === before.family && JSON.stringify(recipe.params) === JSON.stringify(before.params));
console.log('baseline on the same folds:', search.baseline.toFixed(4));
dataTable(
  [
    ['challenger', candidate.version, candidate.family, candidate.validation.mean, candidate.validation.deviation],
    ...runsBefore.map(({ mean, deviation }) => ['recipe of the ${rival}', before.version, before.family, mean, deviation]),
  ],
  ['Role', 'Version', 'Family', metricName, 'Deviation'],
)`,
  },
  ...REPEAT_CELLS,
  {
    markdown:
      '## Who is better\n\nThat is not for the lab to say: the evaluator compares both on rows that neither has seen.',
  },
  {
    code: `console.log('compared on rows', ranges.heldOut[0] + 1, 'to', ranges.heldOut[1]);`,
  },
];

/** Leaves nothing in the first cycle: there is no champion yet. */
export const writeRetrainNotebook: Action = async (context): Promise<void> => {
  const { cycle } = context.ticket;
  if (cycle === 1) return;
  const championCycle = context.factsOf('deployment')['model-cycle'];
  const rival = championCycle === undefined ? `candidate of cycle ${cycle - 1}` : 'champion';
  await write(
    context,
    'delivery/retrain/retrain.ipynb',
    `Retraining, cycle ${cycle}: ${context.charter.name}`,
    retrainCells(rival),
    { ...(await scopeOf(context)), before: await readCandidate(context, Number(championCycle ?? cycle - 1)) },
  );
};
