import { Controller, Inject } from '@nestjs/common';
import { trainStream, type EventOf } from '@vt/contracts';
import { spendReactions, type Spend, type SpendCommand, type SpendEvent } from '@vt/cost';
import { react, type EventStore, type Execute, type Positioned } from '@vt/kernel';
import { envelopeOf, OnCommand, OnEvent, reactionTo, type Carried, type Command } from '@vt/messaging';
import { token } from '@vt/service';
import { startOf } from '@vt/value-train';

export const Meter = token<Execute<Spend, SpendCommand, SpendEvent>>('Meter');
export type Trains = Pick<EventStore, 'read'>;
export const Trains = token<Trains>('Trains');

type Metered = 'TrainStarted' | 'ActionCompleted' | 'ActionFailed' | 'SessionArchived';
type OfAllowances = 'AllowanceRequested' | 'AllowanceReturned' | 'TrainAborted';

@Controller()
export class CostController {
  constructor(
    @Inject(Meter) private readonly meter: Execute<Spend, SpendCommand, SpendEvent>,
    @Inject(Trains) private readonly trains: Trains,
  ) {}

  @OnEvent(
    ...(['TrainStarted', 'ActionCompleted', 'ActionFailed', 'SessionArchived'] as const),
    ...(['AllowanceRequested', 'AllowanceReturned', 'TrainAborted'] as const),
  )
  async onEvent(event: Positioned<EventOf<Metered | OfAllowances>>): Promise<void> {
    for (const command of react(spendReactions, event.event)) {
      const metered = command.type === 'RecordSpend' ? { ...command, source: event.id } : command;
      await this.meter(metered, reactionTo(event, 'cost', command.type));
    }
  }

  @OnCommand('budget.set')
  async onBudgetSet(command: Command<'budget.set'>): Promise<Carried> {
    const { trainId, budget } = command.body;
    startOf(trainId, await this.trains.read(command.tenant, trainStream(trainId)));
    const { stream, head } = await this.meter(
      { type: 'SetBudget', trainId, budget, by: command.actor },
      envelopeOf(command),
    );
    return { stream, version: head.version };
  }
}
