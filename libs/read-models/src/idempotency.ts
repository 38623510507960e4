import type { TenantId } from '@vt/kernel';
import type { Pool } from 'pg';
import { asTenant } from './reader.ts';
import { inTransaction } from './projector.ts';
import { toJson } from './view.ts';

const KEPT_HOURS = 48;

/** What was answered to the requests that carried an idempotency key. */
export interface IdempotencyKeys<Reply> {
  /**
   * Notes that a request came, and answers what is known of its key: that it came with another body, the answer that
   * was given, or nothing as yet. Nothing does not mean that nobody is at work on it.
   */
  claim(tenant: TenantId, key: string, fingerprint: string): Promise<'mismatch' | { readonly reply: Reply | null }>;
  /** Keeps the answer, unless one is kept already; answers the one that is kept. */
  settle(tenant: TenantId, key: string, reply: Reply): Promise<Reply>;
  /** Forgets keys older than two days. */
  forget(): Promise<void>;
}

export const idempotencyKeys = <Reply>(pool: Pool): IdempotencyKeys<Reply> => ({
  claim: (tenant, key, fingerprint) =>
    asTenant(pool, tenant, 'read write', async (client) => {
      await client.query(
        'insert into rm.idempotency_key (tenant, key, fingerprint) values ($1, $2, $3) on conflict do nothing',
        [tenant, key, fingerprint],
      );
      const { rows } = await client.query<{ fingerprint: string; answer: Reply | null }>(
        'select fingerprint, answer from rm.idempotency_key where tenant = $1 and key = $2',
        [tenant, key],
      );
      return rows[0]?.fingerprint === fingerprint ? { reply: rows[0].answer } : 'mismatch';
    }),
  settle: (tenant, key, reply) =>
    asTenant(pool, tenant, 'read write', async (client) => {
      const { rows } = await client.query<{ answer: Reply }>(
        `update rm.idempotency_key set answer = coalesce(answer, $3::jsonb) where tenant = $1 and key = $2
         returning answer`,
        [tenant, key, toJson(reply)],
      );
      return rows[0]?.answer ?? reply;
    }),
  forget: () =>
    inTransaction(pool, async (client) => {
      await client.query(`delete from rm.idempotency_key where created_at < now() - make_interval(hours => $1)`, [
        KEPT_HOURS,
      ]);
    }),
});
