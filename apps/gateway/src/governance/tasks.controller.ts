import { Controller, Inject } from '@nestjs/common';
import { listHumanTasks } from '@vt/agent-runtime';
import { Facts, Phase } from '@vt/contracts';
import { TicketId, TrainId } from '@vt/kernel';
import type { CommandClient } from '@vt/messaging';
import type { Platform } from '@vt/service';
import { z } from 'zod';
import { carryOut } from '../edge/carry-out.ts';
import { Handles } from '../edge/handles.ts';
import { OnBehalfOf, refuseToPassOn } from '../edge/on-behalf-of.ts';
import { operation, type Answered, type Incoming } from '../edge/operation.ts';
import { CommandsToken, PlatformToken } from '../edge/tokens.ts';
import { OfTrain } from '../trains/train-operations.ts';

const tag = 'tasks';

const Task = z.object({
  trainId: TrainId,
  ticketId: TicketId,
  phase: Phase,
  action: z.string(),
  role: z.string().describe('Who is asked: whom the charter names for it, or anybody where it names nobody.'),
  instructions: z.string(),
  askedAt: z.iso.datetime(),
});

const listTasks = operation({
  id: 'listTasks',
  method: 'GET',
  path: '/v1/tasks',
  tag,
  summary: 'List what sessions wait for people to do, the oldest first, at most 1,000',
  role: 'viewer',
  query: z.object({ trainId: TrainId.optional() }),
  answer: { status: 200, description: 'Open tasks.', schema: z.object({ items: z.array(Task) }) },
});

const completeTask = operation({
  id: 'completeTask',
  method: 'POST',
  path: '/v1/trains/{trainId}/tasks/{ticketId}/{action}/complete',
  tag,
  summary: 'Say that a task is done, and what was found; the session goes on with it',
  role: ['operator', 'approver'],
  params: OfTrain.extend({ ticketId: TicketId, action: z.string() }),
  body: z.strictObject({
    facts: Facts.default({}).describe('What was found, as numbers, words and truth values, for the criteria of gates.'),
    onBehalfOf: OnBehalfOf,
  }),
  answer: { status: 204, description: 'It was answered.' },
});

@Controller()
export class TasksController {
  constructor(
    @Inject(PlatformToken) private readonly platform: Pick<Platform, 'servicePool'>,
    @Inject(CommandsToken) private readonly commands: Pick<CommandClient, 'send'>,
  ) {}

  @Handles(listTasks)
  async list({ principal, query }: Incoming<typeof listTasks>): Promise<Answered> {
    return { body: { items: await listHumanTasks(this.platform.servicePool, principal.tenant, query.trainId) } };
  }

  @Handles(completeTask)
  complete(incoming: Incoming<typeof completeTask>): Promise<Answered> {
    const { principal, params, body } = incoming;
    refuseToPassOn(principal, body.onBehalfOf);
    return carryOut(this.commands, incoming, 'task.complete', { ...params, ...body });
  }
}
