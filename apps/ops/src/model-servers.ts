import { openInferencePackage } from '@vt/modeling';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';

const START_MS_MAX = 15_000;
const STOP_MS_MAX = 5_000;
const POLL_MS = 25;
const HOST = '127.0.0.1';

const Deployment = z.object({
  version: z.string(),
  port: z.int(),
  pid: z.int(),
});
export type Deployment = z.infer<typeof Deployment>;

/**
 * The model servers of this machine: one a train, each a process of its own on a port that it keeps. What should run is
 * written down, so that a restart finds the servers that still run and starts those that do not.
 */
export class ModelServers {
  private readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  static addressOf = ({ port }: Pick<Deployment, 'port'>) => `http://${HOST}:${port}`;

  /** Puts an inference package (a .tgz) into service in place of what runs. Fails, and leaves that, if it is not healthy. */
  async deploy(train: string, version: string, archive: Uint8Array): Promise<Deployment> {
    const release = await this.unpack(train, version, archive);
    const rehearsal = await this.start(release, version, await freePort(), join(this.folder, train));
    await this.stop(rehearsal);

    const before = await this.current(train);
    if (before) await this.stop(before);
    const deployment = await this.start(release, version, before?.port ?? (await freePort()), join(this.folder, train));
    await this.record(train, deployment);
    return deployment;
  }

  /** Takes a train's model out of service; its port stays reserved for the next one. */
  async suspend(train: string): Promise<void> {
    const deployment = await this.current(train);
    if (deployment) await this.stop(deployment);
  }

  async current(train: string): Promise<Deployment | undefined> {
    const file = join(this.folder, train, 'deployment.json');
    return existsSync(file) ? Deployment.parse(JSON.parse(await readFile(file, 'utf8'))) : undefined;
  }

  /** After a restart: every server that should run does. */
  async resume(): Promise<void> {
    if (!existsSync(this.folder)) return;
    for (const train of await readdir(this.folder)) {
      const deployment = await this.current(train);
      if (!deployment || (await versionAt(deployment.port)) === deployment.version) continue;
      const home = join(this.folder, train);
      await this.record(
        train,
        await this.start(join(home, deployment.version), deployment.version, deployment.port, home),
      );
    }
  }

  async close(): Promise<void> {
    if (!existsSync(this.folder)) return;
    await Promise.all((await readdir(this.folder)).map((train) => this.suspend(train)));
  }

  private async unpack(train: string, version: string, archive: Uint8Array): Promise<string> {
    const release = join(this.folder, train, version);
    if (existsSync(release)) return release;
    const unfinished = `${release}.new`;
    await rm(unfinished, { recursive: true, force: true });
    await openInferencePackage(archive, unfinished);
    await rename(unfinished, release);
    return release;
  }

  private async start(release: string, version: string, port: number, home: string): Promise<Deployment> {
    const log = openSync(join(home, 'server.log'), 'a');
    // Nothing of our own environment: the package gets what it needs, and no secret.
    const child = spawn(process.execPath, ['server.mjs'], {
      cwd: release,
      detached: true,
      stdio: ['ignore', log, log],
      env: { HOST, PORT: String(port), MODEL_VERSION: version },
    });
    closeSync(log);
    await once(child, 'spawn');
    child.unref();

    const deadline = performance.now() + START_MS_MAX;
    while ((await versionAt(port)) !== version) {
      if (child.exitCode !== null || performance.now() > deadline) {
        await this.stop({ version, port, pid: child.pid! });
        const said = (await readFile(join(home, 'server.log'), 'utf8')).split('\n').slice(-5).join('\n');
        throw new Error(`model ${version} is not healthy on port ${port}: ${said}`);
      }
      await delay(POLL_MS);
    }
    return { version, port, pid: child.pid! };
  }

  private async stop({ pid, port }: Deployment): Promise<void> {
    const deadline = performance.now() + STOP_MS_MAX;
    while ((await versionAt(port)) !== undefined) {
      try {
        process.kill(pid, performance.now() < deadline ? 'SIGTERM' : 'SIGKILL');
      } catch {
        return;
      }
      await delay(POLL_MS);
    }
  }

  private async record(train: string, deployment: Deployment): Promise<void> {
    const file = join(this.folder, train, 'deployment.json');
    await writeFile(`${file}.new`, JSON.stringify(deployment));
    await rename(`${file}.new`, file);
  }
}

/** Version that a model server answers with on a port; undefined where none answers. */
async function versionAt(port: number): Promise<string | undefined> {
  try {
    const response = await fetch(`http://${HOST}:${port}/health`, { signal: AbortSignal.timeout(1_000) });
    const { status, version } = z.object({ status: z.string(), version: z.string() }).parse(await response.json());
    return status === 'ok' ? version : undefined;
  } catch {
    return undefined;
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, HOST);
  await once(probe, 'listening');
  const { port } = z.object({ port: z.int() }).parse(probe.address());
  probe.close();
  await once(probe, 'close');
  return port;
}
