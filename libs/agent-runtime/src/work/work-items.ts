import type { Agent, EventOf } from '@vt/contracts';
import { TenantId, TicketId, TrainId, type Positioned } from '@vt/kernel';
import type { Pool } from 'pg';
import type { Ticket } from '../action.ts';

/** What the train wants of the work on a ticket; that of a train which has ended is called off. */
export type Wish = 'run' | 'cancel';

/** A ticket in our hands. The fence is higher than that of every claim before. */
export interface Claim {
  readonly ticket: Ticket;
  readonly fence: number;
  readonly wish: Wish;
  readonly wishReason: string;
  /** Answers of people that there were when it was claimed. */
  readonly answers: number;
  /** How often a lease ran out before whoever had it was done. */
  readonly crashes: number;
  /** Of the event that opened the ticket. */
  readonly eventId: string;
  readonly correlationId: string;
}

interface LetGo {
  readonly owner: string;
  readonly claim: Claim;
  readonly state: string;
  readonly afterMs: number;
}

interface ClaimRow {
  readonly tenant: string;
  readonly ticket_id: string;
  readonly train_id: string;
  readonly phase: string;
  readonly cycle: number;
  readonly attempt: number;
  readonly opened_on: string;
  readonly fence: number;
  readonly wish: Wish;
  readonly wish_reason: string;
  readonly held: boolean;
  readonly answers: number;
  readonly crashes: number;
  readonly event_id: string;
  readonly correlation_id: string;
}

const ADD = 'select work.add($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)';

// Work that waits for a person would never hear that it is called off. What is done waits to be archived.
const CANCEL = `
  update work.item set wish = 'cancel', wish_reason = $4, state = case state when 'paused' then 'ready' else state end
  where agent = $1 and tenant = $2 and train_id = $3 and wish <> 'cancel'`;

const CLAIMED = `i.tenant, i.ticket_id, i.train_id, i.phase, i.cycle, i.attempt,
    to_char(i.opened_at at time zone 'utc', 'YYYY-MM-DD') as opened_on,
    i.fence, i.wish, i.wish_reason, i.answers, i.crashes, i.event_id, i.correlation_id`;

// A fence that was given away must not be given again: this commit, unlike those of other subscribers, is waited for.
const CLAIM = `
  with durable as (select set_config('synchronous_commit', 'on', true)), free as (
    select tenant, ticket_id from work.item
    where agent = $1 and state in ('ready', 'running') and (not held or wish = 'cancel')
      and free_at <= clock_timestamp()
    order by turn limit $3 for update skip locked
  )
  update work.item i
  set state = 'running', owner = $2, fence = i.fence + 1, crashes = i.crashes + (i.state = 'running')::integer,
    free_at = clock_timestamp() + $4 * interval '1 ms'
  from free, durable where i.tenant = free.tenant and i.ticket_id = free.ticket_id
  returning ${CLAIMED}`;

// Nothing is lost when two archive the same: who is later finds it done.
const CLAIM_ENDED = `
  update work.item i set free_at = clock_timestamp() + $2 * interval '1 ms'
  from (
    select tenant, ticket_id from work.item
    where agent = $1 and state = 'done' and wish = 'cancel' and not archived and free_at <= clock_timestamp()
    order by turn limit 1 for update skip locked
  ) as ended where i.tenant = ended.tenant and i.ticket_id = ended.ticket_id
  returning ${CLAIMED}`;

const ARCHIVED = 'update work.item set archived = true where tenant = $1 and ticket_id = $2';

const BEAT = `
  update work.item i set free_at = clock_timestamp() + $5 * interval '1 ms'
  from unnest($2::text[], $3::text[], $4::integer[]) as held (tenant, ticket_id, fence)
  where i.tenant = held.tenant and i.ticket_id = held.ticket_id and i.fence = held.fence
    and i.owner = $1 and i.state = 'running'
  returning i.tenant, i.ticket_id, i.wish, i.wish_reason, i.held`;

