import type { ServiceDefinition } from '@vt/service';
import { z } from 'zod';
import { LedgerModule } from './ledger.module.ts';

const LedgerSettings = z.object({});

export const ledger: ServiceDefinition<z.infer<typeof LedgerSettings>> = {
  name: 'ledger',
  settings: LedgerSettings,
  module: (platform) => LedgerModule.over(platform),
};
