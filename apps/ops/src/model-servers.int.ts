import { afterEach, expect, it } from '@jest/globals';
import { TenantId, TrainId } from '@vt/kernel';
import { packInferencePackage, type FeatureConfig, type Model } from '@vt/modeling';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ModelServers, type Revival } from './model-servers.ts';

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
const owner = { tenant: TenantId.parse('test'), trainId: TrainId.parse('0191b2c4-6f3e-4a75-9d4e-2f1c0a9b8d7e') };
const other = { ...owner, trainId: TrainId.parse('0191b2c4-6f3e-4a75-9d4e-2f1c0a9b8d7f') };
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

it('serves a version, and replaces it on the same port by what is healthy', async () => {
  const first = await servers.deploy(owner, '1', await packageWith(3));
  expect(await predicted(first.port)).toMatchObject({ version: '1', predictions: [{ score: 6 }] });

  const second = await servers.deploy(owner, '2', await packageWith(5));
  expect(second.port).toBe(first.port);
  expect(await predicted(second.port)).toMatchObject({ version: '2', predictions: [{ score: 10 }] });

  await expect(servers.deploy(owner, '3', Buffer.from('not a package'))).rejects.toThrow();
  expect(await predicted(second.port)).toMatchObject({ version: '2' });
}, 60_000);

/** Supervises, and gives the revivals one after the other. */
const supervised = (supervisor: ModelServers) => {
  const stopping = new AbortController();
  const waiting: ((revival: Revival) => void)[] = [];
  const done = supervisor.supervise(stopping.signal, async (revival) => waiting.shift()?.(revival));
  return {
    next: () => new Promise<Revival>((resolve) => waiting.push(resolve)),
    stop: () => {
      stopping.abort();
      return done;
    },
  };
};

it('stops a server that had only begun to start when whoever started it died', async () => {
  const home = join(folder, owner.trainId);
  mkdirSync(home, { recursive: true });
  const started = spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1_000)'], { stdio: 'ignore' });
  const gone = once(started, 'exit');
  const deployment = { ...owner, version: '1', port: 40_001, pid: started.pid, state: 'replaced', at: Date.now() };
  writeFileSync(join(home, 'deployment.json'), JSON.stringify(deployment));
  const { port } = await servers.deploy(owner, '2', await packageWith(3));
  await gone;
  expect(await predicted(port)).toMatchObject({ version: '2' });
}, 60_000);

it('starts again what dies, as often as it does, and leaves alone what was taken out of service', async () => {
  const kept = await servers.deploy(owner, '1', await packageWith(3));
  const resting = await servers.deploy(other, '1', await packageWith(5));
  await servers.suspend(other.trainId);
  const watch = supervised(servers);
  try {
    let revived = watch.next();
    process.kill(kept.pid, 'SIGKILL');
    const first = await revived;
    expect(first).toMatchObject({
      reason: `process ${kept.pid} is gone`,
      deployment: { ...owner, version: '1', port: kept.port },
    });
    expect(await predicted(kept.port)).toMatchObject({ version: '1', predictions: [{ score: 6 }] });

    revived = watch.next();
    process.kill(first.deployment.pid, 'SIGKILL');
    expect((await revived).deployment.pid).not.toBe(first.deployment.pid);
    expect(await predicted(kept.port)).toMatchObject({ version: '1' });
    await expect(predicted(resting.port)).rejects.toThrow('fetch failed');
  } finally {
    await watch.stop();
  }
}, 60_000);

it('starts again one that hangs, and after a restart what should run', async () => {
  const { port, pid } = await servers.deploy(owner, '1', await packageWith(3));
  const watch = supervised(servers);
  const revived = watch.next();
  process.kill(pid, 'SIGSTOP');
  expect((await revived).reason).toBe(`process ${pid} does not answer`);
  await watch.stop();
  await servers.close();
  await expect(predicted(port)).rejects.toThrow('fetch failed');

  const successor = new ModelServers(folder);
  // The first look is over before it hears that it is to stop.
  await supervised(successor).stop();
  expect(await predicted(port)).toMatchObject({ version: '1' });
  await successor.close();
}, 60_000);

it('leaves to another process what that one replaces, and keeps what it put in its place', async () => {
  const colleague = new ModelServers(folder);
  await servers.deploy(owner, '1', await packageWith(3));
  const watch = supervised(servers);
  let revivals = 0;
  void watch.next().then(() => (revivals += 1));
  try {
    for (const version of ['2', '3', '4', '5']) {
      const { port, pid } = await colleague.deploy(owner, version, await packageWith(Number(version)));
      expect(await predicted(port)).toMatchObject({ version, predictions: [{ score: 2 * Number(version) }] });
      expect(process.kill(pid, 0)).toBe(true);
    }
    expect(revivals).toBe(0);
  } finally {
    await watch.stop();
  }
}, 60_000);
