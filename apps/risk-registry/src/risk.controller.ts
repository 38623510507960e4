import { Controller, Inject } from '@nestjs/common';
import type { EventOf } from '@vt/contracts';
import { react, type Execute, type Positioned } from '@vt/kernel';
import { commandIdOf, envelopeOf, OnCommand, OnEvent, reactionTo, type Carried, type Command } from '@vt/messaging';
import { riskReactions, type RiskCatalogue, type RiskCommand, type RiskEvent, type Risks } from '@vt/risk';
import { token } from '@vt/service';

type Register = Execute<Risks, RiskCommand, RiskEvent>;
export const Registry = token<Register>('Registry');
export const Catalogue = token<RiskCatalogue>('Catalogue');

type Signal =
  | 'ToolRefused'
  | 'GateEvaluated'
  | 'ActionFailed'
  | 'TrainBlocked'
  | 'ApprovalRefused'
  | 'BudgetWarned'
  | 'BudgetExhausted'
  | 'SpendRecorded'
  | 'PhaseCompleted';

@Controller()
export class RiskController {
  constructor(
    @Inject(Registry) private readonly register: Register,
    @Inject(Catalogue) private readonly catalogue: RiskCatalogue,
  ) {}

  @OnEvent(
    'ToolRefused',
    'GateEvaluated',
    'ActionFailed',
    'TrainBlocked',
    'ApprovalRefused',
    'BudgetWarned',
    'BudgetExhausted',
    'SpendRecorded',
    'PhaseCompleted',
  )
  async onSignal(event: Positioned<EventOf<Signal>>): Promise<void> {
    for (const command of react(riskReactions, event.event)) {
      const risk = { source: event.id, ...command, title: this.titleOf(command.catalogue) };
      await this.register(risk, reactionTo(event, 'risk-registry', command.riskId));
    }
  }

  @OnCommand('risk.raise')
  async onRaise(command: Command<'risk.raise'>): Promise<Carried> {
    const { body, actor, commandId } = command;
    // A person's risk is one of its own: two people may mean different things by the same entry of the catalogue.
    const riskId = `${body.catalogue}-${commandIdOf(commandId).slice(0, 8)}`;
    return this.carryOut(command, {
      type: 'RaiseRisk',
      ...body,
      riskId,
      signal: 'reported',
      raisedBy: actor,
      source: commandId,
    });
  }

  @OnCommand('risk.mitigate')
  async onMitigate(command: Command<'risk.mitigate'>): Promise<Carried> {
    return this.carryOut(command, { type: 'MitigateRisk', ...command.body, by: command.actor });
  }

  @OnCommand('risk.close')
  async onClose(command: Command<'risk.close'>): Promise<Carried> {
    return this.carryOut(command, { type: 'CloseRisk', ...command.body, by: command.actor });
  }

  private async carryOut(command: Parameters<typeof envelopeOf>[0], risk: RiskCommand): Promise<Carried> {
    const { stream, head } = await this.register(risk, envelopeOf(command));
    return { stream, version: head.version };
  }

  private titleOf(id: string): string {
    return this.catalogue.risks.find((risk) => risk.id === id)?.title ?? id;
  }
}
