import type { AgentPack } from '@vt/agent-runtime';
import { compareWithChampion } from './behaviours/comparison.ts';
import { assessImpact, logChampion } from './behaviours/evaluation.ts';
import { writeReport, writeResults } from './behaviours/validation-documents.ts';
import { checkCalibration, checkLeakage, checkSlices, recomputeMetrics } from './behaviours/validation.ts';

/** What the evaluator can do. */
export const evaluatorPack: AgentPack = {
  name: 'evaluator',
  tools: {
    'evaluator.recompute-metrics': recomputeMetrics,
    'evaluator.check-leakage': checkLeakage,
    'evaluator.check-slices': checkSlices,
    'evaluator.check-calibration': checkCalibration,
    'evaluator.compare-with-champion': compareWithChampion,
    'evaluator.write-report': writeReport,
    'evaluator.write-results': writeResults,
    'evaluator.log-champion': logChampion,
    'evaluator.assess-impact': assessImpact,
  },
};