const TAKE_BACK = `
  update work.item set free_at = clock_timestamp()
  where agent = $1 and owner = $2 and state = 'running' and free_at > clock_timestamp()`;

const LET_GO = `
  update work.item i
  set owner = null, free_at = clock_timestamp() + left_after * interval '1 ms',
    state = case when left_as <> 'paused' then left_as
      when i.wish = 'cancel' or i.answers > known_answers then 'ready' else 'paused' end
  from unnest($1::text[], $2::text[], $3::integer[], $4::text[], $5::text[], $6::integer[], $7::integer[])
    as held (tenant, ticket_id, fence, owner, left_as, left_after, known_answers)
  where i.tenant = held.tenant and i.ticket_id = held.ticket_id and i.fence = held.fence and i.owner = held.owner
    and i.state = 'running'`;

/**
 * The tickets of one agent, and who works on them: a lease by the clock of the database, and a fence that rises with
 * each claim. The lease saves work; what guards the sessions is the fence, which their rules check at every append.
 */
export class WorkItems {
  readonly leaseMs: number;
  private readonly pool: Pool;
  private readonly agent: Agent;
  private readonly adding = new Together<Positioned<EventOf<'TicketOpened'>>>((opened) => this.addAll(opened));
  private readonly lettingGo = new Together<LetGo>((held) => this.letGoAll(held));

  /** The pool acts as `vt_subscriber`. */
  constructor(pool: Pool, agent: Agent, leaseMs = 30_000) {
    this.pool = pool;
    this.agent = agent;
    this.leaseMs = leaseMs;
  }

  /** Adding a ticket again does nothing. */
  async add(opened: Positioned<EventOf<'TicketOpened'>>): Promise<void> {
    await this.adding.carry(opened);
  }

  /** Calls off all work on a train that has ended, and has its sessions archived. */
  async cancel(tenant: TenantId, trainId: TrainId, reason: string): Promise<void> {
    await this.query('cancel', CANCEL, [this.agent, tenant, trainId, reason]);
  }

  /** At most `limit` tickets that nobody works on, or whose lease is over; each tenant in its turn. */
  async claim(owner: string, limit: number): Promise<readonly Claim[]> {
    const { rows } = await this.query<ClaimRow>('claim', CLAIM, [this.agent, owner, limit, this.leaseMs]);
    return rows.map((row) => this.claimOf(row));
  }

  /** Renews the leases, and answers what is wanted of each ticket that is still ours, and whether a pause covers it. */
  async beat(
    owner: string,
    claims: readonly Claim[],
  ): Promise<ReadonlyMap<Claim, { readonly wish: Wish; readonly reason: string; readonly held: boolean }>> {
    const { rows } = await this.query<ClaimRow>('beat', BEAT, [
      owner,
      claims.map(({ ticket }) => ticket.tenant),
      claims.map(({ ticket }) => ticket.ticketId),
      claims.map(({ fence }) => fence),
      this.leaseMs,
    ]);
    const ours = new Map(rows.map((row) => [`${row.tenant}/${row.ticket_id}`, row]));
    return new Map(
      claims.flatMap((claim) => {
        const row = ours.get(`${claim.ticket.tenant}/${claim.ticket.ticketId}`);
        return row ? [[claim, { wish: row.wish, reason: row.wish_reason, held: row.held }] as const] : [];
      }),
    );
  }

  /** Ends the leases of an owner who is no more. */
  async takeBack(owner: string): Promise<void> {
    await this.query('take_back', TAKE_BACK, [this.agent, owner]);
  }

  /** Hands a ticket back, to be claimed again after a while; nothing happens when it is no longer ours. */
  async release(owner: string, claim: Claim, afterMs = 0): Promise<void> {
    await this.letGo(owner, claim, 'ready', afterMs);
  }

  /** Sets a ticket aside until a person answers; one that was answered meanwhile is ready. */
  async pause(owner: string, claim: Claim): Promise<void> {
    await this.letGo(owner, claim, 'paused', 0);
  }

