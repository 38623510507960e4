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
export { openArtifactStore } from './artifacts/open-artifact-store.ts';
