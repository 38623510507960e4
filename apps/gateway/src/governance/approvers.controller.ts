import { Controller, Inject } from '@nestjs/common';
import type { CommandClient } from '@vt/messaging';
import { z } from 'zod';
import { carryOut } from '../edge/carry-out.ts';
import { Handles } from '../edge/handles.ts';
import { Until } from '../edge/until.ts';
import { OnBehalfOf, refuseToPassOn } from '../edge/on-behalf-of.ts';
import { operation, type Answered, type Incoming } from '../edge/operation.ts';
import { CommandsToken } from '../edge/tokens.ts';
import { OfTrain } from '../trains/train-operations.ts';

const tag = 'approvals';
const Office = z.strictObject({ role: z.string().min(1), name: z.string().min(1) });
const done = { status: 204, description: 'It is so from the position in `VT-Position` on.' } as const;

const appointApprover = operation({
  id: 'appointApprover',
  method: 'POST',
  path: '/v1/trains/{trainId}/approvers/appoint',
  tag,
  summary: 'Give a person a role on a train',
  role: 'admin',
  params: OfTrain,
  body: Office,
  answer: done,
});

const dismissApprover = operation({
  id: 'dismissApprover',
  method: 'POST',
  path: '/v1/trains/{trainId}/approvers/dismiss',
  tag,
  summary: 'Take a role on a train from a person; what they agreed to at its gate becomes stale',
  role: 'admin',
  params: OfTrain,
  body: Office.extend({ reason: z.string().min(1) }),
  answer: done,
});

const Delegating = z.strictObject({ role: z.string().min(1), to: z.string().min(1), onBehalfOf: OnBehalfOf });

const delegateApproval = operation({
  id: 'delegateApproval',
  method: 'POST',
  path: '/v1/trains/{trainId}/delegations',
  tag,
  summary: 'Let another person speak in your stead, for a while',
  role: 'approver',
  params: OfTrain,
  body: Delegating.extend({ until: Until, reason: z.string().min(1) }),
  answer: done,
});

const endDelegation = operation({
  id: 'endDelegation',
  method: 'POST',
  path: '/v1/trains/{trainId}/delegations/end',
  tag,
  summary: 'Speak for yourself again; what was said in your stead at a gate becomes stale',
  role: 'approver',
  params: OfTrain,
  body: Delegating,
  answer: done,
});

@Controller()
export class ApproversController {
  constructor(@Inject(CommandsToken) private readonly commands: Pick<CommandClient, 'send'>) {}

  @Handles(appointApprover)
  appoint(incoming: Incoming<typeof appointApprover>): Promise<Answered> {
    return carryOut(this.commands, incoming, 'approver.appoint', { ...incoming.params, ...incoming.body });
  }

  @Handles(dismissApprover)
  dismiss(incoming: Incoming<typeof dismissApprover>): Promise<Answered> {
    return carryOut(this.commands, incoming, 'approver.dismiss', { ...incoming.params, ...incoming.body });
  }

  @Handles(delegateApproval)
  delegate(incoming: Incoming<typeof delegateApproval>): Promise<Answered> {
    const { principal, params, body } = incoming;
    refuseToPassOn(principal, body.onBehalfOf);
    return carryOut(this.commands, incoming, 'approval.delegate', { ...params, ...body });
  }

  @Handles(endDelegation)
  undelegate(incoming: Incoming<typeof endDelegation>): Promise<Answered> {
    const { principal, params, body } = incoming;
    refuseToPassOn(principal, body.onBehalfOf);
    return carryOut(this.commands, incoming, 'approval.undelegate', { ...params, ...body });
  }
}
