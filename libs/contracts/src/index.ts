export { defineEvent } from './define-event.ts';
export { GateEvaluated, VerdictReported, WaiverGranted } from './train.events.ts';
export {
  Agent,
  Artifact,
  Check,
  Decision,
  Facts,
  Mode,
  Money,
  PauseScope,
  Phase,
  Question,
  Role,
  Usage,
  Verdict,
} from './vocabulary.ts';
export {
  ACCESS_STREAM,
  ALL_EVENTS,
  DomainEvent,
  EVENT_TYPES,
  FLEET,
  PAUSE_STREAM,
  riskStream,
  sessionStream,
  servingStream,
  spendStream,
  subjectOf,
  subjectOfType,
  trainStream,
  type DomainEventType,
  type EventOf,
  type StreamKind,
} from './catalogue.ts';
export {
  COMMANDS,
  CommandEnvelope,
  CommandReply,
  subjectOfCommand,
  type CommandBody,
  type CommandInput,
  type CommandName,
} from './commands.ts';
