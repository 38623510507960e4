import type { Charter } from '@vt/value-train';
import { instantOf, type Column } from '../inference.ts';
import type { TextRecord } from './csv.ts';
import { BadData, didYouMean, type Problem } from './problem.ts';
import { checkName, recordsOf } from './source.ts';
import { outcomeOf, targetRule } from './target.ts';
import { isBoolean, isMissing, numberIn, ownCopy, valueOf } from './values.ts';

/** Below this a split leaves too few rows to learn from and to judge by. */
export const ROWS_MIN = 100;
const EXAMPLES_MAX = 3;
const DISTINCT_MAX = 1_000;

export interface ColumnSummary extends Column {
  /** Rows in which it is empty. */
  readonly missing: number;
  /** Different values, counted up to 1,000. */
  readonly distinct: number;
}

export interface DataSummary {
  readonly rows: number;
  readonly columns: readonly ColumnSummary[];
  /** First and last time, where there is a time column. */
  readonly period?: readonly [string, string];
}

export interface Inspection {
  readonly problems: readonly Problem[];
  /** Absent when the file could not be read to its end. */
  readonly summary?: DataSummary;
}

/**
 * Reads a file once, in batches of about a megabyte; memory does not grow with it, but for eight bytes a row where
 * there is a time column. With `name`, the file must also be what that name says.
 */
export const survey = async (path: string, data: Charter['data'], name?: string): Promise<Inspection> => {
  try {
    if (name !== undefined) await checkName(name, path);
    let scan: Scan | undefined;
    for await (const batch of recordsOf(path)) {
      const records = scan === undefined ? batch.slice(1) : batch;
      scan ??= scanOf(batch[0]!.fields, data);
      if (scan.problems.length > 0) return { problems: scan.problems };
      for (const record of records) take(scan, record);
    }
    return conclude(scan!, data);
  } catch (error) {
    if (error instanceof BadData) return { problems: error.problems };
    throw error;
  }
};

interface ColumnScan {
  readonly name: string;
  readonly distinct: Set<string>;
  missing: number;
  numbers: boolean;
  booleans: boolean;
  /** Whether everything so far that is not a number would be one with a point in place of its comma. */
  commas: boolean;
  /** The first field that is not a number. */
  oddity?: { readonly line: number; readonly text: string };
}

interface Scan {
  readonly columns: readonly ColumnScan[];
  readonly time: number;
  readonly problems: Problem[];
  readonly times: number[];
  rows: number;
  ragged: number;
  undated: number;
}

const scanOf = (header: readonly string[], data: Charter['data']): Scan => {
  const names = header.map((name) => name.trim());
  return {
    columns: names.map((name) => ({
      name,
      distinct: new Set(),
      missing: 0,
      numbers: true,
      booleans: true,
      commas: true,
    })),
    time: data.time === undefined ? -1 : names.indexOf(data.time),
    problems: problemsOfHeader(names, data),
    times: [],
    rows: 0,
    ragged: 0,
    undated: 0,
  };
};

