import type { Action, ActionContext } from '@vt/agent-runtime';
import { bulletList, escapeMarkdown, formatNumber, table } from '@vt/documents';
import {
  digestOf,
  examplesOf,
  fitFeatures,
  higherIsBetter,
  inThread,
  lookback,
  openInferencePackage,
  packInferencePackage,
  predict,
  SEARCH_ROWS_MAX,
  targetRule,
  transform,
  type FeatureConfig,
  type Metric,
  type Model,
  type Recipe,
  type RowRange,
  type RowRanges,
  type Run,
  type Search,
} from '@vt/modeling';
import { baselineName, criterionWords, metricName } from '@vt/value-train';
import { writeMarkdown } from '../document.ts';
import { PREPARED, preparedRows, rangeWords, type Prepared } from '../prepared.ts';
import { FEATURE_CONFIG, featureRules } from './feature-engineering.ts';
import { readPlan } from './training-plan.ts';

export const CANDIDATE = 'delivery/model/candidate.json';
const PARITY_ROWS = 50;

/** What was chosen, and everything it follows from. */
export interface Candidate extends Recipe {
  readonly version: string;
  readonly cycle: number;
  /** Cross-validated inside the training rows. */
  readonly validation: {
    readonly metric: Metric;
    readonly mean: number;
    readonly deviation: number;
    readonly scores: readonly number[];
    readonly baseline: number;
  };
  readonly data: { readonly path: string; readonly digest: string; readonly rows: number };
  /** Of the prepared rows, first included and last excluded. */
  readonly ranges: RowRanges;
  /** Digest of the features as fitted on the training rows of this cycle. */
  readonly features: { readonly count: number; readonly digest: string };
  readonly model: { readonly digest: string };
}

interface Fitted {
  readonly config: FeatureConfig;
  readonly model: Model;
}

const digestOfJson = (value: unknown): string => digestOf(JSON.stringify(value));

/** Features and model, fitted on the training rows of this cycle. */
const fitAnew = async (context: ActionContext, { dataset, ranges }: Prepared, recipe: Recipe): Promise<Fitted> => {
  const config = fitFeatures(await featureRules(context), dataset, ranges.training);
  const { x, y } = examplesOf(config, dataset, ranges.training);
  return { config, model: await inThread(context.signal, 'fit', recipe, x, y) };
};

export const recipeOf = ({ task, family, params, seed }: Recipe): Recipe => ({ task, family, params, seed });

export const trainModels: Action = async (context): Promise<Search> => {
  const { charter, ticket, signal } = context;
  const prepared = await preparedRows(context);
  const plan = await readPlan(context, prepared);
  const rules = await featureRules(context);
  const search = await inThread(signal, 'searchModels', prepared.dataset, rules, {
    task: charter.data.task,
    metric: plan.metric,
    seed: plan.seed,
    plan,
    baseline: charter.baseline,
    ahead: targetRule(charter.data).ahead,
  });
  const [best] = search.runs;
  const { config, model } = await fitAnew(context, prepared, best.recipe);
  const modelDigest = digestOfJson(model);
  const candidate: Candidate = {
    version: `${ticket.cycle}-${best.recipe.family}-${modelDigest.slice('sha256:'.length, 'sha256:'.length + 8)}`,
    cycle: ticket.cycle,
    ...best.recipe,
    validation: {
      metric: search.metric,
      mean: best.mean,
      deviation: best.deviation,
      scores: best.scores,
      baseline: search.baseline,
    },
    data: { path: PREPARED, digest: prepared.digest, rows: prepared.dataset.rows.length },
    ranges: prepared.ranges,
    features: { count: config.features.length, digest: digestOfJson(config) },
    model: { digest: modelDigest },
  };
  await context.write(CANDIDATE, `${JSON.stringify(candidate, null, 2)}\n`);
  await writeRuns(context, prepared, search, candidate);

  const bestOf = [...Map.groupBy(search.runs, ({ recipe }) => recipe.family)].map(([, [first]]) => first!);
  const scored = (run: Run) => `${metricName(search.metric)} ${formatNumber(run.mean, 4)} over the same folds`;
  context.decide(
    `Candidate ${candidate.version}: ${best.recipe.family}, ${paramsWords(best.recipe.params)}`,
    scored(best),
    bestOf
      .filter(({ recipe }) => recipe.family !== best.recipe.family)
      .map((run) => ({ option: run.recipe.family, because: scored(run) })),
  );
  for (const criterion of charter.success) {
    context.ask(
      `Is ${criterionWords(criterion, charter.baseline)} on held-out rows?`,
      'The candidate was chosen inside the training rows; where it fails, it goes back',
      'validation',
    );
  }
  if (!advantageIn(search)) {
    const baseline = formatNumber(search.baseline, 4);
    context.learn('No family is better than the baseline in its folds', `${scored(best)}; the baseline ${baseline}`);
  }
  context.fact('best-family', best.recipe.family);
  context.fact('families', new Set(search.runs.map(({ recipe }) => recipe.family)).size);
  context.fact('runs', search.runs.length);
  context.fact('cv-metric', best.mean);
  context.fact('cv-deviation', best.deviation);
  context.fact('cv-baseline', search.baseline);
  context.fact('model-digest', modelDigest);
  return search;
};

