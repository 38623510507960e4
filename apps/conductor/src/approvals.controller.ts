import { Controller, Inject } from '@nestjs/common';
import type { CommandName } from '@vt/contracts';
import { envelopeOf, OnCommand, type Carried, type Command } from '@vt/messaging';
import type { TrainCommand } from '@vt/value-train';
import { Conduct } from './conductor.controller.ts';

/** What people say about gates: that they agree, who may speak for them, and what they let be unmet. */
@Controller()
export class ApprovalsController {
  constructor(@Inject(Conduct) private readonly conduct: Conduct) {}

  @OnCommand('approval.grant')
  onGrant(command: Command<'approval.grant'>): Promise<Carried> {
    return this.carryOut(command, { type: 'GrantApproval', ...command.body, ...saidBy(command) });
  }

  @OnCommand('approval.refuse')
  onRefuse(command: Command<'approval.refuse'>): Promise<Carried> {
    return this.carryOut(command, { type: 'RefuseApproval', ...command.body, ...saidBy(command) });
  }

  @OnCommand('approver.appoint')
  onAppoint(command: Command<'approver.appoint'>): Promise<Carried> {
    return this.carryOut(command, { type: 'AppointApprover', ...command.body, by: command.actor });
  }

  @OnCommand('approver.dismiss')
  onDismiss(command: Command<'approver.dismiss'>): Promise<Carried> {
    return this.carryOut(command, { type: 'DismissApprover', ...command.body, by: command.actor });
  }

  @OnCommand('approval.delegate')
  onDelegate(command: Command<'approval.delegate'>): Promise<Carried> {
    const { by: from, ...passed } = saidBy(command);
    const { body, actor: by } = command;
    return this.carryOut(command, { type: 'DelegateApproval', ...body, ...passed, from, by });
  }

  @OnCommand('approval.undelegate')
  onUndelegate(command: Command<'approval.undelegate'>): Promise<Carried> {
    const { by: from, ...passed } = saidBy(command);
    const { body, actor: by } = command;
    return this.carryOut(command, { type: 'EndDelegation', ...body, ...passed, from, by });
  }

  @OnCommand('waiver.grant')
  onWaive(command: Command<'waiver.grant'>): Promise<Carried> {
    return this.carryOut(command, { type: 'GrantWaiver', ...command.body, ...saidBy(command) });
  }

  @OnCommand('gate.force')
  onForce(command: Command<'gate.force'>): Promise<Carried> {
    return this.carryOut(command, { type: 'GrantWaiver', ...command.body, checks: 'all', ...saidBy(command) });
  }

  @OnCommand('waiver.settle')
  onSettle(command: Command<'waiver.settle'>): Promise<Carried> {
    return this.carryOut(command, { type: 'SettleWaiver', ...command.body, ...saidBy(command) });
  }

  private async carryOut(command: Omit<Command<CommandName>, 'body'>, train: TrainCommand): Promise<Carried> {
    const { stream, head } = await this.conduct(train, envelopeOf(command));
    return { stream, version: head.version };
  }
}

/** Whose word it is, and who passes it on, where that is somebody else. */
const saidBy = ({
  actor,
  body: { onBehalfOf = actor },
}: {
  readonly actor: string;
  readonly body: { readonly onBehalfOf?: string | undefined };
}): { readonly by: string; readonly passedOnBy?: string } =>
  onBehalfOf === actor ? { by: actor } : { by: onBehalfOf, passedOnBy: actor };
