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
export { approvalList, type ApprovalRow } from './approval-list.projection.ts';
export { artifactShelf, type ShelfRow } from './artifact-shelf.projection.ts';
export { gateReceipts, type GateRow } from './gate-receipts.projection.ts';
export { phaseHistory, type PhaseRow } from './phase-history.projection.ts';
export { sessionLog, type ActionEntry, type SessionRow } from './session-log.projection.ts';
export { timeline, type TimelineRow } from './timeline.projection.ts';
export { trainBoard, type TrainRow, type TrainStatus } from './train-board.projection.ts';
export { type EvaluateRule, type Evidence } from './criteria.ts';
export { evidenceOf, type Agreement, type Hold, type Submission } from './gate.ts';
export {
  isStruckOut,
  sessionDecider,
  STRIKES_MAX,
  strikes,
  triesOf,
  workOf,
  type CompletedAction,
  type Session,
  type SessionCommand,
  type SessionEvent,
} from './session.decider.ts';
export { ticketIdOf, type PipelineRef, type Riding, type Train, type TrainEvent } from './train.ts';
export { trainDecider, type TrainCommand } from './train.decider.ts';
export { trainReactions } from './train.reactions.ts';