const advantageIn = ({ metric, runs: [best], baseline }: Search): boolean =>
  higherIsBetter(metric) ? best.mean > baseline : best.mean < baseline;

const paramsWords = (params: Recipe['params']): string =>
  Object.entries(params)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');

const runRow = ({ id, recipe, mean, deviation, durationMs }: Run, dataDigest: string) => [
  id,
  recipe.family,
  paramsWords(recipe.params),
  String(recipe.seed),
  dataDigest.slice('sha256:'.length, 'sha256:'.length + 12),
  `${formatNumber(mean, 4)} ± ${formatNumber(deviation, 4)}`,
  `${durationMs} ms`,
];

/** Which rows the folds were made of. */
const searched = ([from, to]: RowRange): string =>
  to - from > SEARCH_ROWS_MAX ? `the last ${formatNumber(SEARCH_ROWS_MAX)} training rows` : 'the training rows';

const writeRuns = async (
  context: ActionContext,
  { dataset, digest, ranges }: Prepared,
  { runs, metric, baseline }: Search,
  candidate: Candidate,
): Promise<void> => {
  const { charter } = context;
  const [best] = runs;
  await writeMarkdown(context, 'delivery/model/mlflow-runs.md', {
    name: escapeMarkdown(charter.name),
    chosen: bulletList([
      `${candidate.version}: ${best.id}, ${best.recipe.family} (${paramsWords(best.recipe.params)})`,
      `${metricName(metric)} ${formatNumber(best.mean, 4)} ± ${formatNumber(best.deviation, 4)} over ${best.scores.length} folds`,
      `${baselineName(charter.baseline)} on the same folds: ${formatNumber(baseline, 4)}`,
      `Fitted again on all training rows: ${rangeWords(dataset, ranges.training, charter.data)}`,
    ]),
    method:
      dataset.order === 'time'
        ? `Inside ${searched(ranges.training)}, in order of time: each of ${best.scores.length} folds learns from a growing past and is judged on the rows that follow. A fold has fewer rows than the final training, so its score is a cautious one. Held-out rows were not touched; judging by them is the evaluator's.`
        : `Inside ${searched(ranges.training)}: each of ${best.scores.length} parts is judged once by what the others taught. Held-out rows were not touched; judging by them is the evaluator's.`,
    runs: table(
      runs.map((run) => runRow(run, digest)),
      ['Run', 'Family', 'Parameters', 'Seed', 'Data', metricName(metric), 'Took'],
    ),
    repeat: bulletList([
      `Data: \`${PREPARED}\`, ${digest}`,
      `Features: \`${FEATURE_CONFIG}\`, fitted on the training rows: ${candidate.features.digest}`,
      `Seed ${charter.seed}: the same data, features and seed give the same runs and the same model, ${candidate.model.digest}`,
      'Plan: `delivery/model/training-plan.md`, which the search followed',
      `${formatNumber(runs.length)} runs of ${new Set(runs.map(({ recipe }) => recipe.family)).size} families; all of them are listed`,
    ]),
  });
};

export const readCandidate = async (context: ActionContext, cycle: number): Promise<Candidate> =>
  // What trainModels wrote.
  JSON.parse(String(await context.read(CANDIDATE, cycle))) as Candidate;

/** Fits the candidate again from its recipe, packs it, and has the package answer in a process of its own. */
export const buildPackage: Action = async (context): Promise<{ version: string; digest: string }> => {
  const prepared = await preparedRows(context);
  const candidate = await readCandidate(context, context.ticket.cycle);
  const recipe = recipeOf(candidate);
  const fitted = await fitAnew(context, prepared, recipe);
  const repeated = digestOfJson(fitted.model);
  if (repeated !== candidate.model.digest) {
    throw new Error(`fitted again, the candidate is another model: ${repeated} instead of ${candidate.model.digest}`);
  }
  const { version } = candidate;
  const archive = await packInferencePackage({ version, recipe, data: prepared.digest, ...fitted });
  const different = await answersDifferently(context, archive, fitted, prepared);
  if (different > 0) throw new Error(`the package answers ${different} of ${PARITY_ROWS} rows otherwise than training`);
  const { digest } = await context.write('delivery/model/inference-package.tgz', archive);
  context.fact('reproducible', true);
  context.fact('parity-checked', true);
  return { version, digest };
};

/** How many of the last training rows, sent with the past that they need, the package answers otherwise. */
const answersDifferently = async (
  context: ActionContext,
  archive: Uint8Array,
  { config, model }: Fitted,
  { dataset, ranges: { training } }: Prepared,
): Promise<number> => {
  await openInferencePackage(archive, context.workspace);
  const first = Math.max(0, training[1] - PARITY_ROWS);
  const start = Math.max(0, first - lookback(config));
  const input = JSON.stringify({ rows: dataset.rows.slice(start, training[1]) });
  const { exitCode, stdout, stderr } = await context.command('node', ['server.mjs', '--once'], { input });
  if (exitCode !== 0) throw new Error(`the package refuses training rows: ${stdout}${stderr}`);
  // What server.mjs answers.
  const { predictions } = JSON.parse(stdout) as { predictions: { score: number }[] };
  const expected = predict(model, transform(config, dataset.rows.slice(0, training[1])).slice(first));
  return expected.filter((score, row) => predictions[first - start + row]?.score !== score).length;
};
