export { MemoryEventStore, type MemoryEventStoreOptions } from './memory-event-store.ts';
export { PostgresEventStore } from './postgres-event-store.ts';
export type { GroupCommitOptions } from './group-commit.ts';
export { EVENT_BYTES_MAX } from './chain.ts';
export { migrate } from './migrate.ts';
export { poolFor, type Role } from './pool.ts';
export { sequence } from './sequencer.ts';
export { verify, type Verification, type VerifyOptions } from './verify.ts';
export type { Problem } from './stream-audit.ts';
