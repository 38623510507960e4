import { isBusMigrated } from '@vt/messaging';
import type { Pool } from 'pg';

/** @throws when the database does not answer, or lacks a migration */
export async function probe(pool: Pool): Promise<void> {
  if (!(await isBusMigrated(pool))) throw new Error('a migration is missing: run the migrations of this version');
}

/** Settings of the connections of this pool by which PostgreSQL may lose what it has confirmed. */
export async function weaknessesOf(pool: Pool): Promise<readonly string[]> {
  const { rows } = await pool.query<{ name: string }>(
    `select name from pg_settings where name in ('fsync', 'full_page_writes', 'synchronous_commit') and setting = 'off'`,
  );
  return rows.map(({ name }) => `PostgreSQL: ${name} is off, so that a crash loses what was accepted; set it to on`);
}

/** How far this machine's clock is ahead of the database's, in ms; below 0 when it is behind. */
export async function clockLeadOver(pool: Pool): Promise<number> {
  const asked = Date.now();
  const { rows } = await pool.query<{ now: Date }>('select clock_timestamp() as now');
  return certainLead(asked, rows[0]!.now.getTime(), Date.now());
}

/** The lead that there is at least: the other clock was read at any time between the question and its answer. */
export const certainLead = (asked: number, theirs: number, answered: number): number =>
  Math.max(asked - theirs, Math.min(answered - theirs, 0));
