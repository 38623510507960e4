export {
  Bundle,
  BUNDLE_TOKENS_MAX,
  bundleOf,
  bundleProblems,
  retentionOf,
  type Measured,
  type Mission,
  type Retention,
} from './bundle.ts';
export { charterProblems, type CharterProblem } from './charter-problems.ts';
export { Charter, primaryMetric } from './charter.ts';
export { baselineName, criterionWords, metricName, targetWords } from './charter-wording.ts';
export {
  ApprovalGroup,
  Criterion,
  LawPolicy,
  modeOf,
  callOfAction,
  permissionsOf,
  phaseOf,
  Pipeline,
  PipelineAction,
  PipelineMode,
  PipelinePhase,
  Test,
  ToolName,
} from './pipeline.ts';
export {
  isOfPattern,
  knowsTool,
  mayUseNetwork,
  parseRule,
  Permissions,
  permit,
  shadowOf,
  toolPatternOf,
  wordsOf,
  type Call,
  type ParsedRule,
  type Permission,
} from './permissions.ts';
export { approvalList, ApprovalRow } from './approval-list.projection.ts';
export { artifactShelf, ShelfRow } from './artifact-shelf.projection.ts';
export { gateReceipts, GateRow } from './gate-receipts.projection.ts';
export {
  coversWork,
  PAUSE_TABLE,
  pauseKey,
  pauseOfSource,
  pauseProblem,
  pauseSource,
  pauseWords,
  ROWS_OF_COMMANDS,
  underPause,
  type Pause,
  type Paused,
  type StimulusName,
} from './pause.ts';
export { pauseDecider, type PauseCommand, type PauseEvent, type Pauses } from './pause.decider.ts';
export { pauseList, PauseRow } from './pause-list.projection.ts';
export { endOf, handoffTicketOf, offerOf, performerOf, performersOf, phaseUnder, type HandoffEnd } from './handoff.ts';
export {
  complianceOf,
  LAWS,
  REACTIONS_MAX,
  retrospectiveOf,
  type Compliance,
  type LawReport,
  type Ridden,
} from './laws.ts';
export { orchestrationOf, type Orchestration, type Timed } from './orchestration.ts';
export { phaseHistory, PhaseRow } from './phase-history.projection.ts';
export { sessionLog, SessionRow } from './session-log.projection.ts';
export { timeline, TimelineRow } from './timeline.projection.ts';
export { trainBoard, TrainRow, TrainStatus } from './train-board.projection.ts';
export { replayGates, Flip, type Policy, type Replayed } from './gate-replay.ts';
export { decisionAbout, GateReceipt, receiptOf, type Which } from './gate-receipt.ts';
export { type EvaluateRule, type Evidence, type Observed } from './criteria.ts';
export { groupsTooSmall, isAboutPeople, objectionToPassingOn, type Agreement } from './approval.ts';
export { evidenceOf, isInTheWay, type Hold, type Submission } from './gate.ts';
export { isGranted, isStruckOut, sessionDecider, spiralOf, STRIKES_MAX, strikes, triesOf } from './session.decider.ts';
export type { BundleRef, Notes, SessionCommand } from './session-commands.ts';
export {
  evolveSession,
  UNKNOWN,
  workOf,
  type CompletedAction,
  type KnownSession,
  type Session,
  type SessionEvent,
} from './session.ts';
export {
  beforePlanOf,
  judgeWorkPhase,
  refusedBeforePlan,
  sentBackOf,
  unmetOf,
  WORK_GATE_KINDS,
  workPhaseOf,
} from './work-phase.ts';
export { ticketIdOf, type PipelineRef, type Riding, type Train, type TrainEvent } from './train.ts';
export { servingDecider, type ReportRevival } from './serving.decider.ts';
export { momentsOf, type Dated } from './train-approvals.ts';
export type { TrainCommand } from './train-commands.ts';
export { nextMoment, trainDecider } from './train.decider.ts';
export { officesOf, startOf } from './train-start.ts';
export { underLaws } from './under-laws.decider.ts';
export { underPauses, type PausedCommand } from './under-pauses.decider.ts';
export { trainReactions } from './train.reactions.ts';
