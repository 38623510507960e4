import { Unavailable } from '@vt/kernel';
import { DatabaseError } from 'pg';

/** Connection lost (08), no room or connections (53), shutting down or starting (57P0x), a standby (25006). */
const AWAY = /^(08|53|57P0|25006)/;
/** Serialization failure, deadlock, lock timeout, statement timeout, a race for a unique key. */
const TRANSIENT = /^(40001|40P01|55P03|57014|23505)$/;

/**
 * Whether the database could not be reached, or was lost on the way: what was asked may or may not have been done.
 * An error that did not come from the server came from the connection to it.
 */
export const isAway = (error: unknown): boolean => !(error instanceof DatabaseError) || AWAY.test(error.code ?? '');

/** Whether the database undid what was asked for reasons that pass. */
export const isTransient = (error: unknown): boolean =>
  error instanceof DatabaseError && TRANSIENT.test(error.code ?? '');

export const unavailable = (cause: unknown): Unavailable =>
  new Unavailable(`PostgreSQL is not available: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
