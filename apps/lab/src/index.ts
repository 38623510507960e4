import { agentService } from '@vt/agent-runtime';
import { labPack } from './lab.pack.ts';

export { labPack };
export const lab = agentService(labPack);
