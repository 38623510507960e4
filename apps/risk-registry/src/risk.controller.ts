import { Controller, Inject } from '@nestjs/common';
import type { PipelineShelf } from '@vt/agent-runtime';
import { trainStream, type EventOf } from '@vt/contracts';
import { react, Rejection, type EventStore, type Execute, type Positioned } from '@vt/kernel';
import { commandIdOf, envelopeOf, OnCommand, OnEvent, reactionTo, type Carried, type Command } from '@vt/messaging';
import { riskReactions, type RiskCatalogue, type RiskCommand, type RiskEvent, type Risks } from '@vt/risk';
import { token } from '@vt/service';
import { startOf } from '@vt/value-train';

type Register = Execute<Risks, RiskCommand, RiskEvent>;
export const Registry = token<Register>('Registry');
export const Catalogue = token<RiskCatalogue>('Catalogue');
export type Trains = Pick<EventStore, 'read'>;
export const Trains = token<Trains>('Trains');
export const Pipelines = token<Pick<PipelineShelf, 'fetch'>>('Pipelines');

type Signal =
  | 'ToolRefused'
  | 'SpiralDetected'
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
    @Inject(Trains) private readonly trains: Trains,
    @Inject(Pipelines) private readonly pipelines: Pick<PipelineShelf, 'fetch'>,
  ) {}

  @OnEvent(
    'ToolRefused',
    'SpiralDetected',
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
    const { body, tenant, actor, commandId } = command;
    const { pipeline } = startOf(body.trainId, await this.trains.read(tenant, trainStream(body.trainId)));
    refuseUnknown('catalogue', [body.catalogue], this.catalogue.risks);
    if (body.phases.length > 0) refuseUnknown('phases', body.phases, (await this.pipelines.fetch(pipeline)).phases);
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

  @OnCommand('risk.accept')
  async onAccept(command: Command<'risk.accept'>): Promise<Carried> {
    return this.carryOut(command, { type: 'AcceptRisk', ...command.body, by: command.actor });
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

/** A risk in a place that does not exist would hold nothing. */
function refuseUnknown(field: string, given: readonly string[], known: readonly { readonly id: string }[]): void {
  const ids = known.map(({ id }) => id);
  const unknown = given.find((id) => !ids.includes(id));
  if (unknown !== undefined) {
    throw new Rejection('invalid', `${field}: there is no ${unknown}; use one of: ${ids.join(', ')}`);
  }
}
