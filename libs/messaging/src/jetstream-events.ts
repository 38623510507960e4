import { applyDecorators, Catch, UseFilters, type RpcExceptionFilter } from '@nestjs/common';
import { EventPattern, Server, type CustomTransportStrategy } from '@nestjs/microservices';
import { DomainEvent, EVENT_TYPES, type DomainEventType, type EventOf } from '@vt/contracts';
import type { Positioned } from '@vt/kernel';
import { lastValueFrom, throwError } from 'rxjs';
import type { EventPump, PumpOptions } from './event-pump.ts';

/** Id of the transport over which events arrive. */
export const EVENTS = Symbol('EVENTS');

/** Nest replaces an unknown error by a status; whoever settles the event must see the error itself. */
@Catch()
export class PassErrorsOn implements RpcExceptionFilter {
  catch(error: unknown) {
    return throwError(() => error);
  }
}

/**
 * The method handles events of these types: `(event: Positioned<EventOf<Type>>) => Promise<unknown>`. It may be called
 * again with an event that it has had. What it throws decides what becomes of the event, see `settlementOf`.
 */
export const OnEvent = <Type extends DomainEventType>(...types: readonly Type[]) =>
  applyDecorators(EventPattern<readonly string[]>(types, EVENTS), UseFilters(PassErrorsOn)) as <
    Handler extends (event: Positioned<EventOf<Type>>) => Promise<unknown>,
  >(
    target: object,
    name: string | symbol,
    method: TypedPropertyDescriptor<Handler>,
  ) => void;

type Handle = PumpOptions['handle'];

/** What it takes to bring the events of these types to `handle`; the transport knows the rest. */
export type PumpFor = (types: readonly DomainEventType[], handle: Handle) => EventPump;

/** Nest's transport for events: the patterns of the handlers are the subscription. */
export class JetStreamEvents extends Server implements CustomTransportStrategy {
  override readonly transportId = EVENTS;
  override readonly propagatesEventHandlerErrors = true;
  private readonly stopping = new AbortController();
  private readonly pumpFor: PumpFor;
  private running: Promise<void> = Promise.resolve();

  constructor(pumpFor: PumpFor) {
    super();
    this.pumpFor = pumpFor;
  }

  override listen(callback: () => void): void {
    const types = EVENT_TYPES.filter((type) => this.messageHandlers.has(type));
    if (types.length > 0) this.running = this.pumpFor(types, (event) => this.dispatch(event)).run(this.stopping.signal);
    callback();
  }

  /** Lets the events in hand be finished. */
  override async close(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  override on(): never {
    throw new Error('events have no connection of their own to listen to');
  }

  override unwrap(): never {
    throw new Error('events have no connection of their own to give');
  }

  private async dispatch(event: Positioned): Promise<void> {
    const handler = this.messageHandlers.get(event.event.type);
    // Only what was subscribed to arrives.
    if (!handler) throw new Error(`no handler for ${event.event.type}`);
    const payload = { ...event, event: DomainEvent.parse(event.event) };
    await lastValueFrom(this.transformToObservable(await handler(payload)), { defaultValue: undefined });
  }
}
