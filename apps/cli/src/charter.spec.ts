import { afterAll, expect, it } from '@jest/globals';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { readCharter } from './charter.ts';

const DEMO = resolve(import.meta.dirname, '../demo');
const SHIPPED = readFileSync(join(DEMO, 'charter.yaml'), 'utf8');
const home = mkdtempSync(join(tmpdir(), 'charter-'));
afterAll(() => rmSync(home, { recursive: true }));

/** A charter beside its data, with this put in place of that. */
function charterWith(that: string, put: string): string {
  const file = join(home, 'charter.yaml');
  expect(SHIPPED).toContain(that);
  writeFileSync(file, SHIPPED.replace(that, put));
  writeFileSync(join(home, 'seattle-weather.csv'), 'date\n');
  return file;
}
const lineOf = (text: string) => SHIPPED.slice(0, SHIPPED.indexOf(text)).split('\n').length;

it('reads a charter, and finds its data beside it', async () => {
  const { charter, dataFile } = await readCharter(join(DEMO, 'charter.yaml'));
  expect([charter.name, dataFile]).toEqual(['Rain tomorrow', join(DEMO, 'seattle-weather.csv')]);
});

it.each([
  ['an unknown field', 'seed: 20', 'sead: 20', lineOf('seed: 20'), /sead.*; .*"seed"/],
  ['a value of the wrong kind', 'seed: 20', 'seed: twenty', lineOf('seed: 20'), /seed: /],
  ['a field that is missing', 'baseline: persistence\n', '', 2, /baseline/],
  [
    'a metric of another task',
    'roc-auc, atLeast: 0.75',
    'rmse, atLeast: 0.75',
    lineOf('roc-auc, atLeast'),
    /success\[0\]: rmse is measured for regression/,
  ],
  [
    'a criterion out of reach',
    'atLeast: 0.75',
    'atLeast: 1.75',
    lineOf('roc-auc, atLeast'),
    /roc-auc is never above 1/,
  ],
  [
    'a baseline of another task',
    'baseline: persistence',
    'baseline: mean',
    lineOf('baseline: persistence'),
    /mean is no baseline for classification/,
  ],
  ['broken YAML', 'success:', 'success: [', lineOf('success:'), /:\d+:\d+ /],
])('names the line and the mend of %s', async (_, that, put, line, says) => {
  const refused = readCharter(charterWith(that, put));
  await expect(refused).rejects.toMatchObject({ name: 'CliError', exitCode: 2 });
  await expect(refused).rejects.toThrow(says);
  if (!put.endsWith('[')) await expect(refused).rejects.toThrow(new RegExp(`charter\\.yaml:${line}:\\d+ .+; .+`));
});

it('says which file is missing', async () => {
  await expect(readCharter(join(home, 'none.yaml'))).rejects.toThrow(/there is no charter .*none\.yaml/);
  const folder = join(home, 'folder');
  mkdirSync(folder);
  await expect(readCharter(folder)).rejects.toThrow('there is no charter');
  const charter = charterWith('file: seattle-weather.csv', 'file: gone.csv');
  await expect(readCharter(charter)).rejects.toMatchObject({
    message: expect.stringContaining('data.file names gone.csv, which is not there'),
    mend: 'give its path, relative to the charter',
  });
});
