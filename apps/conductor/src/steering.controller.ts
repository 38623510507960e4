import { Controller, Inject } from '@nestjs/common';
import type { CommandName } from '@vt/contracts';
import { Rejection } from '@vt/kernel';
import { envelopeOf, OnCommand, type Carried, type Command } from '@vt/messaging';
import type { Train, TrainCommand } from '@vt/value-train';
import { Conduct } from './conductor.controller.ts';
import { Stores } from './tasks.controller.ts';

type Steering = TrainCommand & { readonly type: 'Pause' | 'Resume' | 'Abort' | 'Unblock' };

/** What operators want of a train. To the rules, what is so already is done; an operator is told that it is so. */
@Controller()
export class SteeringController {
  constructor(
    @Inject(Conduct) private readonly conduct: Conduct,
    @Inject(Stores) private readonly stores: Stores,
  ) {}

  @OnCommand('train.pause')
  async onPause(command: Command<'train.pause'>): Promise<Carried> {
    return this.steer(command, { type: 'Pause', ...command.body, by: command.actor });
  }

  @OnCommand('train.resume')
  async onResume(command: Command<'train.resume'>): Promise<Carried> {
    return this.steer(command, { type: 'Resume', ...command.body, by: command.actor });
  }

  @OnCommand('train.abort')
  async onAbort(command: Command<'train.abort'>): Promise<Carried> {
    return this.steer(command, { type: 'Abort', ...command.body, by: command.actor });
  }

  @OnCommand('train.unblock')
  async onUnblock(command: Command<'train.unblock'>): Promise<Carried> {
    return this.steer(command, { type: 'Unblock', ...command.body, by: command.actor });
  }

  private async steer(command: Omit<Command<CommandName>, 'body'>, steering: Steering): Promise<Carried> {
    const { stream, head, state, events } = await this.conduct(steering, envelopeOf(command));
    const { tenant, commandId } = command;
    const carried = { stream, version: head.version };
    if (events.length > 0) return carried;
    // This very command may have done it before.
    const before = await this.stores.store.read(tenant, stream);
    if (before.some((event) => event.commandId === commandId)) return carried;
    throw new Rejection(...objectionTo(steering, state));
  }
}

/** Code and reason why there is nothing to do. */
function objectionTo({ type, trainId }: Steering, train: Train): [code: string, reason: string] {
  if (train.status === 'ended') return ['train-ended', `train ${trainId} is ${train.as} already`];
  if (type === 'Pause') return ['train-paused', `train ${trainId} is paused already`];
  if (type === 'Resume') return ['train-not-paused', `train ${trainId} is not paused`];
  return ['train-not-blocked', `train ${trainId} is not blocked: nothing waits for an operator to unblock it`];
}
