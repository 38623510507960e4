import { agentService, AgentSettings } from '@vt/agent-runtime';
import { servingStream } from '@vt/contracts';
import { CommandId, commandHandler, Instant } from '@vt/kernel';
import {
  provide,
  runningUntilStopped,
  token,
  Worker,
  type Platform,
  type Running,
  type ServiceDefinition,
} from '@vt/service';
import { servingDecider } from '@vt/value-train';
import { randomUUID } from 'node:crypto';
import { hostname, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { ModelServers } from './model-servers.ts';
import { opsPack } from './ops.pack.ts';

const OpsSettings = AgentSettings.extend({
  MODELS_DIR: z
    .string()
    .default(join(tmpdir(), 'value-train-models'))
    .describe('folder where deployed models are unpacked, and where it is written down which of them run'),
});
type OpsSettings = z.infer<typeof OpsSettings>;

const Serving = token<Worker>('Serving');

/** The agent that deploys and monitors. It also keeps the model servers of this machine running. */
export const ops: ServiceDefinition<OpsSettings> = {
  name: 'ops',
  settings: OpsSettings,
  module: (platform, settings) => {
    const servers = new ModelServers(settings.MODELS_DIR);
    const agent = agentService(opsPack(servers)).module(platform, settings);
    const serving = provide(Serving, [], () => new Worker(() => keepServing(servers, settings.MODELS_DIR, platform)));
    return { ...agent, providers: [...(agent.providers ?? []), serving] };
  },
};

/**
 * Every server that should run does; each time that one had to be started again is a fact of its train. One process
 * does so for a folder; it is followed by another when it ends, or loses the database.
 */
function keepServing(servers: ModelServers, folder: string, { store, locks }: Platform): Running {
  const report = commandHandler(servingDecider, ({ trainId }) => servingStream(trainId), store);
  return runningUntilStopped((signal) =>
    locks.hold(`models:${hostname()}:${resolve(folder)}`, signal, async (stop) => {
      await servers.supervise(stop, async ({ deployment: { tenant, trainId, version }, reason }) => {
        const commandId = CommandId.parse(randomUUID());
        const causation = { actor: 'ops', causationId: `revival:${commandId}`, correlationId: trainId };
        const at = Instant.parse(new Date().toISOString());
        await report({ trainId, version, reason }, { tenant, commandId, causation, at });
      });
      if (signal.aborted) await servers.close();
    }),
  );
}
