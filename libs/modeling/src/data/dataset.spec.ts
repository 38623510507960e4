import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { instantOf } from '../inference.ts';
import { readDataset } from './inspect.ts';
import { thinningWords } from './load.ts';
import { datasetFromCsv, datasetToCsv } from './prepared.ts';
import { profileOf } from './profile.ts';
import { rowRanges } from './split.ts';

const inFolder = async <T>(content: string, use: (path: string) => Promise<T>): Promise<T> => {
  const folder = await mkdtemp(join(tmpdir(), 'modeling-'));
  try {
    await writeFile(join(folder, 'data.csv'), content);
    return await use(join(folder, 'data.csv'));
  } finally {
    await rm(folder, { recursive: true });
  }
};

const about = {
  file: 'data.csv',
  description: 'x',
  owner: 'x',
  licence: 'x',
  exclude: [],
  split: [2, 1, 1] as [number, number, number],
};

it('orders by time, and takes the target from the rows ahead', async () => {
  const days = Array.from({ length: 120 }, (_, index) =>
    new Date(Date.UTC(2020, 0, 120 - index)).toISOString().slice(0, 10),
  );
  const content = `day,rain\n${days.map((day, index) => `${day},${index % 5 ? 0 : 3}\n`).join('')}`;
  const data = {
    ...about,
    target: { column: 'rain', ahead: 1, above: 0 },
    task: 'classification',
    time: 'day',
  } as const;
  await inFolder(content, async (path) => {
    const dataset = await readDataset(path, data, 1);
    expect(dataset.order).toBe('time');
    expect(dataset.rows.map(({ day }) => day)).toEqual(days.toReversed());
    expect(dataset.target.slice(0, -1)).toEqual(dataset.rows.slice(1).map(({ rain }) => Number(Number(rain) > 0)));
    expect(dataset.target.at(-1)).toBeNull();
  });
});

it('without time, makes every range of rows a fair part, the same for the same seed', async () => {
  const content = `id,kind,buys\n${Array.from({ length: 400 }, (_, index) => `${index},k${index % 3},${index < 40 ? 'yes' : 'no'}\n`).join('')}`;
  const data = { ...about, target: 'buys', positive: 'yes', task: 'classification', exclude: ['id'] } as const;
  await inFolder(content, async (path) => {
    const dataset = await readDataset(path, { ...data, exclude: ['id'] }, 7);
    expect(dataset.columns.map(({ name }) => name)).toEqual(['kind', 'buys']);
    for (const [from, to] of Object.values(rowRanges(400, data.split, 1))) {
      const yes = dataset.target.slice(from, to).filter((value) => value === 1).length;
      expect(yes / (to - from)).toBeCloseTo(0.1, 2);
    }
    expect(await readDataset(path, { ...data, exclude: ['id'] }, 7)).toEqual(dataset);
    expect(await readDataset(path, { ...data, exclude: ['id'] }, 8)).not.toEqual(dataset);
  });
});

it('uses the latest rows of a file that is too long, and says so', async () => {
  const long = `day,n\n${Array.from({ length: 50_003 }, (_, minute) => `${new Date(60_000 * minute).toISOString()},${minute}\n`).join('')}`;
  const data = { ...about, target: 'n', task: 'regression', time: 'day' } as const;
  await inFolder(long, async (path) => {
    const dataset = await readDataset(path, data, 1);
    expect([dataset.target[0], dataset.target.at(-1)]).toEqual([3, 50_002]);
    expect(thinningWords(50_003, dataset)).toBe(
      'Of the 50,003 rows of the file 50,000 are used, the latest ones: a train works with about 50,000 at most',
    );
    expect(thinningWords(50_000, dataset)).toBeUndefined();
  });
});

