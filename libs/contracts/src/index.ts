export { defineEvent } from './define-event.ts';
export { Agent, Artifact, Check, Facts, Mode, Money, PauseScope, Phase, Role, Usage, Verdict } from './vocabulary.ts';
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
