import { Circuits, circuitWatch, openArtifactStore, PipelineShelf } from '@vt/agent-runtime';
import { commandHandler } from '@vt/kernel';
import { loadPipelines, loadRiskCatalogue } from '@vt/profiles';
import { riskDecider, riskStreamOf } from '@vt/risk';
import { provide, type ServiceDefinition } from '@vt/service';
import { z } from 'zod';
import { Catalogue, Pipelines, Registry, RiskController, Trains } from './risk.controller.ts';

const Settings = z.object({
  ARTIFACTS_URL: z.string().min(1).describe('where artifacts are kept, as file:///folder or s3://bucket/prefix'),
  PIPELINES: z.string().optional().describe('a folder of pipelines of your own, each in a file pipeline.yaml'),
  RISK_CATALOGUE: z.string().optional().describe('a catalogue of your own, in the shape of the one that ships'),
});

class RiskRegistryModule {}

/** Raises and scores risks from what happens on the trains, and keeps the register. */
export const riskRegistry: ServiceDefinition<z.infer<typeof Settings>> = {
  name: 'risk-registry',
  settings: Settings,
  module: ({ store, log, metrics }, { ARTIFACTS_URL, PIPELINES, RISK_CATALOGUE }) => ({
    module: RiskRegistryModule,
    controllers: [RiskController],
    providers: [
      provide(Registry, [], () => commandHandler(riskDecider, riskStreamOf, store)),
      provide(Trains, [], () => store),
      provide(Pipelines, [], async () => {
        const circuits = new Circuits(circuitWatch({ log, metrics }));
        return new PipelineShelf(await loadPipelines(PIPELINES), await openArtifactStore(ARTIFACTS_URL, circuits));
      }),
      provide(Catalogue, [], () => loadRiskCatalogue(RISK_CATALOGUE)),
    ],
  }),
};
