import type { Agent, Allowance, EventOf } from '@vt/contracts';
import { Together } from '@vt/event-store';
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
  /** Answers of people and of other agents that there were when it was claimed. */
  readonly answers: number;
  /** How often a lease ran out before whoever had it was done. */
  readonly crashes: number;
  /** What was reserved for it; null where nothing was. */
  readonly allowance: Allowance | null;
  /** Of the event that opened the ticket. */
  readonly eventId: string;
  readonly correlationId: string;
}

interface CalledOff {
  readonly tenant: TenantId;
  readonly trainId: TrainId;
  readonly reason: string;
}

/** What opens a ticket for an agent: the conductor, or another agent that offers it an action. */
export type Opened = Positioned<EventOf<'TicketOpened' | 'HandoffOffered'>>;

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
  readonly allowance: Allowance | null;
  readonly event_id: string;
  readonly correlation_id: string;
}

const ADD = 'select work.add($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)';
const CANCEL = 'select tenant, train_id from work.cancel($1, $2, $3, $4)';
const CALL_OFF = `
  update work.item set wish = 'cancel', wish_reason = $4, state = case state when 'paused' then 'ready' else state end
  where agent = $1 and tenant = $2 and ticket_id = $3 and wish <> 'cancel'`;

const ANSWERED = `
  update work.item set answers = answers + 1, state = case state when 'paused' then 'ready' else state end
  where agent = $1 and tenant = $2 and ticket_id = $3`;

const CLAIMED = `tenant, ticket_id, train_id, phase, cycle, attempt,
  to_char(opened_at at time zone 'utc', 'YYYY-MM-DD') as opened_on,
  fence, wish, wish_reason, answers, crashes, allowance, event_id, correlation_id`;
const CLAIM = `select ${CLAIMED} from work.claim($1, $2, $3, $4)`;
const CLAIM_ENDED = `select ${CLAIMED} from work.claim_ended($1, $2)`;
const ARCHIVED = 'update work.item set archived = true where tenant = $1 and ticket_id = $2';
const BEAT = 'select tenant, ticket_id, wish, wish_reason, held from work.beat($1, $2, $3, $4, $5)';
const LET_GO = 'select work.let_go($1, $2, $3, $4, $5, $6, $7)';

const TAKE_BACK = `
  update work.item set free_at = clock_timestamp()
  where agent = $1 and owner = $2 and state = 'running' and free_at > clock_timestamp()`;

/**
 * The tickets of one agent, and who works on them: a lease by the clock of the database, and a fence that rises with
 * each claim. The lease saves work; what guards the sessions is the fence, which their rules check at every append.
 */
export class WorkItems {
  readonly leaseMs: number;
  private readonly pool: Pool;
  private readonly agent: Agent;
  private readonly adding = new Together<Opened>((opened) => this.addAll(opened));
  private readonly cancelling = new Together<CalledOff, boolean>((trains) => this.cancelAll(trains));
  private readonly lettingGo = new Together<LetGo>((held) => this.letGoAll(held));

  /** The pool acts as `vt_subscriber`. */
  constructor(pool: Pool, agent: Agent, leaseMs = 30_000) {
    this.pool = pool;
    this.agent = agent;
    this.leaseMs = leaseMs;
  }

  /** Adding a ticket again does nothing. */
  async add(opened: Opened): Promise<void> {
    await this.adding.carry(opened);
  }

  /** Calls off all work on a train that has ended, answers whether there was any, and has its sessions archived. */
  async cancel(tenant: TenantId, trainId: TrainId, reason: string): Promise<boolean> {
    return this.cancelling.carry({ tenant, trainId, reason });
  }

  /** Calls off the work on one ticket. */
  async callOff(tenant: TenantId, ticketId: TicketId, reason: string): Promise<void> {
    await this.query('call_off', CALL_OFF, [this.agent, tenant, ticketId, reason]);
  }

  /** What a ticket waits for may be there: it is claimed again, at once or when whoever has it lets it go. */
  async answered(tenant: TenantId, ticketId: TicketId): Promise<void> {
    await this.query('answered', ANSWERED, [this.agent, tenant, ticketId]);
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

  private async addAll(opened: readonly Opened[]): Promise<void> {
    const tickets = opened.map(({ event }) => event.data);
    const idOf = ({ event }: Opened) => (event.type === 'TicketOpened' ? event.data.ticketId : event.data.handoff);
    // Documents carry the date of the ticket, whoever writes them.
    const atOf = ({ event, at }: Opened) => (event.type === 'TicketOpened' ? at : `${event.data.openedOn}T00:00:00Z`);
    await this.query('add', ADD, [
      this.agent,
      opened.map(({ tenant }) => tenant),
      opened.map(idOf),
      tickets.map(({ trainId }) => trainId),
      tickets.map(({ phase }) => phase),
      tickets.map(({ cycle }) => cycle),
      tickets.map(({ attempt }) => attempt),
      opened.map(atOf),
      opened.map(({ id }) => id),
      opened.map(({ causation }) => causation.correlationId),
      // Nothing is reserved for what is handed off.
      tickets.map((ticket) => ('allowance' in ticket && ticket.allowance ? JSON.stringify(ticket.allowance) : null)),
    ]);
  }

  private async cancelAll(trains: readonly CalledOff[]): Promise<readonly boolean[]> {
    const { rows } = await this.query<Pick<ClaimRow, 'tenant' | 'train_id'>>('cancel', CANCEL, [
      this.agent,
      trains.map(({ tenant }) => tenant),
      trains.map(({ trainId }) => trainId),
      trains.map(({ reason }) => reason),
    ]);
    const hadWork = new Set(rows.map(({ tenant, train_id: trainId }) => `${tenant}/${trainId}`));
    return trains.map(({ tenant, trainId }) => hadWork.has(`${tenant}/${trainId}`));
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
      allowance: row.allowance,
      eventId: row.event_id,
      correlationId: row.correlation_id,
    };
  }

  private query<Row extends object>(name: string, text: string, values: unknown[]) {
    return this.pool.query<Row>({ name: `work.${name}`, text, values });
  }
}
