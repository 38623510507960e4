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
import { Rejection, type EventStore, type TenantId } from '@vt/kernel';
import { lastValueFrom } from 'rxjs';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { PassErrorsOn } from './jetstream-events.ts';
import type { Log } from './log.ts';

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
    const reply = await this.replyTo(subject, message, deadline).catch((error: unknown) => this.failed(subject, error));
    message.respond(JSON.stringify(reply));
  }

  /** Takes no new commands, and lets those in hand be finished. */
  override async close(): Promise<void> {
    await Promise.all(this.listening.splice(0).map((subscription) => subscription.drain()));
    await Promise.all(this.running);
  }

  private async replyTo(subject: string, message: Msg, deadline: number): Promise<CommandReply> {
    const handler = this.messageHandlers.get(subject)!;
    const { body, ...envelope } = parse(CommandEnvelope, message.json());
    const command = { ...envelope, body: parse(bodyOf(subject), body) };
    const carried: Carried = await lastValueFrom(this.transformToObservable(await handler(command)));
    const position = await this.positionOf(envelope.tenant, carried, deadline);
    if (position === undefined) return { kind: 'unknown', reason: 'carried out, but not yet in the global log' };
    return { kind: 'accepted', ...carried, position };
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

  private failed(subject: string, error: unknown): CommandReply {
    if (error instanceof Rejection) return { kind: 'rejected', code: error.code, reason: error.message };
    this.served.log.error({ subject, err: error }, 'nobody knows what became of a command');
    return { kind: 'unknown', reason: error instanceof Error ? error.message : String(error) };
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
