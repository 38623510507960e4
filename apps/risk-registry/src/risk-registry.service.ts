import { commandHandler } from '@vt/kernel';
import { loadRiskCatalogue } from '@vt/profiles';
import { riskDecider, riskStreamOf } from '@vt/risk';
import { provide, type ServiceDefinition } from '@vt/service';
import { z } from 'zod';
import { Catalogue, Registry, RiskController } from './risk.controller.ts';

const Settings = z.object({
  RISK_CATALOGUE: z.string().optional().describe('a catalogue of your own, in the shape of the one that ships'),
});

class RiskRegistryModule {}

/** Raises and scores risks from what happens on the trains, and keeps the register. */
export const riskRegistry: ServiceDefinition<z.infer<typeof Settings>> = {
  name: 'risk-registry',
  settings: Settings,
  module: ({ store }, { RISK_CATALOGUE }) => ({
    module: RiskRegistryModule,
    controllers: [RiskController],
    providers: [
      provide(Registry, [], () => commandHandler(riskDecider, riskStreamOf, store)),
      provide(Catalogue, [], () => loadRiskCatalogue(RISK_CATALOGUE)),
    ],
  }),
};