  async finish(owner: string, claim: Claim): Promise<void> {
    await this.letGo(owner, claim, 'done', 0);
  }

  /** A ticket of a train that has ended, whose session nobody has archived yet; for a while, nobody else gets it. */
  async claimEnded(): Promise<Claim | undefined> {
    const { rows } = await this.query<ClaimRow>('claim_ended', CLAIM_ENDED, [this.agent, this.leaseMs]);
    return rows[0] && this.claimOf(rows[0]);
  }

  async archived({ ticket }: Claim): Promise<void> {
    await this.query('archived', ARCHIVED, [ticket.tenant, ticket.ticketId]);
  }

  private async letGo(owner: string, claim: Claim, state: string, afterMs: number): Promise<void> {
    await this.lettingGo.carry({ owner, claim, state, afterMs });
  }

  private async addAll(opened: readonly Positioned<EventOf<'TicketOpened'>>[]): Promise<void> {
    const tickets = opened.map(({ event }) => event.data);
    await this.query('add', ADD, [
      this.agent,
      opened.map(({ tenant }) => tenant),
      tickets.map(({ ticketId }) => ticketId),
      tickets.map(({ trainId }) => trainId),
      tickets.map(({ phase }) => phase),
      tickets.map(({ cycle }) => cycle),
      tickets.map(({ attempt }) => attempt),
      opened.map(({ at }) => at),
      opened.map(({ id }) => id),
      opened.map(({ causation }) => causation.correlationId),
    ]);
  }

  private async letGoAll(held: readonly LetGo[]): Promise<void> {
    const claims = held.map(({ claim }) => claim);
    await this.query('let_go', LET_GO, [
      claims.map(({ ticket }) => ticket.tenant),
      claims.map(({ ticket }) => ticket.ticketId),
      claims.map(({ fence }) => fence),
      held.map(({ owner }) => owner),
      held.map(({ state }) => state),
      held.map(({ afterMs }) => afterMs),
      claims.map(({ answers }) => answers),
    ]);
  }

  private claimOf(row: ClaimRow): Claim {
    return {
      ticket: {
        tenant: TenantId.parse(row.tenant),
        trainId: TrainId.parse(row.train_id),
        ticketId: TicketId.parse(row.ticket_id),
        phase: row.phase,
        cycle: row.cycle,
        attempt: row.attempt,
        agent: this.agent,
        openedOn: row.opened_on,
      },
      fence: row.fence,
      wish: row.wish,
      wishReason: row.wish_reason,
      answers: row.answers,
      crashes: row.crashes,
      eventId: row.event_id,
      correlationId: row.correlation_id,
    };
  }

  private query<Row extends object>(name: string, text: string, values: unknown[]) {
    return this.pool.query<Row>({ name: `work.${name}`, text, values });
  }
}

/** Lets what comes in while a statement is on its way travel together in the next one. */
class Together<Item> {
  private readonly send: (items: readonly Item[]) => Promise<void>;
  private waiting: { readonly item: Item; readonly sent: PromiseWithResolvers<void> }[] = [];
  private sending = false;

  constructor(send: (items: readonly Item[]) => Promise<void>) {
    this.send = send;
  }

  carry(item: Item): Promise<void> {
    const sent = Promise.withResolvers<void>();
    this.waiting.push({ item, sent });
    if (!this.sending) void this.sendAll();
    return sent.promise;
  }

  private async sendAll(): Promise<void> {
    this.sending = true;
    while (this.waiting.length > 0) {
      const party = this.waiting.splice(0);
      const all = this.send(party.map(({ item }) => item));
      // When one of them is at fault, the others shall not suffer.
      const each = ({ item, sent }: (typeof party)[number]) =>
        all.catch(() => this.send([item])).then(sent.resolve, sent.reject);
      await Promise.all(party.map(each));
    }
    this.sending = false;
  }
}
