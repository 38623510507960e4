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
    return this.carryOut(command, { type: 'GrantApproval', ...command.body, by: whoseWord(command) });
  }

  @OnCommand('approval.refuse')
  onRefuse(command: Command<'approval.refuse'>): Promise<Carried> {
    return this.carryOut(command, { type: 'RefuseApproval', ...command.body, by: whoseWord(command) });
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
    const { body, actor } = command;
    return this.carryOut(command, { type: 'DelegateApproval', ...body, from: whoseWord(command), by: actor });
  }

  @OnCommand('approval.undelegate')
  onUndelegate(command: Command<'approval.undelegate'>): Promise<Carried> {
    const { body, actor } = command;
    return this.carryOut(command, { type: 'EndDelegation', ...body, from: whoseWord(command), by: actor });
  }

  @OnCommand('waiver.grant')
  onWaive(command: Command<'waiver.grant'>): Promise<Carried> {
    return this.carryOut(command, { type: 'GrantWaiver', ...command.body, by: whoseWord(command) });
  }

  @OnCommand('gate.force')
  onForce(command: Command<'gate.force'>): Promise<Carried> {
    return this.carryOut(command, { type: 'GrantWaiver', ...command.body, checks: 'all', by: whoseWord(command) });
  }

  @OnCommand('waiver.settle')
  onSettle(command: Command<'waiver.settle'>): Promise<Carried> {
    return this.carryOut(command, { type: 'SettleWaiver', ...command.body, by: whoseWord(command) });
  }

  private async carryOut(command: Omit<Command<CommandName>, 'body'>, train: TrainCommand): Promise<Carried> {
    const { stream, head } = await this.conduct(train, envelopeOf(command));
    return { stream, version: head.version };
  }
}

/** Whose word it is, though somebody else may pass it on. */
const whoseWord = ({
  actor,
  body,
}: {
  readonly actor: string;
  readonly body: { readonly onBehalfOf?: string | undefined };
}) => body.onBehalfOf ?? actor;
