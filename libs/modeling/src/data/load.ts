import type { Charter } from '@vt/value-train';
import { createHash } from 'node:crypto';
import { instantOf, type Column, type Row } from '../inference.ts';
import { randomOf, shuffled } from '../random.ts';
import type { DataSummary } from './survey.ts';
import { recordsOf } from './source.ts';
import { targetOf } from './target.ts';
import { valueOf } from './values.ts';

/** More rows than this are thinned: the latest ones where there is a time column, else a seeded sample. */
export const ROWS_MAX = 50_000;
const STRATA = 10;

/** Rows ready to be split: any range of them is a fair part, in time where there is a time column. */
export interface Dataset {
  /** Without the excluded ones. */
  readonly columns: readonly Column[];
  readonly rows: readonly Row[];
  /** By row; 1 and 0 for yes and no; null where it is not known. */
  readonly target: readonly (number | null)[];
  readonly order: 'time' | 'stratified';
}

/** Loads a file that was surveyed and found good. */
export const loadDataset = async (
  path: string,
  data: Charter['data'],
  summary: DataSummary,
  seed: number,
): Promise<Dataset> => {
  const rows =
    data.time === undefined ? await sampledRows(path, summary, seed) : await latestRows(path, summary, data.time);
  const columns = summary.columns
    .filter(({ name }) => !data.exclude.includes(name))
    .map(({ name, kind }) => ({ name, kind }));
  const keep = (row: Row): Row => Object.fromEntries(columns.map(({ name }) => [name, row[name] ?? null]));

  if (data.time !== undefined) {
    return { columns, rows: rows.map(keep), target: targetOf(data, rows), order: 'time' };
  }
  const target = targetOf(data, rows);
  const order = stratified(target, seed);
  return {
    columns,
    rows: order.map((index) => keep(rows[index]!)),
    target: order.map((index) => target[index]!),
    order: 'stratified',
  };
};

/** Which rows of a file are used, as a sentence; undefined where all of them are. */
export const thinningWords = (
  rowsOfFile: number,
  { rows, order }: Pick<Dataset, 'rows' | 'order'>,
): string | undefined => {
  if (rows.length >= rowsOfFile) return undefined;
  const [used, all, most] = [rows.length, rowsOfFile, ROWS_MAX].map((count) => count.toLocaleString('en'));
  const which = order === 'time' ? 'the latest ones' : 'a sample drawn by the seed';
  return `Of the ${all} rows of the file ${used} are used, ${which}: a train works with about ${most} at most`;
};

/** All rows, or about ROWS_MAX of them, chosen by the seed. */
const sampledRows = async (path: string, { columns, rows }: DataSummary, seed: number): Promise<Row[]> => {
  const random = randomOf(seed);
  const kept: Row[] = [];
  for await (const batch of bodyOf(path)) {
    for (const fields of batch) if (random() * rows < ROWS_MAX) kept.push(rowOf(fields, columns));
  }
  return kept;
};

/** In order of time (rows of the same moment keep theirs), the last ROWS_MAX. */
const latestRows = async (path: string, { columns }: DataSummary, time: string): Promise<Row[]> => {
  const place = columns.findIndex(({ name }) => name === time);
  let kept: { readonly at: number; readonly fields: readonly string[] }[] = [];
  const trim = () => (kept = kept.sort((a, b) => a.at - b.at).slice(-ROWS_MAX));
  let earliest = Number.NEGATIVE_INFINITY;
  for await (const batch of bodyOf(path)) {
    for (const fields of batch) {
      const at = instantOf(fields[place]!.trim())!;
      if (at >= earliest) kept.push({ at, fields });
    }
    if (kept.length > 2 * ROWS_MAX) earliest = trim()[0]!.at;
  }
  return trim().map(({ fields }) => rowOf(fields, columns));
};

/** One record as typed values. */
export const rowOf = (fields: readonly string[], columns: readonly Column[]): Row =>
  Object.fromEntries(columns.map(({ name, kind }, index) => [name, valueOf(fields[index]!, kind)]));

/** Fields of the records below the header, in batches. */
export async function* bodyOf(path: string): AsyncGenerator<readonly (readonly string[])[]> {
  let header = true;
  for await (const batch of recordsOf(path)) {
    const fields = batch.map((record) => record.fields);
    yield header ? fields.slice(1) : fields;
    header = false;
  }
}

/** An order in which every range has nearly the same share of each outcome (of each tenth, for numbers). */
const stratified = (target: readonly (number | null)[], seed: number): number[] => {
  const known = target.filter((value) => value !== null).sort((a, b) => a - b);
  const edges = Array.from({ length: STRATA - 1 }, (_, at) => known[Math.floor(((at + 1) * known.length) / STRATA)]!);
  const strata = Map.groupBy(shuffled([...target.keys()], randomOf(seed)), (row) => {
    const value = target[row]!;
    return value === null ? -1 : edges.filter((edge) => edge <= value).length;
  });
  return [...strata.values()]
    .flatMap((rows) => rows.map((row, place) => ({ row, place: (place + 0.5) / rows.length })))
    .sort((a, b) => a.place - b.place || a.row - b.row)
    .map(({ row }) => row);
};

/** `sha256:` and 64 hexadecimal digits. */
export const digestOf = (content: string | Uint8Array): string =>
  `sha256:${createHash('sha256').update(content).digest('hex')}`;
