import { expect, it } from '@jest/globals';
import { formatProblem, readYaml } from '@vt/profiles';
import { Charter } from '@vt/value-train';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { churn, energy } from '../demo/more/make-data.ts';

const demo = join(import.meta.dirname, '../demo');
const read = async (file: string): Promise<Charter> => {
  const charter = await readYaml(join(demo, file), Charter);
  if (!charter.ok) throw new Error(charter.problems.map(formatProblem).join('\n'));
  return charter.value;
};

it.each(['charter.yaml', 'more/churn.yaml', 'more/energy.yaml'])('%s is a charter that fits its data', async (file) => {
  const { data, questionnaire, contacts, sponsor, approvals } = await read(file);
  const table = await readFile(join(demo, dirname(file), data.file), 'utf8');
  const columns = table.slice(0, table.indexOf('\n')).split(',');
  const target = typeof data.target === 'string' ? data.target : data.target.column;
  expect(columns).toEqual(expect.arrayContaining([target, ...(data.time ? [data.time] : []), ...data.exclude]));

  expect(questionnaire.length).toBeGreaterThanOrEqual(12);
  expect(new Set(questionnaire.map(({ dimension }) => dimension)).size).toBe(5);
  expect(approvals.map(({ role }) => role)).toEqual(['sponsor', 'operator', 'release-manager']);
  expect(contacts.map(({ name }) => name)).toEqual(
    expect.arrayContaining([sponsor.name, ...approvals.map(({ name }) => name)]),
  );
});

it('asks of the demo what was agreed on', async () => {
  const { data, success, baseline } = await read('charter.yaml');
  expect(data).toMatchObject({
    file: 'seattle-weather.csv',
    target: { column: 'precipitation', ahead: 1, above: 0 },
    time: 'date',
  });
  expect(success).toEqual([
    { metric: 'roc-auc', atLeast: 0.75 },
    { metric: 'roc-auc', betterThanBaselineBy: 0.03 },
  ]);
  expect(baseline).toBe('persistence');
});

it('keeps the weather as it was recorded', async () => {
  const weather = await readFile(join(demo, 'seattle-weather.csv'));
  expect(weather.toString('utf8').trim().split('\n')).toHaveLength(1_462);
  expect(createHash('sha256').update(weather).digest('hex')).toBe(
    '0845078a290b48e3149ab8639966824110a251db4e06fc144c06ebb534af23be',
  );
});

it('makes the synthetic data the same every time', async () => {
  await expect(readFile(join(demo, 'more/churn.csv'), 'utf8')).resolves.toBe(churn());
  await expect(readFile(join(demo, 'more/energy.csv'), 'utf8')).resolves.toBe(energy());
});
