import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '@vt/servers';
import { keepGoing, STEPS } from '../contestants/sessions.ts';

process.env.RESTATE_LOGGING ??= 'ERROR';
const restate = await import('@restatedev/restate-sdk');

const READY_MS_MAX = 30_000;

/** @type {import('../contestants/sessions.ts').OpenSessions} */
export const open = async ({ folder, inFlight }, did) => {
  const [sdk, ingress, admin, node] = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
  const server = startServer(folder, { ingress, admin, node });
  const ride = async (/** @type {import('@restatedev/restate-sdk').Context} */ context) => {
    for (let step = 0; step < STEPS; step += 1) {
      await context.run(`action-${step}`, () => ({ done: true }));
      did();
    }
  };
  await restate.serve({ services: [restate.service({ name: 'Train', handlers: { ride } })], port: sdk });
  const deployment = JSON.stringify({ uri: `http://127.0.0.1:${sdk}`, force: true });
  await untilDone(() => post(admin, '/deployments', deployment));
  await untilDone(() => post(ingress, '/Train/ride', '0'));
  const stop = keepGoing(inFlight, (nth) => post(ingress, '/Train/ride', String(nth)));
  return {
    close: async () => {
      await stop();
      server.kill();
      await once(server, 'exit');
    },
  };
};

/** @param {string} folder @param {{ingress: number, admin: number, node: number}} ports */
function startServer(folder, { ingress, admin, node }) {
  const program = `node_modules/@restatedev/restate-server-${process.platform}-${process.arch}/bin/restate-server`;
  const args = ['--no-logo', '--base-dir', join(folder, 'restate'), '--listen-mode', 'tcp', '--bind-ip', '127.0.0.1'];
  const server = spawn(join(import.meta.dirname, program), [...args, '--node-name', 'bench'], {
    stdio: 'ignore',
    env: {
      ...process.env,
      RESTATE_INGRESS__BIND_ADDRESS: `127.0.0.1:${ingress}`,
      RESTATE_ADMIN__BIND_ADDRESS: `127.0.0.1:${admin}`,
      RESTATE_BIND_ADDRESS: `127.0.0.1:${node}`,
      RESTATE_ADVERTISED_ADDRESS: `http://127.0.0.1:${node}`,
      RESTATE_DISABLE_TELEMETRY: 'true',
      DO_NOT_TRACK: '1',
    },
  });
  process.on('exit', () => server.kill('SIGKILL'));
  return server;
}

const agent = new Agent({ keepAlive: true });

/** @param {number} port @param {string} path @param {string} body @returns {Promise<void>} */
const post = (port, path, body) =>
  new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': body.length };
    const sent = request({ host: '127.0.0.1', port, path, method: 'POST', agent, headers }, (response) => {
      response.resume();
      response.on('end', () =>
        response.statusCode < 300 ? resolve() : reject(new Error(`Restate answered ${response.statusCode}`)),
      );
    });
    sent.on('error', reject);
    sent.end(body);
  });

/** @param {() => Promise<void>} attempt */
async function untilDone(attempt) {
  const until = performance.now() + READY_MS_MAX;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > until) throw error;
      await delay(50);
    }
  }
}
