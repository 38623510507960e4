import { Controller, Inject } from '@nestjs/common';
import { completeHumanTask } from '@vt/agent-runtime';
import { sessionStream, trainStream } from '@vt/contracts';
import { Rejection } from '@vt/kernel';
import { OnCommand, type Carried, type Command } from '@vt/messaging';
import { token, type Platform } from '@vt/service';
import { isAboutPeople, objectionToPassingOn, officesOf, type TrainEvent } from '@vt/value-train';

export type Stores = Pick<Platform, 'store' | 'servicePool'>;
export const Stores = token<Stores>('Stores');

/** Takes people's answers to what sessions ask. A session goes on with one, and writes down who gave it. */
@Controller()
export class TasksController {
  constructor(@Inject(Stores) private readonly stores: Stores) {}

  @OnCommand('task.complete')
  async onComplete({ tenant, actor, body }: Command<'task.complete'>): Promise<Carried> {
    const { trainId, ticketId, action, onBehalfOf: by = actor } = body;
    const recorded = await this.stores.store.read<TrainEvent>(tenant, trainStream(trainId));
    const { approvers, startedBy: requester } = officesOf(trainId, recorded);
    const objection = by === actor ? undefined : objectionToPassingOn(actor, { authors: [], requester });
    if (objection) throw new Rejection(objection.code, objection.reason);
    const named = Object.keys(body.facts).find(isAboutPeople);
    if (named !== undefined) throw new Rejection('fact-reserved', `${named}: who did an action is no fact to be told`);
    const facts = { ...body.facts, ...(by === actor ? {} : { [`${action}.passedOnBy`]: actor }) };
    await completeHumanTask(this.stores.servicePool, { tenant, trainId, ticketId, action, by, facts, approvers });
    // Nothing is appended here, so there is no position to wait for.
    return { stream: sessionStream(ticketId), version: 0 };
  }
}
