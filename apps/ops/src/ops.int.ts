import { afterAll, expect, it } from '@jest/globals';
import { actionHarness, type ActionHarness } from '@vt/agent-runtime/harness';
import { packInferencePackage, type FeatureConfig, type Model } from '@vt/modeling';
import { Charter } from '@vt/value-train';
import { mkdtempSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parse } from 'yaml';
import { ModelServers } from './model-servers.ts';
import { opsPack } from './ops.pack.ts';

const home = mkdtempSync(join(tmpdir(), 'ops-'));
const servers = new ModelServers(join(home, 'models'));
afterAll(async () => {
  await servers.close();
  await rm(home, { recursive: true });
});

const DAYS = 400;
const PACKAGE = 'delivery/model/inference-package.tgz';
const dayOf = (index: number) => new Date(Date.UTC(2024, 0, 1 + index)).toISOString().slice(0, 10);
/** y is twice the mean of x and the x before; from the third hundred on x is larger than ever. */
const xOf = (index: number) => ((index * 37) % 100) / 10 + (index >= 300 ? 20 : 0);
const yOf = (index: number) => xOf(index) + (index === 0 ? 0 : xOf(index - 1));

const packageWith = (weight: number) => {
  const config: FeatureConfig = {
    columns: [{ name: 'x', kind: 'number' }],
    features: [0, 1].map((lag) => ({
      ...{ name: `x_lag_${lag}`, column: 'x', kind: 'value', lag, fill: 0, mean: 0, scale: 1 },
    })),
  };
  const model: Model = { family: 'ridge-regression', weights: [weight, weight], bias: 0 };
  const recipe = { task: 'regression', family: 'ridge-regression', params: { l2: 1 }, seed: 1 } as const;
  return packInferencePackage({ version: 'made', recipe, data: 'sha256:0', config, model });
};

async function trainOf(): Promise<ActionHarness> {
  const dir = mkdtempSync(join(home, 'train-'));
  const dataFile = join(dir, 'days.csv');
  const lines = Array.from({ length: DAYS }, (_, index) => `${dayOf(index)},${xOf(index)},${yOf(index)}`);
  await writeFile(dataFile, `day,x,y\n${lines.join('\n')}\n`);
  const shipped = Charter.parse(
    parse(await readFile(resolve(import.meta.dirname, '../../cli/demo/charter.yaml'), 'utf8')),
  );
  const data = { ...shipped.data, file: 'days.csv', target: 'y', task: 'regression', time: 'day' };
  const success = [
    { metric: 'mae', atMost: 0.5 },
    { metric: 'mae', betterThanBaselineBy: 1_000 },
  ];
  const charter = { ...shipped, data, success };
  return actionHarness({ pack: opsPack(servers), phase: 'deployment', charter, dataFile, dir });
}

const textOf = (harness: ActionHarness, path: string) => readFile(harness.file(path), 'utf8');
const versionAt = async (address: unknown) =>
  ((await (await fetch(`${String(address)}/version`)).json()) as { version: string }).version;

it('deploys champion and challenger, keeps what was not bettered, and can go back to what served before', async () => {
  const train = await trainOf();
  await train.seed(PACKAGE, await packageWith(1), 1);
  const first = await train.runPhase();
  expect(first.facts).toMatchObject({ healthy: true, 'rollback-rehearsed': true, 'model-cycle': 1 });
  expect(first.facts).not.toHaveProperty('previous-version');
  expect(await versionAt(first.facts['address'])).toBe(first.facts['version']);
  const config = await textOf(train, 'delivery/deploy/deployment-config.md');
  expect(config).toContain('rolled back to no model: the address answered **out of service**');
  expect(config).toContain('none: callers fall back to persistence');

  // The second lap's challenger was not better: the champion stays, and there is still nothing before it.
  await train.seed(PACKAGE, await packageWith(2), 2);
  train.seedFacts('validation', { 'champion-cycle': 1, 'challenger-better': false });
  const second = await train.at('deployment', { cycle: 2 });
  const kept = await second.runPhase();
  expect(kept.facts).toEqual(first.facts);
  expect(await textOf(second, 'delivery/deploy/deployment-config.md')).toContain('rolled back to no model');

  // The third lap's was.
  await train.seed(PACKAGE, await packageWith(3), 3);
  train.seedFacts('validation', { 'champion-cycle': 1, 'challenger-better': true });
  const third = await train.at('deployment', { cycle: 3 });
  const replaced = await third.runPhase();
  expect(replaced.facts).toMatchObject({
    ...{ 'model-cycle': 3, 'previous-version': first.facts['version'], 'previous-cycle': 1 },
    ...{ 'rollback-rehearsed': true, address: first.facts['address'] },
  });
  expect(await versionAt(replaced.facts['address'])).toBe(replaced.facts['version']);
  expect(parse(await textOf(third, 'delivery/deploy/deploy.yaml'))).toMatchObject({
    version: replaced.facts['version'],
    package: { cycle: 3 },
    rollback: { to: first.facts['version'] },
  });

  // Worked again, as after a crash, it is the same deployment.
  const again = await third.runPhase();
  expect(again.facts).toEqual(replaced.facts);
}, 60_000);

it('deploys the first champion of a later lap, where validation had sent back what came before', async () => {
  const train = await trainOf();
  await train.seed(PACKAGE, await packageWith(1), 1);
  await train.seed(PACKAGE, await packageWith(2), 2);
  train.seedFacts('validation', { 'champion-cycle': 0 });
  const { facts } = await (await train.at('deployment', { cycle: 2 })).runPhase();
  expect(facts).toMatchObject({ healthy: true, 'model-cycle': 2 });
  expect(facts).not.toHaveProperty('previous-version');
}, 60_000);

it('replays the later rows through the running server, and measures what it answers', async () => {
  const train = await trainOf();
  await train.seed(PACKAGE, await packageWith(1), 1);
  const { facts } = await train.runPhase();
  const monitoring = await train.at('monitoring');
  const watched = await monitoring.runPhase();

  // The package knows the rule, so every answer is right; x has left all that was seen in training.
  expect(watched.facts).toMatchObject({ 'later-rows': 100, 'drift-found': true, 'drifted-features': 'x' });
  expect(watched.facts['later.mae']).toBeCloseTo(0, 9);
  const config: unknown = parse(await textOf(monitoring, 'delivery/monitor/monitoring-config.yaml'));
  const persistence = Array.from({ length: 100 }, (_, at) => Math.abs(yOf(300 + at) - yOf(299 + at)));
  expect(config).toMatchObject({
    replayed: { rows: 100, requests: 5, from: dayOf(300), to: dayOf(399) },
    quality: [
      { criterion: 'mean absolute error at most 0.5', measured: 0, met: true },
      {
        criterion: expect.stringContaining('better than persistence'),
        measured: Math.round(persistence.reduce((sum, error) => sum + error, 0) * 10) / 1_000,
        met: false,
      },
    ],
    drift: {
      note: expect.stringContaining('less than a year'),
      columns: [{ column: 'x', reading: 'shifted', missing: { training: 0, later: 0 }, unseen: 1 }],
    },
  });
  expect(await textOf(monitoring, 'delivery/monitor/dashboard-link.txt')).toContain(String(facts['address']));
}, 60_000);
