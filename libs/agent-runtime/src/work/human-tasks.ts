import { Facts } from '@vt/contracts';
import { Rejection, type TenantId, type TicketId } from '@vt/kernel';
import type { Pool, PoolClient } from 'pg';
import type { Ticket } from '../action.ts';

/** Something that a person is asked to do, and that a session waits for. */
export interface HumanTask {
  readonly ticketId: string;
  readonly trainId: string;
  readonly phase: string;
  readonly action: string;
  readonly role: string;
  readonly instructions: string;
  /** UTC, ISO 8601. */
  readonly askedAt: string;
}

export interface HumanAnswer {
  readonly by: string;
  readonly facts: Facts;
}

interface TaskRow {
  readonly ticket_id: string;
  readonly train_id: string;
  readonly phase: string;
  readonly action: string;
  readonly role: string;
  readonly instructions: string;
  readonly asked_at: Date;
}

/** Open tasks of a tenant, or of one of its trains, the oldest first, at most 1,000. The pool acts as `vt_service`. */
export const listHumanTasks = (pool: Pool, tenant: TenantId, trainId?: string): Promise<readonly HumanTask[]> =>
  asTenant(pool, tenant, async (client) => {
    const { rows } = await client.query<TaskRow>(
      `select t.ticket_id, i.train_id, i.phase, t.action, t.role, t.instructions, t.asked_at
       from work.human_task t join work.item i using (tenant, ticket_id)
       where t.done_at is null and i.state <> 'done' and i.wish <> 'cancel' and ($1::uuid is null or i.train_id = $1)
       order by t.asked_at limit 1000`,
      [trainId ?? null],
    );
    return rows.map((row) => ({
      ticketId: row.ticket_id,
      trainId: row.train_id,
      phase: row.phase,
      action: row.action,
      role: row.role,
      instructions: row.instructions,
      askedAt: row.asked_at.toISOString(),
    }));
  });

/**
 * A person says that a task is done, and what they found. Saying so again changes nothing. The pool acts as
 * `vt_service`.
 * @throws Rejection `not-found` when nobody was asked, `not-the-approver` when the train names others for the role,
 *   `task-done` when something else was answered before, `task-over` when the ticket needs no answer any more
 */
export const completeHumanTask = (
  pool: Pool,
  {
    tenant,
    trainId,
    ticketId,
    action,
    by,
    facts,
    approvers,
  }: HumanAnswer &
    Pick<Ticket, 'tenant' | 'trainId' | 'ticketId'> & {
      readonly action: string;
      /** Of the train; a role that it does not name may be anybody's. */
      readonly approvers: readonly { readonly role: string; readonly name: string }[];
    },
): Promise<void> =>
  asTenant(pool, tenant, async (client) => {
    const { rows } = await client.query<{ role: string; done_by: string | null; same: boolean; over: boolean }>(
      `select t.role, t.done_by, t.done_by = $3 and t.facts = $4 as same, i.state = 'done' or i.wish = 'cancel' as over
       from work.human_task t join work.item i using (tenant, ticket_id)
       where t.ticket_id = $1 and t.action = $2 and i.train_id = $5 for update of t`,
      [ticketId, action, by, Facts.parse(facts), trainId],
    );
    const [task] = rows;
    if (!task) throw new Rejection('not-found', `nobody was asked for ${action} of ticket ${ticketId}`);
    if (task.same) return;
    if (task.done_by !== null) throw new Rejection('task-done', `${task.done_by} has answered ${action} already`);
    const named = approvers.filter(({ role }) => role === task.role).map(({ name }) => name);
    if (named.length > 0 && !named.includes(by)) {
      throw new Rejection('not-the-approver', `the ${task.role} of this train is ${named.join(' or ')}, not ${by}`);
    }
    if (task.over) throw new Rejection('task-over', `ticket ${ticketId} is over: its answer is not needed any more`);
    await client.query(
      `update work.human_task set done_at = clock_timestamp(), done_by = $3, facts = $4
       where ticket_id = $1 and action = $2`,
      [ticketId, action, by, Facts.parse(facts)],
    );
    await client.query(
      `update work.item set answers = answers + 1, state = case state when 'paused' then 'ready' else state end
       where ticket_id = $1`,
      [ticketId],
    );
  });

/** A ticket that waits for a person is to be taken up again: its session is not what it was. Acts as `vt_service`. */
export const wakeTicket = (pool: Pool, tenant: TenantId, ticketId: TicketId): Promise<void> =>
  asTenant(pool, tenant, async (client) => {
    await client.query(
      `update work.item set answers = answers + 1, state = case state when 'paused' then 'ready' else state end
       where ticket_id = $1`,
      [ticketId],
    );
  });

/** Asks a person, once for each id, and answers what they said, if they have. The pool acts as `vt_subscriber`. */
export const askPerson = async (
  pool: Pool,
  { tenant, ticketId }: { readonly tenant: TenantId; readonly ticketId: TicketId },
  { id, role, instructions }: { readonly id: string; readonly role: string; readonly instructions: string },
): Promise<HumanAnswer | undefined> => {
  await pool.query(
    `insert into work.human_task (tenant, ticket_id, action, role, instructions) values ($1, $2, $3, $4, $5)
     on conflict do nothing`,
    [tenant, ticketId, id, role, instructions],
  );
  const { rows } = await pool.query<{ done_by: string; facts: unknown }>(
    `select done_by, facts from work.human_task
     where tenant = $1 and ticket_id = $2 and action = $3 and done_at is not null`,
    [tenant, ticketId, id],
  );
  return rows[0] && { by: rows[0].done_by, facts: Facts.parse(rows[0].facts) };
};

async function asTenant<Result>(
  pool: Pool,
  tenant: TenantId,
  use: (client: PoolClient) => Promise<Result>,
): Promise<Result> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    await client.query(`select set_config('app.tenant', $1, true)`, [tenant]);
    const result = await use(client);
    await client.query('commit');
    return result;
  } catch (error) {
    await client.query('rollback').catch(() => undefined);
    throw error;
  } finally {
    client.release();
  }
}
