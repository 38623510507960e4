import { Controller, Inject } from '@nestjs/common';
import { Phase } from '@vt/contracts';
import { Digest, TrainId } from '@vt/kernel';
import type { CommandClient } from '@vt/messaging';
import type { Reader } from '@vt/read-models';
import { ApprovalRow } from '@vt/value-train';
import { z } from 'zod';
import { carryOut } from '../edge/carry-out.ts';
import { Handles } from '../edge/handles.ts';
import { OnBehalfOf, refuseToPassOn } from '../edge/on-behalf-of.ts';
import { operation, Paged, type Answered, type Incoming } from '../edge/operation.ts';
import { page, pageOf } from '../edge/pages.ts';
import { CommandsToken, ReaderToken } from '../edge/tokens.ts';
import { OfTrain } from '../trains/train-operations.ts';
import { VIEWS } from '../views.ts';

const tag = 'approvals';

const listApprovals = operation({
  id: 'listApprovals',
  method: 'GET',
  path: '/v1/approvals',
  tag,
  summary: 'List what gates ask people to agree to; of trains that ended, nothing is pending',
  role: 'viewer',
  query: Paged.extend({ trainId: TrainId.optional(), status: ApprovalRow.shape.status.optional() }),
  answer: { status: 200, description: 'A page of approvals.', schema: pageOf(ApprovalRow) },
});

const decide = <const Id extends string>(id: Id, verb: string, summary: string) =>
  operation({
    id,
    method: 'POST',
    path: `/v1/trains/{trainId}/approvals/${verb}`,
    tag,
    summary,
    role: 'approver',
    params: OfTrain,
    body: z.strictObject({
      phase: Phase,
      role: z.string(),
      evidence: z.array(Digest).describe('What the person saw, from the pending approval.'),
      comment: z.string().default(''),
      simulated: z.boolean().default(false).describe('A script speaks for the person.'),
      onBehalfOf: OnBehalfOf,
    }),
    answer: { status: 204, description: 'It was decided.' },
  });

const grantApproval = decide('grantApproval', 'grant', 'Agree to the evidence of a gate');
const refuseApproval = decide('refuseApproval', 'refuse', 'Do not agree to the evidence of a gate');

@Controller()
export class ApprovalsController {
  constructor(
    @Inject(ReaderToken) private readonly reader: Reader,
    @Inject(CommandsToken) private readonly commands: Pick<CommandClient, 'send'>,
  ) {}

  @Handles(listApprovals)
  async list({ principal, query }: Incoming<typeof listApprovals>): Promise<Answered> {
    const { trainId, status } = query;
    const where = { ...(trainId ? { trainId } : {}), ...(status ? { status } : {}) };
    const answered = await page(this.reader, principal, VIEWS.approvals, query, { where });
    const { items, next } = answered.body as { items: ApprovalRow[]; next: string | null };
    const asked = [...new Set(items.filter((row) => row.status === 'pending').map((row) => row.trainId))];
    const trains = await this.reader.rows(principal.tenant, VIEWS.trains, {
      where: { trainId: asked },
      limit: asked.length,
    });
    const ended = new Set(trains.value.filter((train) => train.ended !== null).map((train) => train.trainId));
    const open = items.filter((row) => row.status !== 'pending' || !ended.has(row.trainId));
    return { ...answered, body: { items: open, next } };
  }

  @Handles(grantApproval)
  grant(incoming: Incoming<typeof grantApproval>): Promise<Answered> {
    return this.decide('approval.grant', incoming);
  }

  @Handles(refuseApproval)
  refuse(incoming: Incoming<typeof refuseApproval>): Promise<Answered> {
    return this.decide('approval.refuse', incoming);
  }

  private decide(name: 'approval.grant' | 'approval.refuse', incoming: Incoming<typeof grantApproval>) {
    const { principal, params, body } = incoming;
    refuseToPassOn(principal, body.onBehalfOf);
    return carryOut(this.commands, incoming, name, { ...params, ...body });
  }
}
