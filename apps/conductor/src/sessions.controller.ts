import { Controller, Inject } from '@nestjs/common';
import { wakeTicket } from '@vt/agent-runtime';
import { sessionStream } from '@vt/contracts';
import { commandHandler, Rejection, type Execute } from '@vt/kernel';
import { envelopeOf, OnCommand, type Carried, type Command } from '@vt/messaging';
import { sessionDecider, type Session, type SessionCommand, type SessionEvent } from '@vt/value-train';
import { Stores } from './tasks.controller.ts';

/** What people want of a session, whichever agent has it: the agent hears of it at its next word, by its fence. */
@Controller()
export class SessionsController {
  private readonly execute: Execute<Session, SessionCommand, SessionEvent>;

  constructor(@Inject(Stores) private readonly stores: Stores) {
    this.execute = commandHandler(sessionDecider, ({ ticketId }) => sessionStream(ticketId), stores.store);
  }

  @OnCommand('session.rollback')
  async onRollback(command: Command<'session.rollback'>): Promise<Carried> {
    const { tenant, actor: by, body } = command;
    const { trainId, ticketId, to, reason } = body;
    if (!ticketId.endsWith(`_${trainId}`))
      throw new Rejection('not-found', `train ${trainId} has no ticket ${ticketId}`);
    const { stream, head } = await this.execute({ type: 'RollBack', ticketId, to, reason, by }, envelopeOf(command));
    await wakeTicket(this.stores.servicePool, tenant, ticketId);
    return { stream, version: head.version };
  }
}
