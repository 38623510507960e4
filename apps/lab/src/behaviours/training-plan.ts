import type { Action, ActionContext } from '@vt/agent-runtime';
import { bulletList, escapeMarkdown, formatNumber, formatPercent, table } from '@vt/documents';
import { digestOf, learnedRows, planSearch, type Metric, type SearchPlan } from '@vt/modeling';
import { baselineName, criterionWords, metricName, primaryMetric, targetWords } from '@vt/value-train';
import { parse, stringify } from 'yaml';
import { writeMarkdown } from '../document.ts';
import { PREPARED, preparedRows, rangeWords, type Prepared } from '../prepared.ts';
import { FEATURE_CONFIG, featureRules } from './feature-engineering.ts';

const PLAN = 'delivery/model/training-plan.yaml';

/** What training will do; the search reads it, and does nothing else. */
export interface TrainingPlan extends SearchPlan {
  readonly metric: Metric;
  readonly seed: number;
  /** By digest: of other rows, or other features, it says nothing. */
  readonly madeFor: { readonly data: string; readonly features: string };
}

const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** The known values of the target in the training rows. */
const knownTargets = ({ dataset, ranges }: Prepared): readonly number[] =>
  dataset.target.slice(...ranges.training).filter((value) => value !== null);

const answerWords = (known: readonly number[], task: 'classification' | 'regression'): string => {
  const mean = meanOf(known);
  if (task === 'classification') return `yes in ${formatPercent(mean)} of them`;
  const deviation = Math.sqrt(meanOf(known.map((value) => (value - mean) ** 2)));
  return `${formatNumber(mean)} on average, with a standard deviation of ${formatNumber(deviation)}`;
};

/** Gathers what a plan has to go by: the question, what success is, what binds, and whether the data bear it. */
export const researchTraining: Action = async (context): Promise<void> => {
  const { charter, ticket, feedback } = context;
  const { data } = charter;
  const prepared = await preparedRows(context);
  const { dataset, ranges } = prepared;
  const features = await featureRules(context);
  const known = knownTargets(prepared);
  const rowsPerFeature = known.length / Math.max(1, features.length);
  const answers = new Set(known).size;
  const candidates = context.factsOf('exploration')['candidate-variables'];
  const approach = context.factsOf('model-architecture')['approach'];
  const before = context.factsOf('training');
  const isAligned = answers > 1 && features.length > 0;

  await writeMarkdown(context, 'delivery/model/training-research.md', {
    name: escapeMarkdown(charter.name),
    problem: bulletList([
      `Asked is ${targetWords(data)}: ${data.task}`,
      escapeMarkdown(charter.problem),
      `It is known in ${formatNumber(known.length)} of ${formatNumber(ranges.training[1] - ranges.training[0])} training rows: ${answerWords(known, data.task)}`,
    ]),
    success: bulletList([
      ...charter.success.map(
        (criterion) => `${criterionWords(criterion, charter.baseline)}, on held-out rows, as the evaluator finds`,
      ),
      `Settings are compared by ${metricName(primaryMetric(charter))}, and with ${baselineName(charter.baseline)}`,
    ]),
    constraints: bulletList([
      `Learned is from ${rangeWords(dataset, ranges.training, data)}; ${rangeWords(dataset, ranges.heldOut, data)} are the evaluator's and not looked at`,
      dataset.order === 'time'
        ? 'Rows are in order of time: nothing may be judged by rows that come before those it learned from'
        : 'Rows do not follow one another: any part of them is like the rest',
      `${formatNumber(features.length)} features, so ${formatNumber(rowsPerFeature, 1)} training rows for each`,
      data.exclude.length === 0
        ? 'The charter excludes no column'
        : `Excluded by the charter: ${data.exclude.map(escapeMarkdown).join(', ')}`,
      `Seed ${charter.seed}: the same again must give the same model`,
    ]),
    alignment: table(
      [
        ['The target takes more than one value', `${formatNumber(answers)} values`],
        [
          'Some columns go with the target more than chance would make them',
          candidates === undefined ? 'not explored' : String(candidates),
        ],
        ['Features are defined, and none looks ahead', String(features.length)],
        ['The architecture was decided', approach === undefined ? 'not decided' : String(approach)],
      ],
      ['What a plan goes by', 'Found'],
    ),
    before: bulletList([
      ...(ticket.cycle === 1 || before['best-family'] === undefined
        ? ['Nothing: no model of this train was trained yet']
        : [
            `The last lap chose ${String(before['best-family'])}, ${metricName(primaryMetric(charter))} ${formatNumber(Number(before['cv-metric']), 4)} in its folds`,
          ]),
      ...feedback.map((said) => `Said of the work before: ${escapeMarkdown(said)}`),
    ]),
  });
  context.fact('target-known', known.length);
  context.fact('success-criteria', charter.success.length);
  context.fact('rows-per-feature', rowsPerFeature);
  context.fact('aligned', isAligned);
};

