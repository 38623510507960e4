import { afterEach, expect, it } from '@jest/globals';
import { packInferencePackage, type FeatureConfig, type Model } from '@vt/modeling';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ModelServers } from './model-servers.ts';

const folder = mkdtempSync(join(tmpdir(), 'value-train-models-'));
const servers = new ModelServers(folder);
afterEach(async () => {
  await servers.close();
  rmSync(folder, { recursive: true, force: true });
});

const config: FeatureConfig = {
  columns: [{ name: 'x', kind: 'number' }],
  features: [{ name: 'x', column: 'x', kind: 'value', lag: 0, fill: 0, mean: 0, scale: 1 }],
};
const packageWith = (weight: number) => {
  const model: Model = { family: 'ridge-regression', weights: [weight], bias: 0 };
  const recipe = { task: 'regression', family: 'ridge-regression', params: { l2: 1 }, seed: 1 } as const;
  return packInferencePackage({ version: 'built', recipe, data: 'sha256:0', config, model });
};
const predicted = async (port: number) => {
  const response = await fetch(`http://127.0.0.1:${port}/predict`, {
    method: 'POST',
    body: JSON.stringify({ rows: [{ x: 2 }] }),
  });
  return (await response.json()) as { version: string; predictions: { score: number }[] };
};

it('serves a version, replaces it on the same port, and brings back what a crash took down', async () => {
  const first = await servers.deploy('train', '1', await packageWith(3));
  expect(await predicted(first.port)).toMatchObject({ version: '1', predictions: [{ score: 6 }] });

  const second = await servers.deploy('train', '2', await packageWith(5));
  expect(second.port).toBe(first.port);
  expect(await predicted(second.port)).toMatchObject({ version: '2', predictions: [{ score: 10 }] });

  await expect(servers.deploy('train', '3', Buffer.from('not a package'))).rejects.toThrow();
  expect(await predicted(second.port)).toMatchObject({ version: '2' });

  process.kill(second.pid, 'SIGKILL');
  await new ModelServers(folder).resume();
  expect(await predicted(second.port)).toMatchObject({ version: '2' });
}, 60_000);
