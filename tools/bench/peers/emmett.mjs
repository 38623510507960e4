import { getPostgreSQLEventStore } from '@event-driven-io/emmett-postgresql';
import pg from 'pg';
import { CAUSATION, EVENT } from '../contestants/appender.ts';

/** It gets no faster with more of them on two cores. */
const CONNECTIONS_MAX = 32;

/** @type {import('../contestants/appender.ts').OpenAppender} */
export const open = async (url, inFlight) => {
  const pool = new pg.Pool({ connectionString: url, max: Math.min(inFlight, CONNECTIONS_MAX) });
  const store = getPostgreSQLEventStore(url, { schema: { autoMigration: 'None' }, connectionOptions: { pool } });
  await store.schema.migrate();
  return {
    stream: (stream) => {
      let version = 0n;
      return () => {
        const expectedStreamVersion = version === 0n ? 'STREAM_DOES_NOT_EXIST' : version;
        version += 1n;
        return store.appendToStream(stream, [{ ...EVENT, metadata: CAUSATION }], { expectedStreamVersion });
      };
    },
    close: async () => {
      await store.close();
      await pool.end();
    },
  };
};
