import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Charter } from '@vt/value-train';
import { inspectData, readDataset } from './inspect.ts';
import { BadData, sentenceOf } from './problem.ts';
import { fingerprintOf, writeSnapshot } from './source.ts';

let folder: string;
beforeAll(async () => (folder = await mkdtemp(join(tmpdir(), 'modeling-'))));
afterAll(() => rm(folder, { recursive: true }));

const charter = (changes: Partial<Charter['data']> = {}): Charter['data'] => ({
  file: 'data.csv',
  description: 'daily sales',
  owner: 'the shop',
  licence: 'CC0',
  target: { column: 'sold', ahead: 1, above: 50 },
  task: 'classification',
  time: 'day',
  exclude: [],
  split: [0.5, 0.25, 0.25],
  ...changes,
});

const day = (index: number): string => new Date(Date.UTC(2020, 0, 1 + index)).toISOString().slice(0, 10);
const rows = (
  count: number,
  change: (fields: string[], index: number) => string[] = (fields) => fields,
): string[][] => [
  ['day', 'sold', 'weekday'],
  ...Array.from({ length: count }, (_, index) =>
    change([day(index), String((index * 37) % 101), index % 7 > 4 ? 'weekend' : 'work'], index),
  ),
];
const csv = (lines: string[][]): string => lines.map((fields) => `${fields.join(',')}\n`).join('');
const good = csv(rows(200));

const inspect = async (content: string | Uint8Array, changes: Partial<Charter['data']> = {}) => {
  const path = join(folder, changes.file ?? 'data.csv');
  await writeFile(path, content);
  return inspectData(path, charter(changes));
};

it('finds nothing wrong with good data, and says what is there', async () => {
  expect(await inspect(good)).toEqual({
    problems: [],
    summary: {
      rows: 200,
      columns: [
        { name: 'day', kind: 'time', missing: 0, distinct: 200 },
        { name: 'sold', kind: 'number', missing: 0, distinct: 101 },
        { name: 'weekday', kind: 'category', missing: 0, distinct: 2 },
      ],
      period: [day(0), day(199)],
    },
  });
});

const sparse = { target: 'bought', time: undefined } as const;
const customers = (bought: (index: number) => string, count = 200): string =>
  csv([['age', 'bought'], ...Array.from({ length: count }, (_, index) => [String(20 + (index % 50)), bought(index)])]);

it.each<[what: string, content: string | Uint8Array, changes: object, sentence: RegExp]>([
  ['an empty file', '', {}, /is empty; name a file with rows/],
  ['a spreadsheet', Buffer.from('504b030414000600', 'hex'), {}, /ZIP or Excel file; save the sheet as CSV/],
  [
    'an unknown type',
    good,
    { file: 'data.xml' },
    /data\.xml is of an unknown type; name a file that ends in \.csv or \.parquet/,
  ],
  ['text called Parquet', good, { file: 'data.parquet' }, /not a Parquet file; write it as Parquet, or name it \.csv/],
  [
    'a byte of Latin 1',
    Buffer.concat([Buffer.from(good.slice(0, 100)), Buffer.from([0xe9, 0x0a])]),
    {},
    /^line 6: byte 100 \(0xe9\) is not UTF-8; save/,
  ],
  ['UTF-16', Buffer.from(`\ufeff${good}`, 'utf16le'), {}, /^line 1: the file is UTF-16, not UTF-8; save it as UTF-8/],
  ['a line too long', good.replace(`${day(3)},`, `${day(3)},1,`), {}, /^line 5: 4 fields where the first line has 3;/],
  ['an open quote', good.replace('work', '"work'), {}, /^line 2: a quote that opens here is never closed/],
  ['a quote amid a field', good.replace('work', '"wo"rk'), {}, /^line 2: a quoted field does not end at a delimiter/],
  ['a column twice', good.replace('weekday', 'sold'), {}, /^column sold, line 1: two columns have this name/],
  ['a nameless column', good.replace('weekday', ''), {}, /^line 1: column 3 has no name/],
  [
    'a missing target',
    good,
    { target: 'solt' },
    /^column solt, line 1: the target column is not in the file; .*did you mean sold\?/,
  ],
  [
    'a missing time',
    good,
    { time: 'date' },
    /^column date, line 1: the time column is not in the file; the file has: day, sold, weekday/,
  ],
  [
    'an unknown exclusion',
    good,
    { exclude: ['week_day'] },
    /^column week_day, .*an excluded column.*did you mean weekday\?/,
  ],
  [
    'a date of another style',
    good.replace(day(9), '10/01/2020'),
    {},
    /^column day, line 11: "10\/01\/2020" is not a date or time; write dates as 2015-12-31/,
  ],
  ['a day that is none', good.replace(day(9), '2020-02-30'), {}, /^column day, line 11: "2020-02-30" is not a date/],
  ['a row without its date', good.replace(day(9), ''), {}, /^column day, line 11: the time is empty/],
  ['the same day twice', good.replace(day(9), day(8)), {}, /^column day, 2020-01-09 stands in more than one row/],
  [
    'an empty column',
    csv(rows(200, ([at, sold]) => [at!, sold!, ''])),
    {},
    /^column weekday, every row is empty; fill it, or list it in data\.exclude/,
  ],
  ['ten rows', csv(rows(10)), {}, /^column sold, only 9 of 10 rows have a known target; at least 100 are needed/],
  [
    'a threshold nobody reaches',
    good,
    { target: { column: 'sold', ahead: 1, above: 500 } },
    /^column sold, rows 1 to 100 \(training part\) have only the outcome no/,
  ],
  [
    'one class in the held-out part',
    csv(rows(200, ([at, sold, kind], i) => [at!, i < 100 ? sold! : '0', kind!])),
    {},
    /rows 101 to 150 \(held-out part\) have only the outcome no/,
  ],
  [
    'one value',
    customers(() => '1'),
    sparse,
    /^column bought, every row has the value "1"; bring rows with other outcomes/,
  ],
  [
    'two words and no yes',
    customers((i) => (i % 3 ? 'yes' : 'no')),
    sparse,
    /^column bought, nothing says which of its 2 values counts as yes; set data\.positive to one of: no, yes/,
  ],
  [
    'three outcomes',
    customers((i) => ['red', 'green', 'blue'][i % 3]!),
    sparse,
    /^column bought, it has 3 values, and a classification here answers yes or no; ask for one of them against all others: set data\.positive to: red, green, blue/,
  ],
  [
    'numbers with a decimal comma',
    customers((i) => `"1.${100 + i},5"`),
    { ...sparse, task: 'regression' },
    /^column bought, line 2: "1\.100,5" is a number with a decimal comma; write the numbers of this column with a decimal point/,
  ],
  [
    'a yes that never stands',
    customers((i) => (i % 3 ? 'yes' : 'no')),
    { ...sparse, positive: 'Yess' },
    /^column bought, no row has the value "Yess" \(did you mean yes\?\)/,
  ],
  [
    'a regression on words',
    customers((i) => (i === 7 ? 'ten' : String(i))),
    { ...sparse, task: 'regression' },
    /^column bought, line 9: the target must be a number, and "ten" is not/,
  ],
  [
    'a look ahead without time',
    good,
    { time: undefined },
    /^column sold, the target looks 1 rows ahead, but no column gives the order/,
  ],
  [
    'nothing to predict from',
    customers((i) => String(i % 2)),
    { ...sparse, exclude: ['age'] },
    /^no column is left to predict from/,
  ],
])('refuses %s', async (_, content, changes, sentence) => {
  const { problems } = await inspect(content, changes);
  expect(problems.map(sentenceOf)).toContainEqual(expect.stringMatching(sentence));
});

