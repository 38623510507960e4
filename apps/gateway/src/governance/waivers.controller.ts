import { Controller, Inject } from '@nestjs/common';
import { Phase } from '@vt/contracts';
import type { CommandClient } from '@vt/messaging';
import { z } from 'zod';
import { carryOut } from '../edge/carry-out.ts';
import { Handles } from '../edge/handles.ts';
import { OnBehalfOf, refuseToPassOn } from '../edge/on-behalf-of.ts';
import { operation, type Answered, type Incoming } from '../edge/operation.ts';
import { CommandsToken } from '../edge/tokens.ts';
import { Until } from '../edge/until.ts';
import { OfTrain } from '../trains/train-operations.ts';

const tag = 'waivers';
const done = { status: 204, description: 'It is so from the position in `VT-Position` on.' } as const;

/** What is missing is refused by the rule that asks for it, and not by the form. */
const Waiving = z.strictObject({
  phase: Phase,
  reason: z.string().default(''),
  owner: z.string().default('').describe('Who sees to it that the waiver is not needed any more.'),
  until: Until.nullable().default(null),
  role: z.string().describe('The role in which it is granted, one that the pipeline lets waive.'),
  onBehalfOf: OnBehalfOf,
});

const grantWaiver = operation({
  id: 'grantWaiver',
  method: 'POST',
  path: '/v1/trains/{trainId}/waivers',
  tag,
  summary: 'Let checks of a gate be unmet, until an end; a blocked train gets another try',
  role: 'approver',
  params: OfTrain,
  body: Waiving.extend({ checks: z.array(z.string()).min(1).describe('Ids of checks, as the gate shows them.') }),
  answer: done,
});

const forceGate = operation({
  id: 'forceGate',
  method: 'POST',
  path: '/v1/trains/{trainId}/waivers/force',
  tag,
  summary: 'Waive everything that is unmet at a gate, as far as it may be',
  role: 'approver',
  params: OfTrain,
  body: Waiving,
  answer: done,
});

const settleWaiver = operation({
  id: 'settleWaiver',
  method: 'POST',
  path: '/v1/trains/{trainId}/waivers/{waiverId}/settle',
  tag,
  summary: 'Say that what a waiver covered is mended, or accepted as it is',
  role: 'approver',
  params: OfTrain.extend({ waiverId: z.string() }),
  body: z.strictObject({
    as: z.enum(['mended', 'accepted']),
    reason: z.string().default(''),
    role: z.string(),
    onBehalfOf: OnBehalfOf,
  }),
  answer: done,
});

@Controller()
export class WaiversController {
  constructor(@Inject(CommandsToken) private readonly commands: Pick<CommandClient, 'send'>) {}

  @Handles(grantWaiver)
  grant(incoming: Incoming<typeof grantWaiver>): Promise<Answered> {
    const { principal, params, body } = incoming;
    refuseToPassOn(principal, body.onBehalfOf);
    return carryOut(this.commands, incoming, 'waiver.grant', { ...params, ...body });
  }

  @Handles(forceGate)
  force(incoming: Incoming<typeof forceGate>): Promise<Answered> {
    const { principal, params, body } = incoming;
    refuseToPassOn(principal, body.onBehalfOf);
    return carryOut(this.commands, incoming, 'gate.force', { ...params, ...body });
  }

  @Handles(settleWaiver)
  settle(incoming: Incoming<typeof settleWaiver>): Promise<Answered> {
    const { principal, params, body } = incoming;
    refuseToPassOn(principal, body.onBehalfOf);
    return carryOut(this.commands, incoming, 'waiver.settle', { ...params, ...body });
  }
}
