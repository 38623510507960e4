import { Circuits, circuitWatch, openArtifactStore, PipelineShelf, StartPaused, WorkPauses } from '@vt/agent-runtime';
import { PAUSE_STREAM, trainStream } from '@vt/contracts';
import { commandHandler, type Executed, type TenantId } from '@vt/kernel';
import { loadPipelines } from '@vt/profiles';
import { provide, runningUntilStopped, token, Worker, type ServiceDefinition } from '@vt/service';
import {
  pauseDecider,
  trainDecider,
  underLaws,
  underPauses,
  type PipelineRef,
  type Train,
  type TrainEvent,
} from '@vt/value-train';
import { z } from 'zod';
import { ApprovalsController } from './approvals.controller.ts';
import { Artifacts, Conduct, ConductorController, Observation, Pipelines } from './conductor.controller.ts';
import { observing } from './observation.ts';
import { Covering, Feed, PauseController, PlacePauses, startPaused } from './pause.controller.ts';
import { SessionsController } from './sessions.controller.ts';
import { SteeringController } from './steering.controller.ts';
import { Stores, TasksController } from './tasks.controller.ts';
import { VerdictsController } from './verdicts.controller.ts';
import { TimersController, trainTimers, TrainTimers } from './timers.controller.ts';

const Settings = z.object({
  ARTIFACTS_URL: z.string().min(1).describe('where artifacts are kept, as file:///folder or s3://bucket/prefix'),
  PIPELINES: z.string().optional().describe('a folder of pipelines of your own, each in a file pipeline.yaml'),
  ...StartPaused.shape,
});

const Timing = token<Worker>('Timing');

class ConductorModule {}

/** Decides what happens on every train: judges gates, hears approvals, and opens tickets. */
export const conductor: ServiceDefinition<z.infer<typeof Settings>> = {
  name: 'conductor',
  settings: Settings,
  module: (platform, { ARTIFACTS_URL, PIPELINES, START_PAUSED }) => ({
    module: ConductorModule,
    controllers: [
      ConductorController,
      ApprovalsController,
      SessionsController,
      SteeringController,
      PauseController,
      TasksController,
      VerdictsController,
      TimersController,
    ],
    providers: [
      provide(Artifacts, [], () => openArtifactStore(ARTIFACTS_URL, new Circuits(circuitWatch(platform)))),
      provide(Pipelines, [Artifacts], async (store) => new PipelineShelf(await loadPipelines(PIPELINES), store)),
      provide(Stores, [], () => platform),
      provide(Observation, [], () => observing(platform.store)),
      provide(Feed, [], () => platform.feed),
      provide(Covering, [], () => new WorkPauses(platform.subscriberPool)),
      provide(PlacePauses, [Covering], async (covering) => {
        const { store } = platform;
        const pause = commandHandler(pauseDecider, () => PAUSE_STREAM, store);
        // Before any command or event is heard.
        if (START_PAUSED !== undefined) await startPaused(START_PAUSED, { pause, covering, store });
        return pause;
      }),
      provide(Conduct, [Pipelines, Covering], (pipelines, covering) => {
        const pipelineOf = (ref: PipelineRef) => pipelines.of(ref);
        const execute = commandHandler(
          underLaws(pipelineOf, underPauses(trainDecider(pipelineOf, pipelines.evaluateRule))),
          ({ trainId }) => trainStream(trainId),
          pipelines.reading(platform.store),
        );
        return async (command, envelope) => {
          const pauses = await covering.of(envelope.tenant, command.trainId);
          const { depth = 0 } = envelope.causation;
          // Rules know the time, and what led to it, by the command alone.
          const executed = await execute({ ...command, at: envelope.at, pauses, depth }, envelope);
          await writeDown(covering, envelope.tenant, executed);
          return executed;
        };
      }),
      provide(TrainTimers, [Conduct, Pipelines, Observation], (conduct, pipelines, observe) =>
        trainTimers(conduct, pipelines, observe, platform),
      ),
      provide(Timing, [TrainTimers], (timers) => new Worker(() => runningUntilStopped((stop) => timers.run(stop)))),
    ],
  }),
};

/** Who pauses a train is answered when nothing of it is claimed any more. */
async function writeDown(
  covering: WorkPauses,
  tenant: TenantId,
  { head, events }: Executed<Train, TrainEvent>,
): Promise<void> {
  for (const [index, event] of events.entries()) {
    if (event.type !== 'TrainPaused' && event.type !== 'TrainResumed') continue;
    await covering.apply({ tenant, version: head.version - events.length + 1 + index, event });
  }
}
