import { agentService } from '@vt/agent-runtime';
import { evaluatorPack } from './evaluator.pack.ts';

export { evaluatorPack };
export const evaluator = agentService(evaluatorPack);
