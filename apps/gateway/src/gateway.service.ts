import { ALL_EVENTS } from '@vt/contracts';
import { Rejection } from '@vt/kernel';
import { createProjector, createReader, idempotencyKeys, isReadModelMigrated } from '@vt/read-models';
import { provide, runningUntilStopped, token, Worker, type Platform, type ServiceDefinition } from '@vt/service';
import type { DynamicModule } from '@nestjs/common';
import { setTimeout as delay } from 'node:timers/promises';
import { ArtifactsController } from './content/artifacts.controller.ts';
import { PipelinesController } from './content/pipelines.controller.ts';
import { DocumentController } from './content/document.controller.ts';
import type { Doors } from './doors.ts';
import { answerConditionally } from './edge/conditional.ts';
import {
  CommandsToken,
  ConfigToken,
  DoorsToken,
  IdempotencyToken,
  KeysToken,
  PlatformToken,
  ProjectorToken,
  ReaderToken,
} from './edge/tokens.ts';
import { GatewayConfig } from './gateway.config.ts';
import { gaugeApprovals } from './governance/approval-gauges.ts';
import { ApprovalsController } from './governance/approvals.controller.ts';
import { ApproversController } from './governance/approvers.controller.ts';
import { AuditController } from './governance/audit.controller.ts';
import { CostsController } from './governance/costs.controller.ts';
import { GatesController } from './governance/gates.controller.ts';
import { ParkedController } from './governance/parked.controller.ts';
import { PausesController } from './governance/pauses.controller.ts';
import { RisksController } from './governance/risks.controller.ts';
import { TasksController } from './governance/tasks.controller.ts';
import { WaiversController } from './governance/waivers.controller.ts';
import { apiKeys, firstKeyOf } from './keys/api-keys.ts';
import { KeysController } from './keys/keys.controller.ts';
import { SessionsController } from './trains/sessions.controller.ts';
import { TrainsController } from './trains/trains.controller.ts';
import { VIEWS } from './views.ts';

const FORGET_MS = 3_600_000;
const ProjectionWork = token<Worker>('ProjectionWork');
const FirstKeyWork = token<Worker>('FirstKeyWork');
const Forgetting = token<Worker>('Forgetting');
const ApprovalGauges = token<void>('ApprovalGauges');

class GatewayModule {}

/** The API: reads from views, has commands carried out by their owners, and owns nothing but API keys. */
export const gatewayWith = (openDoors: (config: GatewayConfig, platform: Platform) => Promise<Doors>) =>
  ({
    name: 'gateway',
    settings: GatewayConfig,
    http: true,
    troubles: async ({ servicePool }: Pick<Platform, 'servicePool'>) => {
      const missing = 'PostgreSQL: a migration of the views is missing: run the migrations of this version';
      // That the database is away is said by the platform.
      return (await isReadModelMigrated(servicePool).catch(() => true)) ? [] : [missing];
    },
    module: (platform, config): DynamicModule => ({
      module: GatewayModule,
      controllers: [
        TrainsController,
        SessionsController,
        ApprovalsController,
        ApproversController,
        WaiversController,
        ArtifactsController,
        RisksController,
        TasksController,
        CostsController,
        AuditController,
        GatesController,
        ParkedController,
        PausesController,
        PipelinesController,
        KeysController,
        DocumentController,
      ],
      providers: [
        provide(ConfigToken, [], () => config),
        provide(PlatformToken, [], () => platform),
        provide(ApprovalGauges, [], () => gaugeApprovals(platform.metrics.registry, platform.servicePool)),
        provide(DoorsToken, [], () => openDoors(config, platform)),
        provide(CommandsToken, [], () => platform.commands),
        provide(KeysToken, [], () => apiKeys(platform.store)),
        provide(ReaderToken, [], () => createReader(platform.servicePool)),
        provide(IdempotencyToken, [], () => idempotencyKeys(platform.servicePool)),
        provide(ProjectorToken, [], () =>
          createProjector({
            pool: platform.servicePool,
            store: platform.feed,
            views: Object.values(VIEWS),
            onError: (error) => platform.log.warn({ err: error }, 'the views are not up to the log: trying again'),
            onBroken: (view, error) =>
              platform.warn(`view ${view}: left behind, for a flaw of its own; the others go on: ${String(error)}`),
          }),
        ),
        provide(
          ProjectionWork,
          [ProjectorToken],
          (projector) =>
            new Worker(() => {
              const bell = platform.nats.subscribe(ALL_EVENTS, { callback: () => projector.ring() });
              const { finished, stop } = projector.start();
              return { finished, stop: () => stop().finally(() => bell.unsubscribe()) };
            }),
        ),
        provide(
          FirstKeyWork,
          [KeysToken],
          (keys) =>
            new Worker(() =>
              runningUntilStopped(async () => {
                const first = firstKeyOf(config);
                if (first === undefined) return;
                const { tenant, key, name, role } = first;
                await keys.issue(tenant, key, { name, role, by: 'settings' }).catch((error: unknown) => {
                  if (!(error instanceof Rejection)) throw error;
                  platform.log.warn(`the key that the settings name opens nothing: ${error.message}`);
                });
              }),
            ),
        ),
        provide(
          Forgetting,
          [IdempotencyToken],
          (keys) =>
            new Worker(() =>
              runningUntilStopped(async (signal) => {
                while (!signal.aborted) {
                  await keys
                    .forget()
                    .catch((error: unknown) => platform.log.warn({ err: error }, 'old keys were kept'));
                  await delay(FORGET_MS, undefined, { signal }).catch(() => undefined);
                }
              }),
            ),
        ),
      ],
    }),
    prepare: (app) => {
      const server = app.getHttpAdapter().getInstance();
      // Whatever is not JSON is content on its way to the artifact store, and is not gathered in memory.
      server.addContentTypeParser('*', (_, payload, done) => done(null, payload));
      answerConditionally(server);
    },
  }) satisfies ServiceDefinition<GatewayConfig>;
