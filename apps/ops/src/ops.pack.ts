import type { AgentPack } from '@vt/agent-runtime';
import { deployModel, rehearseRollback, writeDeploymentDocs } from './behaviours/deployment.ts';
import { replayLaterData, writeMonitoring } from './behaviours/monitoring.ts';
import type { ModelServers } from './model-servers.ts';

/** What ops can do, on these model servers. */
export const opsPack = (servers: ModelServers): AgentPack => ({
  name: 'ops',
  tools: {
    'ops.deploy-model': deployModel(servers),
    'ops.rehearse-rollback': rehearseRollback(servers),
    'ops.write-deployment-docs': writeDeploymentDocs,
    'ops.replay-later-data': replayLaterData,
    'ops.write-monitoring': writeMonitoring,
  },
});
