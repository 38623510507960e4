import { agentService, AgentSettings } from '@vt/agent-runtime';
import { provide, token, Worker, type ServiceDefinition } from '@vt/service';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
    const serving = provide(Serving, [], () => new Worker(() => keepServing(servers)));
    return { ...agent, providers: [...(agent.providers ?? []), serving] };
  },
};

async function keepServing(servers: ModelServers) {
  await servers.resume();
  const stopped = Promise.withResolvers<void>();
  return {
    finished: stopped.promise,
    stop: async () => {
      await servers.close();
      stopped.resolve();
    },
  };
}
