export { startPostgres } from './postgres.ts';
export { findNats, startNats, type NatsOptions } from './nats.ts';
export { freePort, runs, type Server } from './server-process.ts';
