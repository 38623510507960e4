export { fold, type Decider } from './decider.ts';
export { react, type Reactions } from './reactions.ts';
export type { Projection, ProjectionMeta } from './projection.ts';
export { CommandId, Digest, Instant, TenantId, TicketId, TrainId } from './ids.ts';
export { after, Duration, earliest, isOver, msOf } from './time.ts';
export { Conflict, Rejection, Unavailable } from './errors.ts';
export {
  NO_STREAM,
  type AnyEvent,
  type Append,
  type AppendOutcome,
  type Causation,
  type EventStore,
  type Head,
  type LogFilter,
  type LogPage,
  type Positioned,
  type Recorded,
} from './event-store.ts';
export { commandHandler, type Envelope, type Execute, type Executed } from './command-handler.ts';
