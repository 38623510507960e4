import { TenantId, TrainId } from '@vt/kernel';
import { openInferencePackage } from '@vt/modeling';
import { spawn, type ChildProcess } from 'node:child_process';
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
/** Whoever has not replaced a server after so long is taken for dead. */
const REPLACE_MS_MAX = START_MS_MAX + 2 * STOP_MS_MAX;
const LOOK_MS = 500;
/** A server whose process lives may be busy; after as many looks without an answer it is taken for dead. */
const LOOKS_MAX = 6;
const REVIVAL_MS_MIN = 500;
const REVIVAL_MS_MAX = 60_000;
const HOST = '127.0.0.1';

/** What should run. */
const Deployment = z.object({
  tenant: TenantId,
  trainId: TrainId,
  version: z.string(),
  port: z.int(),
  pid: z.int(),
  /**
   * `suspended`: taken out of service on purpose. `stopped`: to run again as soon as somebody supervises. `replaced`:
   * another version is taking its place, perhaps by another process than the one that supervises.
   */
  state: z.enum(['running', 'suspended', 'stopped', 'replaced']),
  /** When it was written down, in epoch milliseconds. */
  at: z.number(),
});
export type Deployment = z.infer<typeof Deployment>;

type Wanted = Omit<Deployment, 'pid' | 'state' | 'at'>;
type Started = Omit<Deployment, 'state'>;

/** Whose server it is. */
export type Owner = Pick<Deployment, 'tenant' | 'trainId'>;

/** A server that did not answer and was started again. */
export interface Revival {
  readonly deployment: Deployment;
  readonly reason: string;
}

/** How a train's server has been lately. */
interface Health {
  silentLooks: number;
  /** Starts since it last answered for long. */
  starts: number;
  /** No start before this, by performance.now(). */
  notBefore: number;
}

/**
 * The model servers of this machine: one a train, each a process of its own on a port that it keeps. What should run is
 * written down, so that a restart finds the servers that still run and starts those that do not. Several processes may
 * deploy in one folder, and one of them supervises.
 */
export class ModelServers {
  private readonly folder: string;
  /** The last piece of work on each train's server: one at a time. */
  private readonly turns = new Map<string, Promise<unknown>>();
  private readonly health = new Map<string, Health>();
  /** What this process started and has not seen end, by pid: of another's pid nobody knows whose it is by now. */
  private readonly children = new Map<number, ChildProcess>();

  constructor(folder: string) {
    this.folder = folder;
  }

  static addressOf = ({ port }: Pick<Deployment, 'port'>) => `http://${HOST}:${port}`;

  /** Puts an inference package (a .tgz) into service in place of what runs. Fails, and leaves that, if it is not healthy. */
  deploy({ tenant, trainId }: Owner, version: string, archive: Uint8Array): Promise<Deployment> {
    return this.inTurn(trainId, async () => {
      await this.unpack(trainId, version, archive);
      const wanted = { tenant, trainId, version };
      await this.stop(await this.start({ ...wanted, port: await freePort() }));

      const before = await this.current(trainId);
      if (before) {
        await this.record(before, 'replaced');
        await this.stop(before);
      }
      return this.putInService({ ...wanted, port: before?.port ?? (await freePort()) }, before);
    });
  }

  /** Takes a train's model out of service; its port stays reserved for the next one. */
  suspend(trainId: string): Promise<void> {
    return this.inTurn(trainId, async () => {
      const deployment = await this.current(trainId);
      if (!deployment) return;
      await this.record(deployment, 'suspended');
      await this.stop(deployment);
    });
  }

  /**
   * Until the signal, looks at every server that should run, and starts again what does not: at once, and
   * later each time that it did not stay up. What `revived` can not take note of is told again.
   */
  async supervise(signal: AbortSignal, revived: (revival: Revival) => Promise<void>): Promise<void> {
    const untold: Revival[] = [];
    do {
      untold.push(...(await this.lookAtAll()));
      while (untold[0] && (await succeeds(revived(untold[0])))) untold.shift();
      await delay(LOOK_MS, undefined, { signal }).catch(() => {});
    } while (!signal.aborted);
  }

  /** Stops every server; what should run stays written down. */
  async close(): Promise<void> {
    const stops = (await this.trains()).map((trainId) =>
      this.inTurn(trainId, async () => {
        const deployment = await this.current(trainId);
        if (deployment?.state !== 'running') return;
        await this.record(deployment, 'stopped');
        await this.stop(deployment);
      }),
    );
    await Promise.all(stops);
  }

  private async trains(): Promise<string[]> {
    return existsSync(this.folder) ? readdir(this.folder) : [];
  }

  private async lookAtAll(): Promise<Revival[]> {
    const looks = (await this.trains()).map((trainId) => this.inTurn(trainId, () => this.look(trainId)));
    // A server that does not come up is tried again later; what it said lies in its log.
    return (await Promise.allSettled(looks)).flatMap((look) =>
      look.status === 'fulfilled' && look.value ? [look.value] : [],
    );
  }

  private inTurn<Answer>(trainId: string, work: () => Promise<Answer>): Promise<Answer> {
    const turn = (this.turns.get(trainId) ?? Promise.resolve()).then(work, work);
    this.turns.set(trainId, turn);
    return turn;
  }