const problemsOfHeader = (names: readonly string[], data: Charter['data']): Problem[] => {
  const { column, ahead, above } = targetRule(data);
  const problems: Problem[] = [];
  const unknown = (name: string, message: string, field: string) => {
    if (names.includes(name)) return;
    const mend = `the file has: ${names.slice(0, 20).join(', ')}${didYouMean(name, names)}; correct ${field} in the charter`;
    problems.push({ column: name, line: 1, message, mend });
  };
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice !== undefined) {
    problems.push({ column: twice, line: 1, message: 'two columns have this name', mend: 'rename one of them' });
  }
  if (names.includes('')) {
    problems.push({
      line: 1,
      message: `column ${names.indexOf('') + 1} has no name`,
      mend: 'name it in the first line',
    });
  }
  unknown(column, 'the target column is not in the file', 'data.target');
  if (data.time !== undefined) unknown(data.time, 'the time column is not in the file', 'data.time');
  for (const name of data.exclude) unknown(name, 'an excluded column is not in the file', 'data.exclude');
  if (data.time !== undefined && data.exclude.includes(data.time)) {
    problems.push({ column: data.time, message: 'the time column is excluded', mend: 'take it out of data.exclude' });
  }
  if (ahead > 0 && data.time === undefined) {
    const message = `the target looks ${ahead} rows ahead, but no column gives the order`;
    problems.push({ column, message, mend: 'name the time column in data.time' });
  }
  if (data.task === 'regression' && (above !== undefined || data.positive !== undefined)) {
    const message = 'above and positive make a yes-or-no question, but the task is regression';
    problems.push({ column, message, mend: 'leave them out, or set data.task to classification' });
  }
  const features = names.filter((name) => !data.exclude.includes(name) && (name !== column || ahead > 0));
  if (problems.length === 0 && features.length === 0) {
    problems.push({ message: 'no column is left to predict from', mend: 'take columns out of data.exclude' });
  }
  return problems;
};

const take = (scan: Scan, { line, fields }: TextRecord): void => {
  const { columns, problems } = scan;
  scan.rows += 1;
  if (fields.length !== columns.length) {
    scan.ragged += 1;
    if (scan.ragged <= EXAMPLES_MAX) {
      const message = `${fields.length} fields where the first line has ${columns.length}`;
      problems.push({
        line,
        message,
        mend: 'give every line the same number of fields, and quote those with delimiters',
      });
    }
    return;
  }
  for (let index = 0; index < columns.length; index += 1) {
    const column = columns[index]!;
    const text = fields[index]!.trim();
    if (isMissing(text)) column.missing += 1;
    else {
      if (column.distinct.size < DISTINCT_MAX && !column.distinct.has(text)) column.distinct.add(ownCopy(text));
      if (index === scan.time) takeTime(scan, line, text);
      else takeValue(column, line, text);
    }
    if (index === scan.time && isMissing(text)) takeTime(scan, line, text);
  }
};

const takeTime = (scan: Scan, line: number, text: string): void => {
  const at = instantOf(text);
  if (at !== undefined) {
    scan.times.push(at);
    return;
  }
  scan.undated += 1;
  if (scan.undated > EXAMPLES_MAX) return;
  const message = text === '' ? 'the time is empty' : `"${text}" is not a date or time`;
  const mend = 'write dates as 2015-12-31 and times as 2015-12-31T13:00:00Z';
  scan.problems.push({ column: scan.columns[scan.time]!.name, line, message, mend });
};

const takeValue = (column: ColumnScan, line: number, text: string): void => {
  if ((column.numbers || column.commas) && Number.isNaN(numberIn(text))) {
    if (column.numbers) column.oddity = { line, text };
    column.numbers = false;
    column.commas &&= DECIMAL_COMMA.test(text);
  }
  if (column.booleans && !isBoolean(text)) column.booleans = false;
};

/** `0,5` and `1.234,5`. */
const DECIMAL_COMMA = /^[-+]?(\d+|\d{1,3}(\.\d{3})+),\d+$/;

const kindOf = (column: ColumnScan, data: Charter['data']): Column['kind'] => {
  if (column.name === data.time) return 'time';
  if (column.numbers) return 'number';
  return column.booleans ? 'boolean' : 'category';
};