it('writes prepared rows that read back the same', async () => {
  const content = `day,n,flag,word\n${Array.from({ length: 150 }, (_, index) => `${new Date(Date.UTC(2020, 0, 1, index)).toISOString()},${index % 9 ? index / 7 : 'NA'},${index % 2 ? 'True' : 'FALSE'},"a, ${index % 4}"\n`).join('')}`;
  const data = { ...about, target: { column: 'n', ahead: 2 }, task: 'regression', time: 'day' } as const;
  await inFolder(content, async (path) => {
    const dataset = await readDataset(path, data, 1);
    expect(dataset.columns.map(({ kind }) => kind)).toEqual(['time', 'number', 'boolean', 'category']);
    expect(dataset.rows[0]).toEqual({ day: '2020-01-01T00:00:00.000Z', n: null, flag: false, word: 'a, 0' });
    await inFolder(datasetToCsv(dataset), async (prepared) =>
      expect(await datasetFromCsv(prepared, data)).toEqual(dataset),
    );
  });
});

it('gives each row one use in the first cycle, and judges retraining on rows that nobody saw', () => {
  fc.assert(
    fc.property(fc.integer({ min: 100, max: 5000 }), (rows) => {
      const first = rowRanges(rows, [0.5, 0.25, 0.25], 1);
      expect([first.training[0], first.heldOut[0], first.later[0], first.later[1]]).toEqual([
        0,
        first.training[1],
        first.heldOut[1],
        rows,
      ]);
      const second = rowRanges(rows, [0.5, 0.25, 0.25], 2);
      expect(second.training[1]).toBe(second.heldOut[0]);
      expect(second.heldOut[0]).toBeGreaterThanOrEqual(first.later[0]);
      expect(second.heldOut[1]).toBe(rows);
    }),
  );
});

it.each<[text: string, instant: string | undefined]>([
  ['2015-12-31', '2015-12-31T00:00:00.000Z'],
  ['2015-12-31 13:05', '2015-12-31T13:05:00.000Z'],
  ['2015-12-31T13:05:06.789Z', '2015-12-31T13:05:06.789Z'],
  ['2015-12-31T13:05:06+02:00', '2015-12-31T11:05:06.000Z'],
  ['2015-12-31 13:05:06-0130', '2015-12-31T14:35:06.000Z'],
  ['2016-02-29', '2016-02-29T00:00:00.000Z'],
  ['2015-02-29', undefined],
  ['2015-13-01', undefined],
  ['2015-12-31T24:00', undefined],
  ['31.12.2015', undefined],
  ['20151231', undefined],
])('takes %s for %s', (text, instant) => {
  const at = instantOf(text);
  expect(at === undefined ? undefined : new Date(at).toISOString()).toBe(instant);
});

it('does not relate the answer to itself', () => {
  const rows = [1, 2, 3, 4].map((n) => ({ n }));
  const data = { columns: [{ name: 'n', kind: 'number' }], rows, target: [1, 2, 3, 4] } as const;
  expect(profileOf(data, { target: 'n' }).columns[0]).not.toHaveProperty('association');
  expect(profileOf(data, { target: { column: 'n', ahead: 1 } }).columns[0]).toHaveProperty('association', 1);
});

it('describes columns as worked out by hand', () => {
  const rows = [1, 2, 3, 4, null].map((n, index) => ({ n, word: index < 2 ? 'a' : 'b' }));
  const profile = profileOf(
    {
      columns: [
        { name: 'n', kind: 'number' },
        { name: 'word', kind: 'category' },
      ],
      rows,
      target: [0, 0, 1, 1, 1],
    },
    { target: { column: 'n', ahead: 1 } },
  );
  expect(profile).toMatchObject({ rows: 5, target: { known: 5, mean: 0.6 }, duplicates: 0 });
  const [n, word] = profile.columns;
  expect(n).toMatchObject({ missing: 1, distinct: 4, association: expect.closeTo(2 / Math.sqrt(5), 12) });
  expect(n!.numbers).toMatchObject({ min: 1, max: 4, mean: 2.5, deviation: expect.closeTo(Math.sqrt(1.25), 12) });
  expect(n!.numbers!.quantiles[2]).toBe(2.5);
  expect(word).toMatchObject({
    association: 1,
    top: [
      { value: 'b', rows: 3 },
      { value: 'a', rows: 2 },
    ],
  });
});
