import { expect, it } from '@jest/globals';
import { actionHarness } from '@vt/agent-runtime/harness';
import { readDataset } from '@vt/modeling';
import { Charter } from '@vt/value-train';
import JSZip from 'jszip';
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parse } from 'yaml';
import { weighAlternatives } from './alternatives.ts';
import { circumstancesOf, requirementsOf } from './requirements.ts';
import { studioPack } from './studio.pack.ts';

const DEMO = resolve(import.meta.dirname, '../../cli/demo');
const charterOf = async (file = 'charter.yaml'): Promise<Charter> =>
  Charter.parse(parse(await readFile(join(DEMO, file), 'utf8')));

const designOf = async (charter: Charter, trainRows: number, features: number, folder = DEMO) => {
  const dataFile = join(folder, charter.data.file);
  const dir = await mkdtemp(join(tmpdir(), 'studio-'));
  const harness = await actionHarness({ pack: studioPack, phase: 'model-architecture', charter, dataFile, dir });
  harness.seedFacts('preparation', { 'train-rows': trainRows });
  harness.seedFacts('feature-engineering', { features });
  const { facts } = await harness.runPhase();
  return { facts, file: harness.file };
};

it.each([
  ['charter.yaml', 'logistic-regression'],
  ['more/churn.yaml', 'logistic-regression'],
  ['more/energy.yaml', 'ridge-regression'],
])('weighs five alternatives for %s and records the choice with its interface', async (name, approach) => {
  const charter = await charterOf(name);
  const { facts, file } = await designOf(charter, 730, 18, dirname(join(DEMO, name)));
  const record = await readFile(file('delivery/model/architecture-decision.md'), 'utf8');

  expect(facts).toEqual({ approach, alternatives: 5 });
  expect(record).toContain('730 rows to train on');
  expect(record).toContain('POST /predict');
  expect(record).not.toMatch(/\{\{|<!--|undefined|\bNaN\b/);
});

it('asks callers for the columns that are known when the question is asked', async () => {
  const { file } = await designOf(await charterOf(), 730, 18);
  const record = await readFile(file('delivery/model/architecture-decision.md'), 'utf8');

  expect(record).toContain('{"rows":[{"date":"2015-12-31","precipitation":0,');
  expect(record).toContain('| `weather` | category | text or null |');
});

it('draws the flow of data from shapes, beside matrix and chart', async () => {
  const { file } = await designOf(await charterOf(), 730, 18);
  const deck = await JSZip.loadAsync(await readFile(file('delivery/model/architecture.pptx')));
  const flow = (await deck.file('ppt/slides/slide2.xml')?.async('string')) ?? '';

  expect(Object.keys(deck.files).filter((path) => /^ppt\/slides\/slide\d+\.xml$/.test(path))).toHaveLength(6);
  expect(flow.match(/prst="roundRect"/g)).toHaveLength(6);
  expect(flow.match(/prst="can"/g)).toHaveLength(3);
  expect(flow).toContain('Model server');
});

it('chooses otherwise when charter and data are otherwise', async () => {
  const charter = await charterOf();
  const { time: _, ...timeless } = charter.data;
  const questionnaire = charter.questionnaire.map((answer) => ({ ...answer, score: 5 }));
  const trusting = { ...charter, questionnaire, data: timeless };
  const choose = (one: Charter, trainRows: number, straightest: number) => {
    const circumstances = { trainRows, features: 10, straightest };
    return weighAlternatives(one, circumstances, requirementsOf(one, circumstances))[0]?.id;
  };

  expect(choose(charter, 300, 0.4)).toBe('logistic-regression');
  expect(choose(trusting, 50_000, 0.1)).toBe('gradient-boosting');
});

it('weighs to a hundred, says why, and never chooses the baseline', async () => {
  const charter = await charterOf();
  const dataset = await readDataset(join(DEMO, charter.data.file), charter.data, charter.seed);
  const circumstances = circumstancesOf(() => ({}), dataset, charter.data, 1);
  const requirements = requirementsOf(charter, circumstances);
  const alternatives = weighAlternatives(charter, circumstances, requirements);

  expect(circumstances).toMatchObject({ trainRows: 731, features: 6 });
  expect(circumstances.straightest).toBeCloseTo(0.33, 1);
  expect(requirements.reduce((sum, { weight }) => sum + weight, 0)).toBe(100);
  expect(requirements.every(({ because }) => because.length > 10)).toBe(true);
  expect(alternatives.at(-1)).toMatchObject({ id: 'rule', excluded: expect.stringContaining('baseline') });
});