const conclude = (scan: Scan, data: Charter['data']): Inspection => {
  const columns = scan.columns.map((column) => ({
    name: column.name,
    kind: kindOf(column, data),
    missing: column.missing,
    distinct: column.distinct.size,
  }));
  const problems = [...scan.problems];
  if (scan.ragged > EXAMPLES_MAX) {
    problems.push({ message: `${scan.ragged} lines in all have another number of fields`, mend: 'mend them all' });
  }
  if (scan.undated > EXAMPLES_MAX) {
    problems.push({ message: `${scan.undated} times in all do not parse`, mend: 'mend them all' });
  }
  for (const { name, missing } of columns) {
    if (missing === scan.rows && scan.rows > 0 && !data.exclude.includes(name)) {
      problems.push({ column: name, message: 'every row is empty', mend: 'fill it, or list it in data.exclude' });
    }
  }
  for (const { name, numbers, commas, oddity } of scan.columns) {
    if (numbers || !commas || oddity === undefined || data.exclude.includes(name)) continue;
    const { line, text } = oddity;
    const message = `"${text}" is a number with a decimal comma`;
    problems.push({ column: name, line, message, mend: 'write the numbers of this column with a decimal point' });
  }
  const { column, ahead } = targetRule(data);
  const target = scan.columns.find(({ name }) => name === column)!;
  const usable = scan.rows - target.missing - ahead;
  if (usable < ROWS_MIN) {
    const message = `only ${Math.max(usable, 0)} of ${scan.rows} rows have a known target; at least ${ROWS_MIN} are needed`;
    problems.push({ column, message, mend: 'bring more rows' });
  }
  // Of a target that is wrong as a whole, one sentence is enough.
  if (target.missing < scan.rows && !problems.some(({ column: named }) => named === column))
    problems.push(...problemsOfTarget(target, kindOf(target, data), data));
  const times = Float64Array.from(scan.times).sort();
  if (ahead > 0) problems.push(...problemsOfOrder(times, data));
  const summary: DataSummary = {
    rows: scan.rows,
    columns,
    ...(times.length > 0 && { period: [dateOf(times[0]!), dateOf(times.at(-1)!)] as const }),
  };
  return { problems, summary };
};

const dateOf = (at: number): string => new Date(at).toISOString().replace('T00:00:00.000Z', '');

const problemsOfOrder = (times: Float64Array, data: Charter['data']): Problem[] => {
  const twice = times.findIndex((at, index) => index > 0 && at === times[index - 1]);
  if (twice < 0) return [];
  const message = `${dateOf(times[twice]!)} stands in more than one row, so "rows ahead" has no meaning`;
  return [{ column: data.time!, message, mend: 'keep one row for each moment, or predict a column of the same row' }];
};

const problemsOfTarget = (target: ColumnScan, kind: Column['kind'], data: Charter['data']): Problem[] => {
  const column = target.name;
  const { above } = targetRule(data);
  if ((data.task === 'regression' || above !== undefined) && kind !== 'number') {
    const { line, text } = target.oddity ?? { line: 1, text: 'a time' };
    const mend = 'correct or empty the field, or make the task a classification with data.positive';
    return [{ column, line, message: `the target must be a number, and "${text}" is not`, mend }];
  }
  const values = [...target.distinct];
  if (values.length === 1) {
    return [{ column, message: `every row has the value "${values[0]}"`, mend: 'bring rows with other outcomes' }];
  }
  if (data.task === 'regression' || above !== undefined) return [];
  const outcomes = values.map((value) => outcomeOf(data, valueOf(value, kind)));
  if (data.positive === undefined && outcomes.some((outcome) => outcome !== 0 && outcome !== 1)) {
    const many = values.length === DISTINCT_MAX ? 'its many' : values.length;
    const message =
      values.length === 2
        ? 'nothing says which of its 2 values counts as yes'
        : `it has ${many} values, and a classification here answers yes or no`;
    const mend =
      values.length === 2
        ? 'set data.positive to one of'
        : 'ask for one of them against all others: set data.positive to';
    return [{ column, message, mend: `${mend}: ${values.slice(0, 10).join(', ')}` }];
  }
  if (values.length < DISTINCT_MAX && !outcomes.includes(1)) {
    const message = `no row has the value "${String(data.positive)}"${didYouMean(String(data.positive), values)}`;
    return [{ column, message, mend: `set data.positive to one of: ${values.slice(0, 10).join(', ')}` }];
  }
  return [];
};
