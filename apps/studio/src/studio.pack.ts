import type { AgentPack } from '@vt/agent-runtime';
import { chooseArchitecture } from './behaviours/architecture.ts';

/** What the studio can do: the architecture of the model. */
export const studioPack: AgentPack = {
  name: 'studio',
  tools: { 'studio.choose-architecture': chooseArchitecture },
};
