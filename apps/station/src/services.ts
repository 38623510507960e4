import { conductor } from '@vt/app-conductor';
import { cost } from '@vt/app-cost';
import { evaluator } from '@vt/app-evaluator';
import { gateway } from '@vt/app-gateway';
import { improver } from '@vt/app-improver';
import { lab } from '@vt/app-lab';
import { ledger } from '@vt/app-ledger';
import { onboarder } from '@vt/app-onboarder';
import { ops } from '@vt/app-ops';
import { riskRegistry } from '@vt/app-risk-registry';
import { studio } from '@vt/app-studio';
import {
  startService,
  type Environment,
  type Platform,
  type RunningService,
  type ServiceDefinition,
} from '@vt/service';

/** Starts a service with its settings from this environment, on a platform that is there. */
export type Start = (platform: Platform, env: Environment) => Promise<RunningService>;

const starter =
  <Config>(definition: ServiceDefinition<Config>): Start =>
  (platform, env) =>
    startService(definition, platform, definition.settings.parse(env));

/** In the order in which they start: who orders events first, who answers people last. They stop the other way round. */
export const SERVICES: readonly Start[] = [
  starter(ledger),
  starter(conductor),
  starter(cost),
  starter(riskRegistry),
  starter(onboarder),
  starter(lab),
  starter(studio),
  starter(ops),
  starter(evaluator),
  starter(improver),
  starter(gateway),
];
