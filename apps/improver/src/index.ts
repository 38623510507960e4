import { agentService } from '@vt/agent-runtime';
import { improverPack } from './improver.pack.ts';

export { improverPack };
export const improver = agentService(improverPack);
