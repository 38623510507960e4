import { Controller, Inject } from '@nestjs/common';
import { Phase } from '@vt/contracts';
import { Digest, TrainId } from '@vt/kernel';
import type { CommandClient } from '@vt/messaging';
import type { Reader } from '@vt/read-models';
import { ApprovalRow, type TrainRow } from '@vt/value-train';
import { z } from 'zod';
import { carryOut } from '../edge/carry-out.ts';
import { Handles } from '../edge/handles.ts';
import { OnBehalfOf, refuseToPassOn } from '../edge/on-behalf-of.ts';
import { operation, Paged, type Answered, type Incoming } from '../edge/operation.ts';
import { page, pageOf } from '../edge/pages.ts';
import { CommandsToken, ReaderToken } from '../edge/tokens.ts';
import { OfTrain } from '../trains/train-operations.ts';
import { VIEWS } from '../views.ts';
import { createHash } from 'node:crypto';

const tag = 'approvals';

const ShownApproval = ApprovalRow.extend({
  status: z
    .enum([...ApprovalRow.shape.status.options, 'closed'])
    .describe('`closed`: it was pending when the attempt ended, by the word of another group, or otherwise.'),
  quote: z.string().describe('Short digest of what is shown: whoever agrees to it says so by it.'),
});

/** Whether the gate that asked asks no more: its attempt is over, or the train is. `approval-gauges.ts` says so in SQL. */
const isOver = (row: ApprovalRow, { ended, phase, cycle, attempt, verdict }: TrainRow): boolean =>
  ended !== null ||
  verdict === 'failed' ||
  (phase !== null && (phase !== row.phase || cycle !== row.cycle || attempt !== row.attempt));

/** The same files, asked by the same rules of the same role, have the same quote. */
const withQuote = (row: ApprovalRow): z.infer<typeof ShownApproval> => ({
  ...row,
  quote: createHash('sha256')
    .update(JSON.stringify([row.ticketId, row.role, row.policy, row.evidence.toSorted()]))
    .digest('hex')
    .slice(0, 12),
});

const listApprovals = operation({
  id: 'listApprovals',
  method: 'GET',
  path: '/v1/approvals',
  tag,
  summary: 'List what gates ask people to agree to; what nobody can answer any more is not pending',
  role: 'viewer',
  query: Paged.extend({ trainId: TrainId.optional(), status: ApprovalRow.shape.status.optional() }),
  answer: { status: 200, description: 'A page of approvals.', schema: pageOf(ShownApproval) },
});

const decide = <const Id extends string, More extends z.ZodRawShape>(
  id: Id,
  verb: string,
  summary: string,
  more: More,
) =>
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
      comment: z.string().default('').describe('Why; who does not agree must say so, and the agent works by it.'),
      standsInFor: z
        .string()
        .min(1)
        .optional()
        .describe(
          'Whose voice it is, where it was delegated; unless it is given, that of who speaks, if they have one.',
        ),
      simulated: z.boolean().default(false).describe('A script speaks for the person.'),
      onBehalfOf: OnBehalfOf,
      ...more,
    }),
    answer: { status: 204, description: 'It was decided.' },
  });

const grantApproval = decide('grantApproval', 'grant', 'Agree to the evidence of a gate', {});
const refuseApproval = decide(
  'refuseApproval',
  'refuse',
  'Do not agree to the evidence of a gate, or ask for changes',
  {
    revise: z.boolean().default(false).describe('Ask for changes: the attempt is made again, and is no strike.'),
  },
);

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
    const known = new Map(trains.value.map((train) => [train.trainId, train]));
    const shown = items.map((row) => {
      const train = known.get(row.trainId);
      const closed = row.status === 'pending' && train !== undefined && isOver(row, train);
      return { ...withQuote(row), ...(closed ? { status: 'closed' as const } : {}) };
    });
    return { ...answered, body: { items: shown.filter((row) => status === undefined || row.status === status), next } };
  }

  @Handles(grantApproval)
  grant(incoming: Incoming<typeof grantApproval>): Promise<Answered> {
    const { principal, params, body } = incoming;
    refuseToPassOn(principal, body.onBehalfOf);
    return carryOut(this.commands, incoming, 'approval.grant', { ...params, ...body });
  }

  @Handles(refuseApproval)
  refuse(incoming: Incoming<typeof refuseApproval>): Promise<Answered> {
    const { principal, params, body } = incoming;
    refuseToPassOn(principal, body.onBehalfOf);
    return carryOut(this.commands, incoming, 'approval.refuse', { ...params, ...body });
  }
}
