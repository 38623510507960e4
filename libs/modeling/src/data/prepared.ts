import type { Charter } from '@vt/value-train';
import { csvLine } from './csv.ts';
import { bodyOf, rowOf, type Dataset } from './load.ts';
import { BadData } from './problem.ts';
import { survey } from './survey.ts';
import type { Row } from '../inference.ts';

const TARGET = '__target';

/** The rows in their order with their target in the last column, `__target`: empty where it is not known. */
export const datasetToCsv = ({ columns, rows, target }: Dataset): string => {
  const names = columns.map(({ name }) => name);
  const lines = rows.map((row, index) => csvLine([...names.map((name) => row[name]!), target[index]!]));
  return csvLine([...names, TARGET]) + lines.join('');
};

/** What `datasetToCsv` wrote, read again; rows and target are the same. */
export const datasetFromCsv = async (path: string, data: Charter['data']): Promise<Dataset> => {
  const { time } = data;
  const asWritten: Charter['data'] = { ...data, target: TARGET, task: 'regression', positive: undefined, exclude: [] };
  const { problems, summary } = await survey(path, asWritten);
  if (summary === undefined) throw new BadData([problems[0]!, ...problems.slice(1)]);
  const columns = summary.columns.slice(0, -1).map(({ name, kind }) => ({ name, kind }));
  const rows: Row[] = [];
  const target: (number | null)[] = [];
  for await (const batch of bodyOf(path)) {
    for (const fields of batch) {
      rows.push(rowOf(fields, columns));
      const text = fields[columns.length]!;
      target.push(text === '' ? null : Number(text));
    }
  }
  return { columns, rows, target, order: time === undefined ? 'stratified' : 'time' };
};