it('names a file that is not there, and one that is a folder', async () => {
  const sentences = async (path: string) => (await inspectData(path, charter())).problems.map(sentenceOf);
  expect(await sentences(join(folder, 'gone.csv'))).toEqual([
    expect.stringMatching(/does not exist; name a readable file/),
  ]);
  expect(await sentences(folder)).toEqual([expect.stringMatching(/is not a file; name a CSV or Parquet file/)]);
});

it('throws all problems at once when the rows are wanted', async () => {
  const path = join(folder, 'bad.csv');
  await writeFile(path, good.replace(day(3), 'yesterday').replace(day(7), 'today'));
  await expect(readDataset(path, charter(), 1)).rejects.toThrow(BadData);
  await expect(readDataset(path, charter(), 1)).rejects.toThrow(/line 5: "yesterday"[^]*line 9: "today"/);
});

it('reads what RFC 4180 allows: other delimiters, quotes, line feeds in fields, CRLF, a byte order mark', async () => {
  const content = `\ufeff"day";"sold";"note"\r\n${Array.from({ length: 150 }, (_, index) => `${day(index)};${(index * 37) % 101};"a ""b"";\r\nc${index % 2}"\r\n`).join('')}`;
  const { problems, summary } = await inspect(content);
  expect(problems).toEqual([]);
  expect(summary?.columns.map(({ name, distinct }) => [name, distinct])).toEqual([
    ['day', 150],
    ['sold', 101],
    ['note', 2],
  ]);
});

it('reads the same from CSV and from the Parquet made of it', async () => {
  const [source, snapshot] = [join(folder, 'same.csv'), join(folder, 'same.parquet')];
  await writeFile(source, good.replace(',work', ',"fré, ""é"""').replace('weekend', ''));
  await writeSnapshot(source, snapshot);
  expect(await fingerprintOf(snapshot)).toEqual(await fingerprintOf(source));
  expect(await readDataset(snapshot, charter(), 1)).toEqual(await readDataset(source, charter(), 1));
});

it('names the line of a bad byte far into a file, also where a chunk cuts a character in two', async () => {
  const line = `${'é'.repeat(50)},1\n`;
  const before = `a,b\n${line.repeat(21_000)}`;
  const bytes = Buffer.concat([Buffer.from(before), Buffer.from([0xc3, 0x28])]);
  const { problems } = await inspect(bytes, { target: 'b', time: undefined });
  expect(problems).toEqual([
    expect.objectContaining({ line: 21_002, message: `byte ${Buffer.byteLength(before)} (0xc3) is not UTF-8` }),
  ]);
});
