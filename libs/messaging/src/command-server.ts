import { applyDecorators, UseFilters } from '@nestjs/common';
import { MessagePattern, ServerNats, Transport } from '@nestjs/microservices';
import type { Msg, NatsConnection, Subscription } from '@nats-io/transport-node';
import {
  CommandEnvelope,
  COMMANDS,
  subjectOfCommand,
  type CommandBody,
  type CommandName,
  type CommandReply,
} from '@vt/contracts';
import { Conflict, Rejection, Unavailable, type EventStore, type TenantId } from '@vt/kernel';
import { lastValueFrom } from 'rxjs';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { PassErrorsOn } from './jetstream-events.ts';
import type { Log } from './log.ts';
import { isOutage } from './outage.ts';

/** Header with the milliseconds that the caller still waits. */
export const DEADLINE_HEADER = 'vt-deadline-ms';
const DEADLINE_MS_DEFAULT = 5_000;
const POSITION_POLL_MS = 4;

/** A command as its handler gets it: who asks, and a body that was checked. */
export type Command<Name extends CommandName> = Omit<CommandEnvelope, 'body'> & { readonly body: CommandBody<Name> };

/** Where the stream stood after the command. */
export interface Carried {
  readonly stream: string;
  readonly version: number;
}

/** The method carries out commands of this name: `(command: Command<Name>) => Promise<Carried>`. */
export const OnCommand = <Name extends CommandName>(name: Name) =>
  applyDecorators(MessagePattern(subjectOfCommand(name), Transport.NATS), UseFilters(PassErrorsOn)) as <
    Handler extends (command: Command<Name>) => Promise<Carried>,
  >(
    target: object,
    method: string | symbol,
    descriptor: TypedPropertyDescriptor<Handler>,
  ) => void;

export interface CommandServerOptions {
  readonly nats: NatsConnection;
  /** Instances of a service share its commands. */
  readonly service: string;
  readonly store: Pick<EventStore, 'positionOf'>;
  readonly log: Log;
}

/**
 * Nest's NATS transport, speaking our words: a `CommandEnvelope` comes in, a `CommandReply` goes out, over a connection
 * that belongs to somebody else.
 */
export class CommandServer extends ServerNats {
  private readonly served: CommandServerOptions;
  private readonly listening: Subscription[] = [];
  private readonly running = new Set<Promise<void>>();

  constructor(options: CommandServerOptions) {
    super({ queue: options.service });
    this.served = options;
  }

  override createNatsClient(): Promise<NatsConnection> {
    return Promise.resolve(this.served.nats);
  }

  override async handleStatusUpdates(): Promise<void> {
    // Whoever owns the connection watches it.
  }

  override bindEvents(nats: NatsConnection): void {
    for (const subject of this.messageHandlers.keys()) {
      const callback = (error: Error | null, message: Msg) => {
        if (error) return this.served.log.error({ err: error, subject }, 'the subscription to a command failed');
        const work = this.handleMessage(subject, message);
        this.running.add(work);
        void work.finally(() => this.running.delete(work));
      };
      this.listening.push(nats.subscribe(subject, { queue: this.served.service, callback }));
    }
  }

  override async handleMessage(subject: string, message: Msg): Promise<void> {
    const deadline = performance.now() + (Number(message.headers?.get(DEADLINE_HEADER)) || DEADLINE_MS_DEFAULT);
    message.respond(JSON.stringify(await this.replyTo(subject, message, deadline)));
  }

  /** Takes no new commands, and lets those in hand be finished. */
  override async close(): Promise<void> {
    await Promise.all(this.listening.splice(0).map((subscription) => subscription.drain()));
    await Promise.all(this.running);
  }

  private async replyTo(subject: string, message: Msg, deadline: number): Promise<CommandReply> {
    const about: { subject: string; commandId?: string } = { subject };
    try {
      const handler = this.messageHandlers.get(subject)!;
      const { body, ...envelope } = parse(CommandEnvelope, message.json());
      about.commandId = envelope.commandId;
      const command = { ...envelope, body: parse(bodyOf(subject), body) };
      const carried: Carried = await lastValueFrom(this.transformToObservable(await handler(command)));
      const position = await this.positionOf(envelope.tenant, carried, deadline);
      if (position === undefined) return { kind: 'unknown', reason: 'carried out, but not yet in the global log' };
      return { kind: 'accepted', ...carried, position };
    } catch (error) {
      if (error instanceof Rejection) return { kind: 'rejected', code: error.code, reason: error.message };
      if (error instanceof Unavailable || error instanceof Conflict || isOutage(error)) {
        this.served.log.warn({ ...about, err: error }, 'nobody knows yet what became of a command');
        return { kind: 'unknown', reason: error instanceof Error ? error.message : String(error) };
      }
      this.served.log.error({ ...about, err: error }, 'a command failed');
      return { kind: 'failed', reason: `an error on our side; it was logged under the command ${about.commandId}` };
    }
  }

  private async positionOf(tenant: TenantId, { stream, version }: Carried, deadline: number) {
    if (version === 0) return 0;
    while (performance.now() < deadline) {
      const position = await this.served.store.positionOf(tenant, stream, version);
      if (position !== undefined) return position;
      await delay(POSITION_POLL_MS);
    }
    return undefined;
  }
}

function parse<Value>(schema: z.ZodType<Value>, value: unknown): Value {
  const result = schema.safeParse(value);
  if (!result.success) throw new Rejection('invalid', z.prettifyError(result.error));
  return result.data;
}

function bodyOf(subject: string): z.ZodType {
  const [name] = Object.keys(COMMANDS).filter((name) => subjectOfCommand(name as CommandName) === subject);
  return COMMANDS[name as CommandName].body;
}
