import { Controller, Inject } from '@nestjs/common';
import { Agent, FLEET, PauseScope } from '@vt/contracts';
import { TicketId, TrainId } from '@vt/kernel';
import type { CommandClient } from '@vt/messaging';
import type { Kept, Reader, SnapshotRows } from '@vt/read-models';
import { Problem } from '@vt/service';
import { coversWork, PauseRow, ticketIdOf, type TrainRow } from '@vt/value-train';
import { z } from 'zod';
import { carryOut } from '../edge/carry-out.ts';
import { Handles } from '../edge/handles.ts';
import { operation, type Answered, type Incoming } from '../edge/operation.ts';
import { shown } from '../edge/pages.ts';
import { CommandsToken, ConfigToken, ReaderToken } from '../edge/tokens.ts';
import type { GatewayConfig } from '../gateway.config.ts';
import { VIEWS } from '../views.ts';

const tag = 'pauses';
const PAUSES_MAX = 1_000;

/** What is paused, and what else is said of it. */
const paused = <Shape extends z.ZodRawShape>(said: Shape) =>
  z.discriminatedUnion('scope', [
    z.strictObject({ scope: PauseScope.extract(['session', 'ticket']), subject: TicketId, ...said }),
    z.strictObject({ scope: z.literal('train'), subject: TrainId, ...said }),
    z.strictObject({ scope: z.literal('agent'), subject: Agent, ...said }),
    z.strictObject({ scope: PauseScope.extract(['tenant', 'fleet']), subject: z.literal('').default(''), ...said }),
  ]);

const listPauses = operation({
  id: 'listPauses',
  method: 'GET',
  path: '/v1/pauses',
  tag,
  summary: 'List what is paused, by whom, why and since when: the fleet, then what is of the tenant, at most 1,000',
  role: 'viewer',
  answer: { status: 200, description: 'Pauses that stand.', schema: z.object({ items: z.array(PauseRow) }) },
});

const placePause = operation({
  id: 'placePause',
  method: 'POST',
  path: '/v1/pauses',
  tag,
  summary: 'Begin nothing new in a scope; the fleet: admins of the tenant that the gateway names',
  role: 'operator',
  body: paused({ reason: z.string().min(1) }),
  answer: { status: 204, description: 'Nothing that it covers is claimed any more.' },
});

const liftPause = operation({
  id: 'liftPause',
  method: 'POST',
  path: '/v1/pauses/lift',
  tag,
  summary: 'Go on in a scope, where no other pause covers it; the fleet: admins of the tenant that the gateway names',
  role: 'operator',
  body: paused({ reason: z.string().default('') }),
  answer: { status: 204, description: 'It goes on.' },
});

type Wanted = Incoming<typeof placePause> | Incoming<typeof liftPause>;

@Controller()
export class PausesController {
  constructor(
    @Inject(ReaderToken) private readonly reader: Reader,
    @Inject(CommandsToken) private readonly commands: Pick<CommandClient, 'send'>,
    @Inject(ConfigToken) private readonly config: Pick<GatewayConfig, 'TENANT'>,
  ) {}

  @Handles(listPauses)
  async list({ principal }: Incoming<typeof listPauses>): Promise<Answered> {
    const fleet = await fleetPauses(this.reader);
    const own = await this.reader.rows(principal.tenant, VIEWS.pauses, { limit: PAUSES_MAX });
    return { body: { items: [...fleet, ...own.value].map(shown) }, position: own.position };
  }

  @Handles(placePause)
  place(incoming: Incoming<typeof placePause>): Promise<Answered> {
    const { body } = incoming;
    if (body.scope === 'train') {
      return carryOut(this.commands, incoming, 'train.pause', { trainId: body.subject, reason: body.reason });
    }
    return carryOut(this.commands, this.inTenantOf(incoming), 'pause.place', body);
  }

  @Handles(liftPause)
  lift(incoming: Incoming<typeof liftPause>): Promise<Answered> {
    const { body } = incoming;
    if (body.scope === 'train') return carryOut(this.commands, incoming, 'train.resume', { trainId: body.subject });
    return carryOut(this.commands, this.inTenantOf(incoming), 'pause.lift', body);
  }

  /** What is of the fleet is everybody's: its pauses are kept in a tenant that is nobody's. */
  private inTenantOf(incoming: Wanted): Pick<Wanted, 'principal' | 'idempotencyKey'> {
    const { principal, body } = incoming;
    if (body.scope !== 'fleet') return incoming;
    if (principal.role !== 'admin' || principal.tenant !== this.config.TENANT) {
      const who = `an admin of the tenant ${this.config.TENANT}`;
      throw new Problem(403, 'forbidden', `only ${who} may pause or resume the fleet, which is of every tenant`);
    }
    return { ...incoming, principal: { ...principal, tenant: FLEET } };
  }
}

/** The pause of the fleet, where there is one; not under the snapshot of a tenant, which would take two connections. */
export const fleetPauses = async (reader: Reader) => (await reader.rows(FLEET, VIEWS.pauses, { limit: 1 })).value;

/** Pauses that cover a train, or the work on the ticket that it is at: why nothing moves. */
export async function pausesOver(
  train: TrainRow,
  rows: SnapshotRows,
  fleet: readonly Kept<PauseRow>[],
): Promise<PauseRow[]> {
  const { trainId, phase, cycle, attempt, agent, ended } = train;
  if (ended !== null) return [];
  const ticketId = phase === null ? '' : ticketIdOf(TrainId.parse(trainId), phase, cycle, attempt);
  const work = { trainId, agent: agent ?? '', ticketId };
  const own = await rows(VIEWS.pauses, { where: { subject: ['', ...Object.values(work)] }, limit: PAUSES_MAX });
  return [...fleet, ...own].filter((pause) => coversWork(pause, work)).map(shown);
}
