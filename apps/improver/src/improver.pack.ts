import type { AgentPack } from '@vt/agent-runtime';
import { decideNext, writeRoadmap } from './behaviours/improvement.ts';
import { clusterErrors, findCauses } from './behaviours/performance-analysis.ts';

/** What the improver can do. */
export const improverPack: AgentPack = {
  name: 'improver',
  tools: {
    'improver.cluster-errors': clusterErrors,
    'improver.find-causes': findCauses,
    'improver.write-roadmap': writeRoadmap,
    'improver.decide': decideNext,
  },
};
