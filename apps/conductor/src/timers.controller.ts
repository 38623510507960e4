import { Controller, Inject } from '@nestjs/common';
import type { EventOf } from '@vt/contracts';
import { earliest, Instant, isOver, Rejection, TrainId, type Positioned } from '@vt/kernel';
import { commandIdOf, OnEvent, Timers, type Timer } from '@vt/messaging';
import { token, type Platform } from '@vt/service';
import { momentsOf, nextMoment, type Dated } from '@vt/value-train';
import type { PipelineShelf } from '@vt/agent-runtime';
import type { Conduct } from './conductor.controller.ts';
import type { Observe } from './observation.ts';

export const TrainTimers = token<Timers>('TrainTimers');

/** Sets a train's timer by the moments that its events name; what is done then, the train's rules decide. */
@Controller()
export class TimersController {
  constructor(@Inject(TrainTimers) private readonly timers: Timers) {}

  @OnEvent('ApprovalRequested', 'ApprovalGranted', 'ApprovalDelegated', 'WaiverGranted')
  async onMoment({ tenant, event }: Positioned<EventOf<Dated>>): Promise<void> {
    const due = earliest(momentsOf(event));
    if (due) await this.timers.set({ tenant, subject: event.data.trainId, due });
  }
}

export const trainTimers = (
  conduct: Conduct,
  pipelines: PipelineShelf,
  observe: Observe,
  { subscriberPool: pool, log }: Pick<Platform, 'subscriberPool' | 'log'>,
): Timers => {
  const fire = async ({ tenant, subject, due }: Timer): Promise<Instant | undefined> => {
    const trainId = TrainId.parse(subject);
    const id = commandIdOf(tenant, subject, due, 'Tick');
    const now = Instant.parse(new Date().toISOString());
    // By the clock of the database it is due, however late it is here.
    const at = isOver(due, now) ? now : due;
    const causation = { actor: 'conductor', causationId: id, correlationId: id };
    const envelope = { tenant, commandId: id, causation, at };
    try {
      const observed = await observe(trainId, envelope);
      const { state } = await conduct({ type: 'Tick', trainId, observed }, envelope);
      return nextMoment(state, (ref) => pipelines.of(ref), at);
    } catch (error) {
      // Of a train that is not there nothing is due.
      if (error instanceof Rejection) return undefined;
      throw error;
    }
  };
  return new Timers({ pool, owner: 'conductor', fire, log });
};
