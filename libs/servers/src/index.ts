export { startPostgres } from './postgres.ts';
export { findNats, startNats } from './nats.ts';
export { freePort, type Server } from './server-process.ts';
