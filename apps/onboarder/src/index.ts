import { agentService } from '@vt/agent-runtime';
import { onboarderPack } from './onboarder.pack.ts';

export { onboarderPack };
export const onboarder = agentService(onboarderPack);
