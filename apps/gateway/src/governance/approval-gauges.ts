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

interface Level {
  readonly level: string;
  readonly waiting: string;
  readonly oldest: string;
}

/** How long people let gates wait, looked up in the views whenever Prometheus asks; no figure while nobody can look. */
export function gaugeApprovals(registry: Registry, pool: Platform['servicePool']): void {
  let looking: Promise<readonly Level[]> | undefined;
  const look = () => (looking ??= levelsIn(pool).finally(() => (looking = undefined)));
  const gauge = (name: string, help: string, of: (level: Level) => string) =>
    new Gauge({
      name,
      help,
      labelNames: ['level'],
      registers: [registry],
      async collect() {
        this.reset();
        // The other figures of the process are wanted most when the database is away.
        for (const each of await look().catch(() => [])) this.set({ level: each.level }, Math.max(0, Number(of(each))));
      },
    });
  gauge(
    'vt_approvals_waiting',
    'Requests for an approval that nobody has answered, of all tenants, by how often that was escalated.',
    ({ waiting }) => waiting,
  );
  gauge(
    'vt_approvals_oldest_seconds',
    'Time for which the oldest of these requests waits, by how often that was escalated; 0 where none does.',
    ({ oldest }) => oldest,
  );
}

async function levelsIn(pool: Platform['servicePool']): Promise<readonly Level[]> {
  const client = await pool.connect();
  try {
    // As who makes the views, who alone sees those of all tenants.
    await client.query('begin read only; set local role vt_projector');
    return (await client.query<Level>(WAITING)).rows;
  } finally {
    await client.query('rollback').then(
      () => client.release(),
      () => client.release(true),
    );
  }
}
