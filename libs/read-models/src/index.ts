export { dataSource, isReadModelMigrated, migrateReadModels } from './migrate.ts';
export { ENTITIES, TABLES, type ViewTable } from './tables.ts';
export { view, type Kept, type View } from './view.ts';
export { createProjector, type Projector, type ProjectorOptions } from './projector.ts';
export { createReader, type Answer, type Reader, type Selection, type SnapshotRows } from './reader.ts';
export { idempotencyKeys, type IdempotencyKeys } from './idempotency.ts';
