export { Charter } from './charter.ts';
export {
  allows,
  Criterion,
  modeOf,
  phaseOf,
  Pipeline,
  PipelineAction,
  PipelineMode,
  PipelinePhase,
  ToolName,
} from './pipeline.ts';
