import type { AgentPack } from '@vt/agent-runtime';
import { mapSources, planAccess } from './behaviours/data-sources.ts';
import { profileData } from './behaviours/discovery.ts';
import { explore } from './behaviours/exploration.ts';
import { extract, writeExtractionLog, writeExtractScript } from './behaviours/extraction.ts';
import { engineerFeatures } from './behaviours/feature-engineering.ts';
import { splitAndClean, validateSchema } from './behaviours/preparation.ts';
import { writeRetrainNotebook, writeTrainingNotebook } from './behaviours/training-notebooks.ts';
import { planTraining, researchTraining } from './behaviours/training-plan.ts';
import { buildPackage, trainModels } from './behaviours/training.ts';

/** What the lab can do: data, features and training. */
export const labPack: AgentPack = {
  name: 'lab',
  tools: {
    'lab.profile-data': profileData,
    'lab.map-sources': mapSources,
    'lab.plan-access': planAccess,
    'lab.extract': extract,
    'lab.write-extract-script': writeExtractScript,
    'lab.write-extraction-log': writeExtractionLog,
    'lab.validate-schema': validateSchema,
    'lab.split-and-clean': splitAndClean,
    'lab.explore': explore,
    'lab.engineer-features': engineerFeatures,
    'lab.research-training': researchTraining,
    'lab.plan-training': planTraining,
    'lab.search-models': trainModels,
    'lab.build-package': buildPackage,
    'lab.write-training-notebook': writeTrainingNotebook,
    'lab.retrain-notebook': writeRetrainNotebook,
  },
};
