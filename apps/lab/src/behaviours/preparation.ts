import type { Action } from '@vt/agent-runtime';
import { bulletList, escapeMarkdown, formatNumber, formatPercent, table } from '@vt/documents';
import {
  datasetToCsv,
  fingerprintOf,
  inspectData,
  profileOf,
  readDataset,
  rowRanges,
  sentenceOf,
  thinningWords,
  type ColumnProfile,
  type Dataset,
  type RowRanges,
} from '@vt/modeling';
import { targetWords, type Charter } from '@vt/value-train';
import { writeMarkdown } from '../document.ts';
import { PREPARED, RAW, rangeWords } from '../prepared.ts';

const allowed = ({ kind, numbers, top, distinct }: ColumnProfile): string => {
  if (kind === 'time') return 'ISO 8601, in UTC where it has an hour';
  if (kind === 'boolean') return 'true, false';
  if (numbers !== undefined) return `${formatNumber(numbers.min)} to ${formatNumber(numbers.max)} were seen`;
  const words = (top ?? []).slice(0, 5).map(({ value }) => escapeMarkdown(value));
  return `${words.join(', ')}${distinct > words.length ? ` and ${distinct - words.length} more` : ''}`;
};

const splitTable = (dataset: Dataset, ranges: RowRanges, data: Charter['data']): string => {
  const serves = { training: 'learning', heldOut: 'judging candidates', later: 'monitoring after deployment' } as const;
  const parts = (['training', 'heldOut', 'later'] as const).map((part) => {
    const [from, to] = ranges[part];
    const known = dataset.target.slice(from, to).filter((value) => value !== null);
    const mean = known.reduce((sum, value) => sum + value, 0) / known.length;
    const outcome = data.task === 'classification' ? formatPercent(mean) : formatNumber(mean);
    return [
      part === 'heldOut' ? 'held-out' : part,
      rangeWords(dataset, ranges[part], data),
      known.length,
      outcome,
      serves[part],
    ];
  });
  const mean = data.task === 'classification' ? 'Share of yes' : 'Mean of the target';
  return table(parts, ['Part', 'Which', 'Rows with a known target', mean, 'Serves']);
};

const splitWords = ({ order }: Dataset): string =>
  order === 'time'
    ? 'By time: what is held out is later than what is learned from, and what is monitored is later still.'
    : 'There is no time column: rows were put in an order drawn by the seed, in which every part has nearly the same share of each outcome.';

/** Lists what does not fit, or specifies what does. */
export const validateSchema: Action = async (context): Promise<void> => {
  const { charter } = context;
  const { data } = charter;
  const snapshot = await context.localPath(RAW);
  const { sha256, rows } = await fingerprintOf(snapshot);
  const fixed = `sha256:${sha256}` === context.factsOf('extraction')['raw-digest'];
  const { problems } = await inspectData(snapshot, { ...data, file: RAW });
  const valid = fixed && problems.length === 0;
  context.fact('schema-valid', valid);
  if (problems[0] !== undefined) context.fact('data-problem', sentenceOf(problems[0]));

  const validation = bulletList([
    `${formatNumber(rows)} rows of the snapshot were read; its fingerprint is ${fixed ? '' : 'not '}the one that extraction noted`,
    ...(problems.length === 0 ? ['Every row fits'] : problems.map((problem) => escapeMarkdown(sentenceOf(problem)))),
  ]);
  const blank = 'Not specified: the data does not fit the charter, see Validation.';
  if (!valid) {
    await writeMarkdown(context, 'delivery/data/schema-spec.md', {
      name: escapeMarkdown(charter.name),
      columns: blank,
      target: `${targetWords(data)}.`,
      missing: blank,
      split: blank,
      validation,
    });
    return;
  }
  const dataset = await readDataset(snapshot, data, charter.seed);
  const { columns, target } = profileOf(dataset, data);
  const thinned = thinningWords(rows, dataset);
  const gaps = columns.filter(({ missing }) => missing > 0);
  await writeMarkdown(context, 'delivery/data/schema-spec.md', {
    name: escapeMarkdown(charter.name),
    columns: table(
      columns.map((column) => [column.name, column.kind, column.missing === 0 ? 'no' : 'yes', allowed(column)]),
      ['Column', 'Kind', 'May be empty', 'Values'],
    ),
    target: `${targetWords(data)}. Known in ${formatNumber(target.known)} of ${formatNumber(dataset.rows.length)} rows; in \`prepared.csv\` it is the last column, \`__target\`${data.task === 'classification' ? ', 1 for yes and 0 for no' : ''}.`,
    missing:
      gaps.length === 0
        ? 'No column has gaps. Should one appear in service, the mean of the training rows stands in.'
        : `Empty fields stay empty in \`prepared.csv\`; the mean of the training rows stands in when features are made, and a feature says that the value was missing.\n\n${table(
            gaps.map(({ name, missing }) => [name, missing, formatPercent(missing / dataset.rows.length)]),
            ['Column', 'Empty', 'Share'],
          )}`,
    split: `${splitWords(dataset)}${thinned === undefined ? '' : ` ${thinned}.`}\n\n${splitTable(dataset, rowRanges(dataset.rows.length, data.split, 1), data)}`,
    validation,
  });
};

export const splitAndClean: Action = async (context): Promise<RowRanges> => {
  const { charter } = context;
  const dataset = await readDataset(await context.localPath(RAW), charter.data, charter.seed);
  const { digest } = await context.write(PREPARED, datasetToCsv(dataset));
  const ranges = rowRanges(dataset.rows.length, charter.data.split, 1);
  const byTime = dataset.order === 'time';
  context.decide(
    `Split ${byTime ? 'by time' : 'by the seed'}, ${charter.data.split.join(' / ')}`,
    byTime ? 'What is held out is later than what is learned from' : 'There is no time column',
    [
      byTime
        ? { option: 'Split at random', because: 'Rows from the future would be learned from' }
        : { option: 'Split by time', because: 'The charter names no column that holds one' },
    ],
  );
  context.fact('train-rows', ranges.training[1] - ranges.training[0]);
  context.fact('holdout-rows', ranges.heldOut[1] - ranges.heldOut[0]);
  context.fact('later-rows', ranges.later[1] - ranges.later[0]);
  context.fact('split-by-time', dataset.order === 'time');
  context.fact('prepared-digest', digest);
  return ranges;
};
