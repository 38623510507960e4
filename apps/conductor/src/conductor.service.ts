import { openArtifactStore, PipelineShelf } from '@vt/agent-runtime';
import { trainStream } from '@vt/contracts';
import { commandHandler } from '@vt/kernel';
import { loadPipelines } from '@vt/profiles';
import { provide, type ServiceDefinition } from '@vt/service';
import { trainDecider } from '@vt/value-train';
import { z } from 'zod';
import { ApprovalsController } from './approvals.controller.ts';
import { Artifacts, Conduct, ConductorController, Pipelines } from './conductor.controller.ts';
import { SteeringController } from './steering.controller.ts';
import { Stores, TasksController } from './tasks.controller.ts';

const Settings = z.object({
  ARTIFACTS_URL: z.string().min(1).describe('where artifacts are kept, as file:///folder or s3://bucket/prefix'),
  PIPELINES: z.string().optional().describe('a folder of pipelines of your own, each in a file pipeline.yaml'),
});

class ConductorModule {}

/** Decides what happens on every train: judges gates, hears approvals, and opens tickets. */
export const conductor: ServiceDefinition<z.infer<typeof Settings>> = {
  name: 'conductor',
  settings: Settings,
  module: (platform, { ARTIFACTS_URL, PIPELINES }) => ({
    module: ConductorModule,
    controllers: [ConductorController, ApprovalsController, SteeringController, TasksController],
    providers: [
      provide(Artifacts, [], () => openArtifactStore(ARTIFACTS_URL)),
      provide(Pipelines, [Artifacts], async (store) => new PipelineShelf(await loadPipelines(PIPELINES), store)),
      provide(Stores, [], () => platform),
      provide(Conduct, [Pipelines], (pipelines) =>
        onTheClock(
          commandHandler(
            trainDecider((ref) => pipelines.of(ref), pipelines.evaluateRule),
            ({ trainId }) => trainStream(trainId),
            pipelines.reading(platform.store),
          ),
        ),
      ),
    ],
  }),
};

/** Rules know the time by the command alone. */
const onTheClock =
  (conduct: Conduct): Conduct =>
  (command, envelope) =>
    conduct({ ...command, at: envelope.at }, envelope);
