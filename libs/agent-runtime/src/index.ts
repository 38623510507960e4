export type { Action, ActionContext, AgentPack, CommandResult, Ticket } from './action.ts';
export {
  ArtifactDamaged,
  ArtifactMissing,
  digestOf,
  mediaTypeOf,
  type ArtifactStore,
  type Content,
  type Stored,
} from './artifacts/artifact-store.ts';
export { Circuits, circuitWatch, type CircuitWatch } from './circuit-breaker.ts';
export { openArtifactStore } from './artifacts/open-artifact-store.ts';
export { agentService, AgentSettings } from './agent-service.ts';
export { Bundles, type MadeBundle } from './session/bundles.ts';
export { Workbench } from './session/workbench.ts';
export { PipelineShelf } from './pipeline-shelf.ts';
export { migrateWork } from './work/migrate.ts';
export { completeHumanTask, listHumanTasks, wakeTicket, type HumanTask } from './work/human-tasks.ts';
export { openModel, scriptedModel, type ModelProvider, type ModelSettings } from './tools/model.ts';
export { WorkPauses, type PauseFact } from './work/pauses.ts';
export { StartPaused } from './work/start-paused.ts';
