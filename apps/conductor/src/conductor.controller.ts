import { Controller, Inject } from '@nestjs/common';
import type { ArtifactStore, PipelineShelf } from '@vt/agent-runtime';
import type { Check, CommandName, DomainEvent, EventOf } from '@vt/contracts';
import { react, type Execute, type Positioned } from '@vt/kernel';
import { envelopeOf, OnCommand, OnEvent, reactionTo, type Carried, type Command } from '@vt/messaging';
import { token } from '@vt/service';
import { phaseOf, trainReactions, type Train, type TrainCommand, type TrainEvent } from '@vt/value-train';
import { inspectNeeds } from './approval-needs.ts';
import { inspectArtifacts } from './artifact-inspection.ts';
import type { Observe } from './observation.ts';
import { Stores } from './tasks.controller.ts';

export type Conduct = Execute<Train, TrainCommand, TrainEvent>;
export const Conduct = token<Conduct>('Conduct');
export const Pipelines = token<PipelineShelf>('Pipelines');
export const Artifacts = token<ArtifactStore>('Artifacts');
export const Observation = token<Observe>('Observation');

type OfRisk = 'RiskRaised' | 'RiskRescored' | 'RiskBecameCritical' | 'RiskMitigated' | 'RiskSettled';
type OfBudget = 'BudgetExhausted' | 'BudgetSet';
type OfReservation = 'SpendReserved' | 'ReservationRefused';

@Controller()
export class ConductorController {
  constructor(
    @Inject(Conduct) private readonly conduct: Conduct,
    @Inject(Pipelines) private readonly pipelines: PipelineShelf,
    @Inject(Artifacts) private readonly artifacts: ArtifactStore,
    @Inject(Observation) private readonly observe: Observe,
    @Inject(Stores) private readonly stores: Pick<Stores, 'store'>,
  ) {}

  @OnEvent('WorkSubmitted')
  async onWorkSubmitted(event: Positioned<EventOf<'WorkSubmitted'>>): Promise<void> {
    const { trainId, ticketId, artifacts, facts, checklist, outcome } = event.event.data;
    const [found, needed, observed] = await Promise.all([
      inspectArtifacts(this.artifacts, artifacts),
      this.inspectRequest(event),
      this.observe(trainId, reactionTo(event, 'conductor', 'Observe')),
    ]);
    const checks = [...found, ...needed];
    const { state } = await this.conduct(
      { type: 'JudgeWork', trainId, ticketId, artifacts, facts, checklist, outcome, checks, observed },
      reactionTo(event, 'conductor', 'JudgeWork'),
    );
    // What changed while the gate judged has found no gate that was held.
    if (state.status === 'held') await this.lookAgain(event);
  }

  @OnEvent('WorkAbandoned')
  async onWorkAbandoned(event: Positioned<EventOf<'WorkAbandoned'>>): Promise<void> {
    await this.react(event);
  }

  @OnEvent(
    ...(['RiskRaised', 'RiskRescored', 'RiskBecameCritical', 'RiskMitigated', 'RiskSettled'] as const),
    ...(['BudgetExhausted', 'BudgetSet'] as const),
  )
  async onSurroundings(event: Positioned<EventOf<OfRisk | OfBudget>>): Promise<void> {
    await this.react(event);
    await this.lookAgain(event);
  }

  @OnEvent('SpendReserved', 'ReservationRefused')
  async onReservation(event: Positioned<EventOf<OfReservation>>): Promise<void> {
    await this.react(event);
  }

  @OnCommand('train.start')
  async onStart(command: Command<'train.start'>): Promise<Carried> {
    const { body, actor } = command;
    const pipeline = await this.pipelines.pin(body.pipeline);
    return this.carryOut(command, { type: 'StartTrain', ...body, pipeline, by: actor });
  }

  private async inspectRequest({ tenant, event }: Positioned<EventOf<'WorkSubmitted'>>): Promise<Check[]> {
    const { trainId, phase, artifacts } = event.data;
    const place = phaseOf(await this.pipelines.ofTrain(this.stores.store, tenant, trainId), phase);
    return place ? inspectNeeds(this.artifacts, place, artifacts) : [];
  }

  private async react(event: Positioned<DomainEvent>): Promise<void> {
    for (const command of react(trainReactions, event.event)) {
      await this.conduct(command, reactionTo(event, 'conductor', command.type));
    }
  }

  private async lookAgain(event: Positioned<EventOf<OfRisk | OfBudget | 'WorkSubmitted'>>): Promise<void> {
    const { trainId } = event.event.data;
    const observed = await this.observe(trainId, reactionTo(event, 'conductor', 'Observe'));
    await this.conduct({ type: 'Observe', trainId, observed }, reactionTo(event, 'conductor', 'Observe'));
  }

  private async carryOut(command: Omit<Command<CommandName>, 'body'>, train: TrainCommand): Promise<Carried> {
    const { stream, head } = await this.conduct(train, envelopeOf(command));
    return { stream, version: head.version };
  }
}
