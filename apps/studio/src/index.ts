import { agentService } from '@vt/agent-runtime';
import { studioPack } from './studio.pack.ts';

export { studioPack };
export const studio = agentService(studioPack);
