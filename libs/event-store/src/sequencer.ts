import type { Pool } from 'pg';
import { isAway, unavailable } from './unavailable.ts';

const BATCH_EVENTS = 1_000;

const SEQUENCE = { name: 'es.sequence', text: 'select es.sequence($1) as given' };

/**
 * Gives the events that wait longest their positions in the global log, at most `limit`, and answers how many got one.
 * Any number of candidates may call it at any time: while one is at work the others get 0. Needs role `vt_ledger`.
 */
export const sequence = async (pool: Pool, limit = BATCH_EVENTS): Promise<number> => {
  try {
    const { rows } = await pool.query<{ given: number }>({ ...SEQUENCE, values: [limit] });
    return rows[0]?.given ?? 0;
  } catch (error) {
    throw isAway(error) ? unavailable(error) : error;
  }
};