/** Plans the search, by what the data bear, and says it to people and to the search. */
export const planTraining: Action = async (context): Promise<void> => {
  const { charter, feedback } = context;
  const { data } = charter;
  const prepared = await preparedRows(context);
  const features = await featureRules(context);
  const search = planSearch(prepared.dataset.order, prepared.ranges.training, data.task, features.length);
  const metric = primaryMetric(charter);
  const madeFor = { data: prepared.digest, features: digestOf(await context.read(FEATURE_CONFIG)) };
  const plan: TrainingPlan = { metric, seed: charter.seed, madeFor, ...search };
  await context.write(PLAN, stringify(plan));

  const runs = plan.families.reduce((sum, each) => sum + each.runs, 0);
  const smallest = formatNumber(learnedRows(plan.folds));
  const leftOut = plan.families.flatMap(({ family, leftOut: parameters }) =>
    parameters.map(({ parameter, values, because }) => `${family}: ${parameter} ${values.join(', ')} (${because})`),
  );
  const summary = `At most ${runs} settings of ${plan.families.length} families, each judged on ${plan.folds.length} folds by ${metricName(metric)}. The smallest fold learns from ${smallest} rows.`;
  await writeMarkdown(context, 'delivery/model/training-plan.md', {
    name: escapeMarkdown(charter.name),
    summary: await context.narrate(
      'what the plan of training is, in short',
      { runs, families: plan.families, metric },
      summary,
    ),
    families: table(
      plan.families.map(({ family, space, runs: tried }) => [family, spaceWords(space), tried]),
      ['Family', 'Values that are combined', 'Settings tried, at most'],
    ),
    leftOut: leftOut.length === 0 ? 'Nothing.' : bulletList(leftOut),
    folds: table(
      plan.folds.map(({ learn, judge }, fold) => [
        fold + 1,
        learn.map((range) => rangeWords(prepared.dataset, range, data)).join(' and '),
        rangeWords(prepared.dataset, judge, data),
      ]),
      ['Fold', 'Learns from', 'Is judged on'],
    ),
    judged: bulletList([
      `${metricName(metric)}, the mean over the folds; ${baselineName(charter.baseline)} is judged on the same folds`,
      'Features are fitted anew in each fold, on what it learns from',
      `A family whose first ${plan.hopelessAfter} settings are all worse than the baseline, by more than their deviation over the folds, gets no more; otherwise the search stops when all settings are tried`,
    ]),
    tasks: table(TASKS, ['Task', 'Needs', 'Leaves']),
    dependencies: bulletList([
      `The prepared rows, \`${PREPARED}\`: ${madeFor.data}`,
      `The features, \`${FEATURE_CONFIG}\`: ${madeFor.features}`,
      `The charter: success criteria, baseline, and seed ${plan.seed}`,
    ]),
    acceptance: bulletList(acceptanceOf(context)),
    otherwise: bulletList([
      'The rows or the features are others than those above when the search begins: it does not begin, and the plan is made anew',
      `No family is better than ${baselineName(charter.baseline)}: the search says so, and features or architecture are looked at again`,
      ...feedback.map((said) => `Said of the work before: ${escapeMarkdown(said)}`),
    ]),
  });
  context.decide(
    `At most ${runs} settings of ${plan.families.map(({ family }) => family).join(', ')}`,
    `What the smallest fold of ${smallest} rows, and ${features.length} features, bear`,
    leftOut.map((option) => ({ option, because: 'the data do not bear it' })),
  );
  context.fact('planned-families', plan.families.length);
  context.fact('planned-runs', runs);
  context.fact('planned-folds', plan.folds.length);
  context.fact('planned-inputs', Object.keys(madeFor).length);
  context.fact('planned-criteria', charter.success.length);
};

const spaceWords = (space: SearchPlan['families'][number]['space']): string =>
  Object.entries(space)
    .map(([name, values]) => `${name} ${values.join(', ')}`)
    .join('; ');

const TASKS: readonly (readonly string[])[] = [
  ['Search the settings, and choose the best', 'this plan', 'candidate.json, mlflow-runs.md'],
  ['Build the inference package, and have it answer', 'the candidate', 'inference-package.tgz'],
  ['Write the notebook of the training', 'the search', 'train.ipynb'],
  ['Write the notebook of the retraining, from the second lap on', 'the search', 'retrain.ipynb'],
];

const acceptanceOf = ({ charter }: ActionContext): string[] => [
  'At least three families were compared, and a candidate was chosen by its cross-validated metric',
  'Fitted again from its recipe, the candidate is the same model, to the last digit',
  'The package answers training rows as training does',
  ...charter.success.map(
    (criterion) => `Then the evaluator decides on held-out rows: ${criterionWords(criterion, charter.baseline)}`,
  ),
];

/** The plan, if it is of the rows and features that there are; else it is made anew. */
export const readPlan = async (context: ActionContext, { digest }: Prepared): Promise<TrainingPlan> => {
  // What planTraining wrote.
  const plan = parse(String(await context.read(PLAN))) as TrainingPlan;
  const now = { data: digest, features: digestOf(await context.read(FEATURE_CONFIG)) };
  for (const [what, known] of Object.entries(plan.madeFor)) {
    const found = now[what as keyof typeof now];
    if (found !== known) context.sendBack('plan', `the ${what} are ${found}, and the plan was made for ${known}`);
  }
  return plan;
};
