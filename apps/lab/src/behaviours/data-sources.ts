import type { Action, ActionContext } from '@vt/agent-runtime';
import { bulletList, escapeMarkdown, formatNumber, table } from '@vt/documents';
import { inspectData, sentenceOf, targetRule, type ColumnSummary } from '@vt/modeling';
import { targetWords, type Charter } from '@vt/value-train';
import { stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { writeMarkdown } from '../document.ts';

export interface MappedSource {
  readonly rows: number;
  readonly columns: readonly ColumnSummary[];
  readonly period: readonly [string, string] | null;
  readonly problems: readonly string[];
}

const roleOf = (name: string, data: Charter['data']): string => {
  const { column, ahead } = targetRule(data);
  if (data.exclude.includes(name)) return name === column ? 'target, not an input' : 'excluded';
  if (name === column) return ahead > 0 ? `target ${ahead} ahead, and input` : 'target';
  return name === data.time ? 'time' : 'input';
};

const schemaTable = (columns: readonly ColumnSummary[], data: Charter['data']): string =>
  table(
    columns.map(({ name, kind, missing, distinct }) => [
      name,
      kind,
      roleOf(name, data),
      missing,
      distinct >= 1_000 ? '1,000 or more' : distinct,
    ]),
    ['Column', 'Kind', 'Role', 'Missing', 'Distinct'],
  );

const methodOf = ({ file }: Charter['data']): string => `read-only copy of ${file}`;
const exportOf = ({ file }: Charter['data']): string =>
  `${extname(file).toLowerCase() === '.parquet' ? 'Parquet' : 'CSV'} to one Parquet snapshot, whole, once a train`;

export const mapSources: Action = async (context): Promise<MappedSource> => {
  const { charter } = context;
  const { data } = charter;
  const path = await context.dataFile();
  const { problems, summary } = await inspectData(path, data);
  const sentences = problems.map(sentenceOf);
  const { size } = await stat(path);

  await writeMarkdown(context, 'delivery/data/source-map.md', {
    name: escapeMarkdown(charter.name),
    target: targetWords(data),
    file: escapeMarkdown(data.file),
    sources: table(
      [[data.file, summary?.rows, size, data.owner, methodOf(data), exportOf(data)]],
      ['Source', 'Rows', 'Bytes', 'Owner', 'Access', 'Export'],
    ),
    schema: summary === undefined ? 'The file could not be read to its end.' : schemaTable(summary.columns, data),
    owner: bulletList([
      `Owner: ${escapeMarkdown(data.owner)}`,
      `Licence: ${escapeMarkdown(data.licence)}`,
      data.description.trim(),
      ...(summary?.period === undefined ? [] : [`From ${summary.period[0]} to ${summary.period[1]}`]),
    ]),
    problems: sentences.length === 0 ? 'Nothing was found.' : bulletList(sentences.map(escapeMarkdown)),
  });
  context.fact('sources', summary === undefined ? 0 : 1);
  context.fact('sources-incomplete', sentences.length === 0 ? 0 : 1);
  if (sentences[0] !== undefined) context.fact('data-problem', sentences[0]);
  return {
    rows: summary?.rows ?? 0,
    columns: summary?.columns ?? [],
    period: summary?.period ?? null,
    problems: sentences,
  };
};

const accessTable = ({ charter }: ActionContext): string => {
  const { data, contacts } = charter;
  const answers = (name: string) => (name === data.owner ? 'owns the data, and grants access to it' : 'asks the owner');
  return table(
    contacts.map(({ name, role, responsibility }) => [name, role, responsibility ?? answers(name)]),
    ['Person', 'Role', 'Responsibility'],
  );
};

export const planAccess: Action = async (context): Promise<void> => {
  const { charter } = context;
  const { data } = charter;
  const { rows, columns, problems } = await context.result<MappedSource>('map-sources');
  await writeMarkdown(context, 'delivery/data/data-access-plan.md', {
    name: escapeMarkdown(charter.name),
    access: `${escapeMarkdown(data.owner)} owns ${escapeMarkdown(data.file)}.\n\n${accessTable(context)}`,
    method: bulletList([
      'The file named in the charter was copied into the artifact store when the train was started, under its SHA-256.',
      'Every action reads that copy; nothing is written to the source, and no credentials are needed.',
      `Reached when this plan was written: ${formatNumber(rows)} rows in ${columns.length} columns.`,
    ]),
    export: bulletList([
      'Whole, in one pull: all rows and all columns, as text, into `delivery/data/raw.parquet`.',
      'The snapshot counts as good when its fingerprint (SHA-256 over every field) is that of the source.',
      '`delivery/data/extract.py` repeats the pull with Python alone; a Parquet file it compares byte by byte.',
    ]),
    exclusions:
      data.exclude.length === 0
        ? 'The charter excludes no column.'
        : `Kept in the snapshot, and left out from preparation on: ${data.exclude.map(escapeMarkdown).join(', ')}.`,
    failures: bulletList([
      'A file that cannot be read, or whose rows do not fit the schema, stops the gate with the line and the mend.',
      `Today: ${problems.length === 0 ? 'nothing was found' : problems.map(escapeMarkdown).join('; ')}.`,
      `Who mends the source: ${escapeMarkdown(data.owner)}.`,
    ]),
  });
};
