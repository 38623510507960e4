import { FLEET, type EventOf, type PauseScope } from '@vt/contracts';
import { Together } from '@vt/event-store';
import type { Positioned, TenantId, TrainId } from '@vt/kernel';
import { pauseKey, underPause, type Pause, type PauseEvent } from '@vt/value-train';
import type { Pool } from 'pg';

export type PauseFact = Pick<
  Positioned<PauseEvent | EventOf<'TrainPaused' | 'TrainResumed'>>,
  'tenant' | 'version' | 'event'
>;

// An event that comes late or again changes nothing.
const WRITE = `
  insert into work.pause as p (tenant, key, scope, subject, train_id, by_whom, reason, stands, version)
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
  on conflict (tenant, key) do update
  set by_whom = excluded.by_whom, reason = excluded.reason, stands = excluded.stands, version = excluded.version
  where p.version < excluded.version`;

const IS_KNOWN = 'select from work.pause where tenant = $1 and key = $2 and version >= $3';

// The train is at the end of a ticket's id, and its items are few.
const ALSO_HANDED_OFF = `i.tenant = $1 and i.train_id = right($2, 36)::uuid and $2 in (i.ticket_id, work.root_of(i.ticket_id))`;

/** Of the fleet it is said for a tenant that is nobody's; $2 is there so that each takes the same values. */
const COVERED: Readonly<Record<PauseScope, string>> = {
  session: ALSO_HANDED_OFF,
  ticket: ALSO_HANDED_OFF,
  train: 'i.tenant = $1 and i.train_id = $2::uuid',
  agent: 'i.tenant = $1 and i.agent = $2',
  tenant: `i.tenant = $1 and $2 = ''`,
  fleet: `$1 = '${FLEET}' and $2 = ''`,
};

const hold = (scope: PauseScope) => `
  update work.item i set held = true where i.state <> 'done' and not i.held and ${COVERED[scope]}`;
const letGo = (scope: PauseScope) => `
  update work.item i set held = false where i.state <> 'done' and i.held and ${COVERED[scope]}
    and not work.is_covered(i.tenant, i.agent, i.train_id, i.ticket_id)`;

const OF_TRAINS = 'select place, scope, subject, by_whom as by, reason from work.pauses_of($1, $2)';

interface Covered {
  readonly tenant: TenantId;
  readonly trainId: TrainId;
}

/**
 * The pauses that stand, beside the tickets that they cover: what is held is not claimed, and whoever works on it is
 * told with the next heartbeat. They follow from events, and whoever hears of one first writes it down.
 */
export class WorkPauses {
  private readonly pool: Pool;
  private readonly looking = new Together<Covered, readonly Pause[]>((trains) => this.ofAll(trains));

  /** The pool acts as `vt_subscriber`. */
  constructor(pool: Pool) {
    this.pool = pool;
  }

  /** When it returns, nothing that a new pause covers is claimed any more, and what it held alone can be. */
  async apply(fact: PauseFact): Promise<void> {
    const { key, stands, ...pause } = pauseOf(fact);
    const { rowCount: known } = await this.pool.query(IS_KNOWN, [fact.tenant, key, fact.version]);
    if (known) return;
    const client = await this.pool.connect();
    try {
      // Waits for tickets that are being added, and lets none be added meanwhile: they see the pause, or it sees them.
      await client.query(`begin; set local synchronous_commit = on; lock table work.pause in exclusive mode`);
      const { scope, subject, trainId, by, reason } = pause;
      const { rowCount: written } = await client.query(WRITE, [
        ...[fact.tenant, key, scope, subject, trainId, by, reason, stands, fact.version],
      ]);
      if (written && underPause('claim', scope) === 'held') {
        await client.query(stands ? hold(scope) : letGo(scope), [fact.tenant, subject]);
      }
      await client.query('commit');
      client.release();
    } catch (error) {
      await client.query('rollback').catch(() => undefined);
      client.release();
      throw error;
    }
  }

  /** Pauses of other scopes that may cover a train, or the ticket that it is at. */
  of(tenant: TenantId, trainId: TrainId): Promise<readonly Pause[]> {
    return this.looking.carry({ tenant, trainId });
  }

  async stands(tenant: TenantId, key: string): Promise<boolean> {
    const { rowCount } = await this.pool.query('select from work.pause where tenant = $1 and key = $2 and stands', [
      tenant,
      key,
    ]);
    return rowCount === 1;
  }

  private async ofAll(trains: readonly Covered[]): Promise<readonly (readonly Pause[])[]> {
    const values = [trains.map(({ tenant }) => tenant), trains.map(({ trainId }) => trainId)];
    const { rows } = await this.pool.query<Pause & { place: number }>({ name: 'work.pauses', text: OF_TRAINS, values });
    const byPlace = Map.groupBy(rows, ({ place }) => place);
    return trains.map((_, index) => (byPlace.get(index + 1) ?? []).map(({ place: _, ...pause }) => pause));
  }
}

/** The train of a ticket is at the end of its id. */
const trainOf = (scope: PauseScope, subject: string) =>
  scope === 'session' || scope === 'ticket' ? subject.slice(subject.lastIndexOf('_') + 1) : null;

function pauseOf({ event: { type, data } }: PauseFact) {
  const stands = type === 'PausePlaced' || type === 'TrainPaused';
  const reason = 'reason' in data ? data.reason : '';
  const paused = 'scope' in data ? data : { scope: 'train' as const, subject: data.trainId };
  const { scope, subject } = paused;
  const trainId = scope === 'train' ? subject : trainOf(scope, subject);
  return { key: pauseKey(paused), scope, subject, trainId, by: data.by, reason, stands };
}
