import type { Platform } from '@vt/service';
import { Gauge, type Registry } from 'prom-client';

/** Above it, levels are counted as this one: the third is the last of a pipeline that does not say otherwise. */
const LEVEL_MAX = 3;

/** Every level, also where nothing waits; by whom `isOver` says that they are still asked. */
const WAITING = `
  select levels.level, count(asked.key) as waiting, coalesce(extract(epoch from now() - min(asked.requested_at)), 0) as oldest
  from generate_series(0, ${LEVEL_MAX}) as levels (level)
  left join (
    rm.approval as asked join rm.train using (tenant, train_id)
  ) on least(asked.level, ${LEVEL_MAX}) = levels.level
    and asked.status = 'pending' and train.ended is null and train.verdict is distinct from 'failed'
    and (train.phase is null
      or (train.phase, train.cycle, train.attempt) = (asked.phase, asked.cycle, asked.attempt))
  group by levels.level`;

const GAUGES = [
  {
    name: 'vt_approvals_waiting',
    help: 'Requests for an approval that nobody has answered, of all tenants, by how often that was escalated.',
    column: 'waiting',
  },
  {
    name: 'vt_approvals_oldest_seconds',
    help: 'Time for which the oldest of these requests waits, by how often that was escalated; 0 where none does.',
    column: 'oldest',
  },
] as const;

/** How long people let gates wait, looked up in the views whenever Prometheus asks. */
export function registerApprovalMetrics(registry: Registry, pool: Platform['servicePool']): void {
  for (const { name, help, column } of GAUGES) {
    new Gauge({
      name,
      help,
      labelNames: ['level'],
      registers: [registry],
      async collect() {
        const client = await pool.connect();
        try {
          // As who makes the views, who alone sees those of all tenants.
          await client.query('begin read only; set local role vt_projector');
          const { rows } = await client.query<Record<'level' | typeof column, string>>(WAITING);
          for (const row of rows) this.set({ level: row.level }, Math.max(0, Number(row[column])));
        } finally {
          await client.query('rollback').then(
            () => client.release(),
            () => client.release(true),
          );
        }
      },
    });
  }
}
