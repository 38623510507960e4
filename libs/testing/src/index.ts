export { specify } from './given.ts';
export { eventStoreContract, type OpenedStore } from './event-store.contract.ts';
export { freshDatabase, type FreshDatabase } from './fresh-database.ts';
