import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** An S3 for tests, from the Python package index. */
const PACKAGE = 'moto[server]==5.1.16';
const INSTALL_MS_MAX = 180_000;
const VENV = join(import.meta.dirname, '../../../../../node_modules/.cache/value-train-moto');
const SERVER = join(VENV, 'bin', 'moto_server');

/** Installs the server, unless it is there. Answers why it can not be had, or undefined. */
export const installMoto = (): string | undefined => {
  if (existsSync(SERVER)) return undefined;
  for (const [program, ...args] of [
    ['python3', '-m', 'venv', VENV],
    [join(VENV, 'bin', 'pip'), 'install', '--quiet', PACKAGE],
  ] as const) {
    const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8', timeout: INSTALL_MS_MAX });
    if (status !== 0)
      return `${program} ${args.join(' ')} failed: ${error?.message ?? stderr.trim().split('\n').at(-1)}`;
  }
  return undefined;
};

/** Starts the server on a free port, and answers its address when it can be talked to. */
export const startMoto = async () => {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const server = spawn(SERVER, ['-H', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' });
  const exited = once(server, 'exit');
  const answers = () =>
    fetch(url).then(
      () => true,
      () => false,
    );
  while (!(await answers())) {
    if (server.exitCode !== null) throw new Error(`moto_server ended with code ${server.exitCode}`);
    await delay(50);
  }
  return {
    url,
    stop: async () => {
      server.kill();
      await exited;
    },
  };
};

const freePort = async (): Promise<number> => {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  return address.port;
};
