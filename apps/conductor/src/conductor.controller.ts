import { Controller, Inject } from '@nestjs/common';
import type { ArtifactStore, PipelineShelf } from '@vt/agent-runtime';
import type { CommandName, EventOf } from '@vt/contracts';
import { react, type Execute, type Positioned } from '@vt/kernel';
import { envelopeOf, OnCommand, OnEvent, reactionTo, type Carried, type Command } from '@vt/messaging';
import { token } from '@vt/service';
import { trainReactions, type Train, type TrainCommand, type TrainEvent } from '@vt/value-train';
import { inspectArtifacts } from './artifact-inspection.ts';

export type Conduct = Execute<Train, TrainCommand, TrainEvent>;
export const Conduct = token<Conduct>('Conduct');
export const Pipelines = token<PipelineShelf>('Pipelines');
export const Artifacts = token<ArtifactStore>('Artifacts');

type Reason = 'WorkAbandoned' | 'RiskBecameCritical' | 'RiskSettled' | 'BudgetExhausted' | 'BudgetSet';

@Controller()
export class ConductorController {
  constructor(
    @Inject(Conduct) private readonly conduct: Conduct,
    @Inject(Pipelines) private readonly pipelines: PipelineShelf,
    @Inject(Artifacts) private readonly artifacts: ArtifactStore,
  ) {}

  @OnEvent('WorkSubmitted')
  async onWorkSubmitted(event: Positioned<EventOf<'WorkSubmitted'>>): Promise<void> {
    const { trainId, ticketId, artifacts, facts, checklist, outcome } = event.event.data;
    const checks = await inspectArtifacts(this.artifacts, artifacts);
    await this.conduct(
      { type: 'JudgeWork', trainId, ticketId, artifacts, facts, checklist, outcome, checks },
      reactionTo(event, 'conductor', 'JudgeWork'),
    );
  }

  @OnEvent('WorkAbandoned', 'RiskBecameCritical', 'RiskSettled', 'BudgetExhausted', 'BudgetSet')
  async onReason(event: Positioned<EventOf<Reason>>): Promise<void> {
    for (const command of react(trainReactions, event.event)) {
      await this.conduct(command, reactionTo(event, 'conductor', command.type));
    }
  }

  @OnCommand('train.start')
  async onStart(command: Command<'train.start'>): Promise<Carried> {
    const { body, actor } = command;
    const pipeline = await this.pipelines.pin(body.pipeline);
    return this.carryOut(command, { type: 'StartTrain', ...body, pipeline, by: actor });
  }

  private async carryOut(command: Omit<Command<CommandName>, 'body'>, train: TrainCommand): Promise<Carried> {
    const { stream, head } = await this.conduct(train, envelopeOf(command));
    return { stream, version: head.version };
  }
}
