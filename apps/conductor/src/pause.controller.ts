import { Controller, Inject } from '@nestjs/common';
import type { WorkPauses } from '@vt/agent-runtime';
import { FLEET, PAUSE_STREAM, trainStream, type EventOf, type PauseScope } from '@vt/contracts';
import { Instant, Rejection, type Execute, type Positioned } from '@vt/kernel';
import { commandIdOf, envelopeOf, OnCommand, OnEvent, reactionTo, type Carried, type Command } from '@vt/messaging';
import { token, type Platform } from '@vt/service';
import {
  pauseKey,
  pauseOfSource,
  pauseProblem,
  pauseSource,
  type PauseCommand,
  type PauseEvent,
  type Pauses,
} from '@vt/value-train';
import { Conduct } from './conductor.controller.ts';
import { Stores } from './tasks.controller.ts';

export type PlacePauses = Execute<Pauses, PauseCommand, PauseEvent>;
export const PlacePauses = token<PlacePauses>('PlacePauses');
export const Covering = token<WorkPauses>('Covering');
export const Feed = token<Platform['feed']>('Feed');

const PAGE = 500;

type PauseOrder = Command<'pause.place'> | Command<'pause.lift'>;

/** Pauses of every scope but a train's, and what goes on when they are lifted. */
@Controller()
export class PauseController {
  constructor(
    @Inject(PlacePauses) private readonly pause: PlacePauses,
    @Inject(Covering) private readonly covering: WorkPauses,
    @Inject(Conduct) private readonly conduct: Conduct,
    @Inject(Stores) private readonly stores: Stores,
    @Inject(Feed) private readonly feed: Platform['feed'],
  ) {}

  @OnCommand('pause.place')
  async onPlace(command: Command<'pause.place'>): Promise<Carried> {
    await this.refuseUnknown(command);
    return this.carryOut(command, { type: 'PlacePause', ...command.body, by: command.actor, incident: null });
  }

  @OnCommand('pause.lift')
  async onLift(command: Command<'pause.lift'>): Promise<Carried> {
    return this.carryOut(command, { type: 'LiftPause', ...command.body, by: command.actor });
  }

  /** Trains that this pause was written down on go on, unless another one covers them. */
  @OnEvent('PauseLifted')
  async onLifted(event: Positioned<EventOf<'PauseLifted'>>): Promise<void> {
    await this.covering.apply(event);
    const { tenant } = event;
    const filter = { types: ['HoldPlaced'], ...(tenant === FLEET ? {} : { tenant }) };
    const source = pauseSource(event.event.data);
    let position = await this.placedAt(event);
    for (let more = true; more;) {
      const { events, scannedTo } = await this.feed.readLog<EventOf<'HoldPlaced'>>(position, filter, PAGE);
      await Promise.all(events.filter((hold) => hold.event.data.source === source).map((hold) => this.goOn(hold)));
      position = scannedTo;
      more = events.length === PAGE;
    }
  }

  /** A decision that was on its way when the pause was lifted did not know it: nobody else would lift its hold. */
  @OnEvent('HoldPlaced')
  async onHold(event: Positioned<EventOf<'HoldPlaced'>>): Promise<void> {
    const key = pauseOfSource(event.event.data.source);
    if (key === undefined) return;
    const of = key === ('fleet' satisfies PauseScope) ? FLEET : event.tenant;
    if (!(await this.covering.stands(of, key))) await this.goOn(event);
  }

  /** Position of the event that placed what was lifted: holds that follow from it come later. */
  private async placedAt({ tenant, version, event }: Positioned<EventOf<'PauseLifted'>>): Promise<number> {
    const { store } = this.stores;
    const key = pauseKey(event.data);
    const recorded = await store.read<PauseEvent>(tenant, PAUSE_STREAM);
    const ofKey = recorded.filter((each) => each.version < version && pauseKey(each.event.data) === key);
    const placed = ofKey.slice(ofKey.findLastIndex((each) => each.event.type === 'PauseLifted') + 1)[0];
    return (placed && (await store.positionOf(tenant, PAUSE_STREAM, placed.version))) ?? 0;
  }

  private async goOn(hold: Positioned<EventOf<'HoldPlaced'>>): Promise<void> {
    const { trainId, source } = hold.event.data;
    await this.conduct(
      { type: 'LiftHold', trainId, source, reason: 'the pause was lifted' },
      reactionTo(hold, 'conductor', 'LiftHold'),
    );
  }

  private async carryOut(command: Omit<PauseOrder, 'body'>, order: PauseCommand): Promise<Carried> {
    const { tenant, commandId } = command;
    const problem = pauseProblem(order, tenant);
    if (problem) throw new Rejection('invalid', problem);
    const { head, events } = await this.pause(order, envelopeOf(command));
    const recorded = await this.stores.store.read<PauseEvent>(tenant, PAUSE_STREAM);
    const done = recorded.find((event) => event.commandId === commandId);
    // This very command may have done it before.
    if (events.length === 0 && !done) throw new Rejection(...objectionTo(order));
    if (done) await this.covering.apply(done);
    return { stream: PAUSE_STREAM, version: head.version };
  }

  /** What nobody works on can not be paused: it is a mistake in the id. */
  private async refuseUnknown({ tenant, body: { scope, subject } }: Command<'pause.place'>): Promise<void> {
    if (scope !== 'session' && scope !== 'ticket') return;
    const trainId = subject.slice(subject.lastIndexOf('_') + 1);
    const events = await this.stores.store.read<EventOf<'TicketOpened'>>(tenant, trainStream(trainId));
    if (events.some(({ event }) => event.type === 'TicketOpened' && event.data.ticketId === subject)) return;
    throw new Rejection('not-found', `there is no ticket ${subject}`);
  }
}

/** Code and reason why there is nothing to do. */
function objectionTo(order: PauseCommand): [code: string, reason: string] {
  const what = `the ${pauseKey(order).replace(':', ' ')}`;
  return order.type === 'PlacePause'
    ? ['paused', `${what} is paused already`]
    : ['not-paused', `${what} is not paused`];
}

/** Pauses the fleet for an incident, unless that was done: by another conductor, or before a restart. */
export const startPaused = async (
  incident: string,
  { pause, covering, store }: { pause: PlacePauses; covering: WorkPauses; store: Stores['store'] },
): Promise<void> => {
  const causationId = `start-paused:${incident}`;
  await pause(
    { type: 'PlacePause', scope: 'fleet', subject: '', by: 'settings', reason: `incident ${incident}`, incident },
    {
      tenant: FLEET,
      commandId: commandIdOf(causationId),
      causation: { actor: 'conductor', causationId, correlationId: causationId },
      at: Instant.parse(new Date().toISOString()),
    },
  );
  const last = (await store.read<PauseEvent>(FLEET, PAUSE_STREAM)).at(-1);
  if (last) await covering.apply(last);
};