  /** Looks once, and starts the server again where it is time to. */
  private async look(trainId: string): Promise<Revival | undefined> {
    const deployment = await this.current(trainId);
    if (!deployment || deployment.state === 'suspended') return undefined;
    const { state, at, version, port, pid } = deployment;
    if (state === 'replaced' && Date.now() < at + REPLACE_MS_MAX) return undefined;
    const health = this.health.get(trainId) ?? { silentLooks: 0, starts: 0, notBefore: 0 };
    this.health.set(trainId, health);
    if ((await versionAt(port)) === version && state === 'running') {
      health.silentLooks = 0;
      if (performance.now() > health.notBefore + REVIVAL_MS_MAX) this.health.delete(trainId);
      return undefined;
    }
    health.silentLooks += 1;
    const gone = !isAlive(pid);
    const isBusy = state === 'running' && !gone && health.silentLooks < LOOKS_MAX;
    if (isBusy || performance.now() < health.notBefore) return undefined;

    health.starts += 1;
    health.notBefore = performance.now() + Math.min(REVIVAL_MS_MAX, REVIVAL_MS_MIN * 2 ** health.starts);
    const hanging = this.children.get(pid);
    if (hanging) {
      hanging.kill('SIGKILL');
      await once(hanging, 'exit');
    }
    const revived = await this.putInService(deployment, deployment);
    if (state === 'stopped') return undefined;
    return { deployment: revived, reason: `process ${pid} ${gone ? 'is gone' : 'does not answer'}` };
  }

  private fileOf(trainId: string): string {
    return join(this.folder, trainId, 'deployment.json');
  }

  private async current(trainId: string): Promise<Deployment | undefined> {
    const file = this.fileOf(trainId);
    return existsSync(file) ? Deployment.parse(JSON.parse(await readFile(file, 'utf8'))) : undefined;
  }

  private async unpack(trainId: string, version: string, archive: Uint8Array): Promise<void> {
    const release = join(this.folder, trainId, version);
    if (existsSync(release)) return;
    const unfinished = `${release}.new`;
    await rm(unfinished, { recursive: true, force: true });
    await openInferencePackage(archive, unfinished);
    await rename(unfinished, release);
  }

  /** Starts what is to run from now on, on its port. Where that fails, what ran before is to run again. */
  private async putInService(wanted: Wanted, before: Deployment | undefined): Promise<Deployment> {
    try {
      // Written down before it is healthy: whoever comes after a crash must find its process.
      const started = await this.start(wanted, (launched) => this.record(launched, 'replaced'));
      return await this.record(started, 'running');
    } catch (error) {
      if (before) await this.record(before, 'stopped');
      else await rm(this.fileOf(wanted.trainId), { force: true });
      throw error;
    }
  }

  /** Answers when it is healthy. Nothing outlives us that `launched` was not told of. */
  private async start(
    { tenant, trainId, version, port }: Wanted,
    launched?: (started: Started) => Promise<unknown>,
  ): Promise<Started> {
    const home = join(this.folder, trainId);
    const log = openSync(join(home, 'server.log'), 'a');
    // Nothing of our own environment: the package gets what it needs, and no secret.
    const child = spawn(process.execPath, ['server.mjs'], {
      cwd: join(home, version),
      detached: true,
      stdio: ['ignore', log, log, 'ipc'],
      env: { HOST, PORT: String(port), MODEL_VERSION: version },
    });
    closeSync(log);
    await once(child, 'spawn');
    child.unref();
    child.channel?.unref();
    const started = { tenant, trainId, version, port, pid: child.pid!, at: Date.now() };
    this.children.set(started.pid, child);
    child.once('exit', () => this.children.delete(started.pid));
    if (launched) {
      await launched(started);
      // Now that it is written down it may outlive us.
      if (child.connected) child.send('keep', () => undefined);
    }

    const deadline = performance.now() + START_MS_MAX;
    while ((await versionAt(port)) !== version || !this.children.has(started.pid)) {
      if (!this.children.has(started.pid) || performance.now() > deadline) {
        await this.stop(started);
        const said = (await readFile(join(home, 'server.log'), 'utf8')).split('\n').slice(-5).join('\n');
        throw new Error(`model ${version} is not healthy on port ${port}: ${said}`);
      }
      await delay(POLL_MS);
    }
    return started;
  }

  private async stop({ pid, port, at }: Pick<Deployment, 'pid' | 'port' | 'at'>): Promise<void> {
    const deadline = performance.now() + STOP_MS_MAX;
    // One that is starting does not answer yet; and so short after it was written down the pid is nobody else's.
    const mayBeStarting = Date.now() < at + START_MS_MAX;
    while ((mayBeStarting && isAlive(pid)) || (await versionAt(port)) !== undefined) {
      try {
        process.kill(pid, performance.now() < deadline ? 'SIGTERM' : 'SIGKILL');
      } catch {
        return;
      }
      // One that nobody buries is a process for ever.
      if (performance.now() > deadline + STOP_MS_MAX) return;
      await delay(POLL_MS);
    }
  }

  private async record(
    { tenant, trainId, version, port, pid }: Omit<Started, 'at'>,
    state: Deployment['state'],
  ): Promise<Deployment> {
    const deployment = { tenant, trainId, version, port, pid, state, at: Date.now() };
    const file = this.fileOf(trainId);
    const beside = `${file}.${process.pid}`;
    await writeFile(beside, JSON.stringify(deployment));
    await rename(beside, file);
    return deployment;
  }
}

const succeeds = (work: Promise<void>): Promise<boolean> =>
  work.then(
    () => true,
    () => false,
  );

/** Whether there is a process of that id, ours or not. */
const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

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
