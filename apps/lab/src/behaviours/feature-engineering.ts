import type { Action, ActionContext } from '@vt/agent-runtime';
import { bulletList, escapeMarkdown, formatNumber, table } from '@vt/documents';
import {
  fitFeatures,
  lookback,
  planFeatures,
  targetRule,
  transform,
  type Feature,
  type FeatureConfig,
  type FeatureRule,
  type Row,
} from '@vt/modeling';
import { parse, stringify } from 'yaml';
import { writeMarkdown } from '../document.ts';
import { preparedRows, rangeWords } from '../prepared.ts';

export const FEATURE_CONFIG = 'delivery/features/feature-config.yaml';
const PROBES = 50;

/** How far features look, as the end of a sentence. */
const backWords = (rows: number): string =>
  rows === 0
    ? 'none of which looks at another row'
    : `each looking back on at most ${rows} ${rows === 1 ? 'row' : 'rows'} and never ahead`;
const before = (rows: number): string => `${rows} ${rows === 1 ? 'row' : 'rows'} before`;

const meaningOf = (rule: FeatureRule): string => {
  switch (rule.kind) {
    case 'value':
      return rule.lag === 0 ? 'the value' : `the value ${before(rule.lag)}`;
    case 'rolling-mean':
      return `mean of the last ${rule.rows} rows, this one included`;
    case 'missing':
      return '1 where the value is missing, else 0';
    case 'one-hot':
      return `1 where it is "${rule.is}"${rule.lag === 0 ? '' : ` ${before(rule.lag)}`}, else 0`;
    case 'calendar':
      return `${rule.wave === 'sin' ? 'sine' : 'cosine'} of the place in the ${rule.cycle}`;
  }
};

/** The rules without what was fitted. */
const ruleOf = ({ fill: _fill, mean: _mean, scale: _scale, ...rule }: Feature): FeatureRule => rule;

/** The rules that feature engineering wrote. */
export const featureRules = async (context: ActionContext): Promise<readonly FeatureRule[]> => {
  const { features } = parse(String(await context.read(FEATURE_CONFIG))) as FeatureConfig;
  return features.map(ruleOf);
};

/**
 * As a caller would: each row alone with no more past than the features look back on, through JSON and the written
 * configuration. Answers how many rows have other features than in training.
 */
const differences = (config: FeatureConfig, written: string, rows: readonly Row[]): number => {
  // What was written is what stringify made of a FeatureConfig.
  const served = parse(written) as FeatureConfig;
  const trained = transform(config, rows);
  const back = lookback(config);
  const probes = Array.from({ length: PROBES }, (_, probe) => Math.floor(((probe + 1) * (rows.length - 1)) / PROBES));
  return probes.filter((row) => {
    const sent = JSON.parse(JSON.stringify(rows.slice(Math.max(0, row - back), row + 1))) as Row[];
    const features = transform(served, sent).at(-1)!;
    // The first rows have less past than the features look back on, wherever they are made.
    return features.some((value, feature) => value !== trained[row]![feature]);
  }).length;
};

export const engineerFeatures: Action = async (context): Promise<void> => {
  const { charter, ticket } = context;
  const { data } = charter;
  const { dataset, digest, ranges } = await preparedRows(context);
  const rules = planFeatures(dataset, data, ranges.training);
  const config = fitFeatures(rules, dataset, ranges.training);
  const written = stringify({
    version: ticket.cycle,
    fittedOn: { data: digest, rows: ranges.training },
    lookback: lookback(config),
    columns: config.columns,
    features: config.features,
  });
  const changed = differences(config, written, dataset.rows.slice(...ranges.training));
  await context.write(FEATURE_CONFIG, written);

  const unused = dataset.columns.filter(({ name }) => !rules.some(({ column }) => column === name));
  const byColumn = [...Map.groupBy(rules, ({ column }) => column)];
  await writeMarkdown(context, 'delivery/features/feature-map.md', {
    name: escapeMarkdown(charter.name),
    summary: `${rules.length} features of ${byColumn.length} columns, ${backWords(lookback(config))}. They are declared in \`feature-config.yaml\`, which training, evaluation and the served model all compute by the same code.`,
    map: table(
      byColumn.map(([column, of]) => [column, of.length, of.map(({ name }) => name).join(', ')]),
      ['Column', 'Features', 'Names'],
    ),
    rules: table(
      rules.map((rule) => [rule.name, rule.column, meaningOf(rule)]),
      ['Feature', 'Column', 'Meaning'],
    ),
    fitted: `On ${rangeWords(dataset, ranges.training, data)}, and on no other: what stands in for a missing value (the mean), and mean and deviation by which a feature is scaled. Training fits them again on its own rows in every cycle.`,
    parity: `${PROBES} rows were computed again as a caller would send them, one by one${lookback(config) === 0 ? '' : `, with at most ${lookback(config)} rows of past`}, through JSON and the written configuration: ${changed === 0 ? 'every feature was the same, to the last digit' : `${changed} rows had other features`}.`,
    excluded: bulletList([
      ...(targetRule(data).ahead === 0 ? [`${escapeMarkdown(targetRule(data).column)}: it is the answer`] : []),
      ...data.exclude.map((name) => `${escapeMarkdown(name)}: excluded by the charter`),
      ...unused
        .filter(({ name }) => name !== targetRule(data).column)
        .map(({ name }) => `${escapeMarkdown(name)}: nothing of it varies or recurs enough in the training rows`),
      `${formatNumber(rules.length)} features are used; no other selection was made`,
    ]),
  });
  context.decide(
    `${rules.length} features of ${byColumn.length} columns`,
    'Every rule that the training rows bear; no other selection was made',
    unused
      .filter(({ name }) => name !== targetRule(data).column)
      .map(({ name }) => ({ option: name, because: 'nothing of it varies or recurs enough in the training rows' })),
  );
  context.fact('features', rules.length);
  context.fact('parity-checked', changed === 0);
};
