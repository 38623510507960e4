import { Controller, Inject } from '@nestjs/common';
import { Phase } from '@vt/contracts';
import { TrainId } from '@vt/kernel';
import type { CommandClient } from '@vt/messaging';
import type { Reader } from '@vt/read-models';
import { RiskRow } from '@vt/risk';
import { z } from 'zod';
import { carryOut } from '../edge/carry-out.ts';
import { Handles } from '../edge/handles.ts';
import { operation, Paged, type Answered, type Incoming } from '../edge/operation.ts';
import { page, pageOf } from '../edge/pages.ts';
import { CommandsToken, ReaderToken } from '../edge/tokens.ts';
import { OfTrain } from '../trains/train-operations.ts';
import { VIEWS } from '../views.ts';

const tag = 'risks';
const Level = z.int().min(1).max(5);
const OfRisk = OfTrain.extend({ riskId: z.string() });

const listRisks = operation({
  id: 'listRisks',
  method: 'GET',
  path: '/v1/risks',
  tag,
  summary: 'List risks, of a train or of all',
  role: 'viewer',
  query: Paged.extend({ trainId: TrainId.optional(), status: RiskRow.shape.status.optional() }),
  answer: { status: 200, description: 'A page of risks.', schema: pageOf(RiskRow) },
});

const raiseRisk = operation({
  id: 'raiseRisk',
  method: 'POST',
  path: '/v1/trains/{trainId}/risks',
  tag,
  summary: 'Raise a risk by hand',
  role: 'operator',
  params: OfTrain,
  body: z.strictObject({
    catalogue: z.string().describe('Entry of the risk catalogue: R001 to R012.'),
    title: z.string().min(1),
    reason: z.string().min(1),
    probability: Level,
    impact: Level,
    phases: z.array(Phase).default([]).describe('Phases whose gates it touches; empty means all.'),
  }),
  answer: { status: 204, description: 'It was raised.' },
});

const mitigateRisk = operation({
  id: 'mitigateRisk',
  method: 'POST',
  path: '/v1/trains/{trainId}/risks/{riskId}/mitigate',
  tag,
  summary: 'Say what works against a risk, and how much of it',
  role: 'operator',
  params: OfRisk,
  body: z.strictObject({ mitigation: z.string().min(1), effectiveness: z.number().min(0).max(1) }),
  answer: { status: 204, description: 'It was noted, and the risk scored again.' },
});

const acceptRisk = operation({
  id: 'acceptRisk',
  method: 'POST',
  path: '/v1/trains/{trainId}/risks/{riskId}/accept',
  tag,
  summary: 'Take an open risk upon oneself, as it is; raised again, it is no longer accepted',
  role: 'operator',
  params: OfRisk,
  body: z.strictObject({ reason: z.string().min(1) }),
  answer: { status: 204, description: 'It is accepted, and holds nothing.' },
});

const closeRisk = operation({
  id: 'closeRisk',
  method: 'POST',
  path: '/v1/trains/{trainId}/risks/{riskId}/close',
  tag,
  summary: 'Close a risk',
  role: 'operator',
  params: OfRisk,
  body: z.strictObject({ reason: z.string().min(1) }),
  answer: { status: 204, description: 'It is closed, and holds nothing.' },
});

@Controller()
export class RisksController {
  constructor(
    @Inject(ReaderToken) private readonly reader: Reader,
    @Inject(CommandsToken) private readonly commands: Pick<CommandClient, 'send'>,
  ) {}

  @Handles(listRisks)
  list({ principal, query }: Incoming<typeof listRisks>): Promise<Answered> {
    const { trainId, status } = query;
    const where = { ...(trainId ? { trainId } : {}), ...(status ? { status } : {}) };
    return page(this.reader, principal, VIEWS.risks, query, { where });
  }

  @Handles(raiseRisk)
  raise(incoming: Incoming<typeof raiseRisk>): Promise<Answered> {
    return carryOut(this.commands, incoming, 'risk.raise', { ...incoming.params, ...incoming.body });
  }

  @Handles(mitigateRisk)
  mitigate(incoming: Incoming<typeof mitigateRisk>): Promise<Answered> {
    return carryOut(this.commands, incoming, 'risk.mitigate', { ...incoming.params, ...incoming.body });
  }

  @Handles(acceptRisk)
  accept(incoming: Incoming<typeof acceptRisk>): Promise<Answered> {
    return carryOut(this.commands, incoming, 'risk.accept', { ...incoming.params, ...incoming.body });
  }

  @Handles(closeRisk)
  close(incoming: Incoming<typeof closeRisk>): Promise<Answered> {
    return carryOut(this.commands, incoming, 'risk.close', { ...incoming.params, ...incoming.body });
  }
}
