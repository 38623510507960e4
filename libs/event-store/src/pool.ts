import { Pool, type PoolConfig } from 'pg';

/**
 * Who a connection is to the database. `vt_service` appends and reads its own tenant; `vt_subscriber` reads all
 * tenants; `vt_ledger` reads all tenants and runs the sequencer; `vt_owner` owns the tables.
 */
export type Role = 'vt_owner' | 'vt_service' | 'vt_subscriber' | 'vt_ledger';

const CONNECT_MS_MAX = 5_000;
const STATEMENT_MS_MAX = 30_000;
const LOCK_MS_MAX = 2_000;

/** A pool whose connections act as `role`. The user of the connection string must be a superuser or have the role. */
export const poolFor = (connectionString: string, role: Role, options: PoolConfig = {}): Pool => {
  const settings = {
    role,
    statement_timeout: STATEMENT_MS_MAX,
    lock_timeout: LOCK_MS_MAX,
    idle_in_transaction_session_timeout: STATEMENT_MS_MAX,
    // What a subscriber writes down follows from the log, in the order of its commits: after a crash of the server an
    // end of it may be missing, and is made again from the events that are then new to it.
    ...(role === 'vt_subscriber' ? { synchronous_commit: 'off' } : {}),
  };
  const pool = new Pool({
    connectionString,
    application_name: role,
    connectionTimeoutMillis: CONNECT_MS_MAX,
    keepAlive: true,
    // The server gives up first; this one is for a server that has gone silent.
    query_timeout: STATEMENT_MS_MAX + CONNECT_MS_MAX,
    max: 4,
    options: Object.entries(settings)
      .map(([name, value]) => `-c ${name}=${value}`)
      .join(' '),
    ...options,
  });
  // A connection that breaks is replaced at the next query; without listeners it would end the process, an idle one by
  // the pool's word and one that somebody holds by its own.
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));
  return pool;
};
