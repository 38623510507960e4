import { Controller, Inject, StreamableFile, type OnModuleDestroy } from '@nestjs/common';
import type { TenantId } from '@vt/kernel';
import type { CommandClient } from '@vt/messaging';
import type { Kept, Projector, Reader, SnapshotRows, View } from '@vt/read-models';
import { Problem } from '@vt/service';
import type { PhaseRow } from '@vt/value-train';
import { Readable } from 'node:stream';
import { carryOut } from '../edge/carry-out.ts';
import { Handles } from '../edge/handles.ts';
import { fleetPauses, pausesOver } from '../governance/pauses.controller.ts';
import type { Answered, Incoming } from '../edge/operation.ts';
import { page, shown } from '../edge/pages.ts';
import { CommandsToken, DoorsToken, ProjectorToken, ReaderToken } from '../edge/tokens.ts';
import type { Doors } from '../doors.ts';
import { VIEWS } from '../views.ts';
import { prepareStart, trainIdOf } from './start-train.ts';
import { timelineOf } from './timeline-stream.ts';
import {
  abortTrain,
  followTrain,
  getTrain,
  listGates,
  listPhases,
  listSessions,
  listTrains,
  pauseTrain,
  resumeTrain,
  startTrain,
  unblockTrain,
} from './train-operations.ts';

/** More than any train has; what belongs to one train is not paged. */
export const ROWS_OF_TRAIN_MAX = 5_000;

@Controller()
export class TrainsController implements OnModuleDestroy {
  private readonly leaving = new AbortController();

  constructor(
    @Inject(ReaderToken) private readonly reader: Reader,
    @Inject(ProjectorToken) private readonly projector: Projector,
    @Inject(CommandsToken) private readonly commands: Pick<CommandClient, 'send'>,
    @Inject(DoorsToken) private readonly doors: Doors,
  ) {}

  /** Streams would go on for as long as their readers stay. */
  onModuleDestroy(): void {
    this.leaving.abort();
  }

  @Handles(startTrain)
  async start(incoming: Incoming<typeof startTrain>): Promise<Answered> {
    const trainId = trainIdOf(incoming);
    const start = await prepareStart(this.doors, incoming.body, incoming.principal.name);
    const { position } = await carryOut(this.commands, incoming, 'train.start', { trainId, ...start });
    return { body: { trainId }, position, location: `/v1/trains/${trainId}` };
  }

  @Handles(listTrains)
  list({ principal, query }: Incoming<typeof listTrains>): Promise<Answered> {
    const where = query.status === undefined ? {} : { status: query.status };
    return page(this.reader, principal, VIEWS.trains, query, { where, order: 'desc' });
  }

  @Handles(getTrain)
  async show({ principal, params }: Incoming<typeof getTrain>): Promise<Answered> {
    const { value, position } = await this.trainNow(principal.tenant, params.trainId);
    return { body: value, position };
  }

  @Handles(listPhases)
  phases(incoming: Incoming<typeof listPhases>): Promise<Answered> {
    return this.itemsOf(incoming, VIEWS.phases, withDuration);
  }

  @Handles(listGates)
  gates(incoming: Incoming<typeof listGates>): Promise<Answered> {
    return this.itemsOf(incoming, VIEWS.gates, shown);
  }

  @Handles(listSessions)
  sessions(incoming: Incoming<typeof listSessions>): Promise<Answered> {
    return this.itemsOf(incoming, VIEWS.sessions, shown);
  }

  @Handles(pauseTrain)
  pause(incoming: Incoming<typeof pauseTrain>): Promise<Answered> {
    return carryOut(this.commands, incoming, 'train.pause', { ...incoming.params, ...incoming.body });
  }

  @Handles(resumeTrain)
  resume(incoming: Incoming<typeof resumeTrain>): Promise<Answered> {
    return carryOut(this.commands, incoming, 'train.resume', incoming.params);
  }

  @Handles(abortTrain)
  abort(incoming: Incoming<typeof abortTrain>): Promise<Answered> {
    return carryOut(this.commands, incoming, 'train.abort', { ...incoming.params, ...incoming.body });
  }

  @Handles(unblockTrain)
  unblock(incoming: Incoming<typeof unblockTrain>): Promise<Answered> {
    return carryOut(this.commands, incoming, 'train.unblock', { ...incoming.params, ...incoming.body });
  }

  @Handles(followTrain)
  async follow({ principal, params, query, request, reply }: Incoming<typeof followTrain>): Promise<Answered> {
    const { position } = await this.reader.snapshot(principal.tenant, (rows) => trainOf(rows, params.trainId));
    const last = Number(request.headers['last-event-id'] ?? query.after);
    if (!Number.isSafeInteger(last) || last < 0) throw new Problem(400, 'invalid', 'Last-Event-ID is a position');
    const gone = new AbortController();
    reply.raw.once('close', () => gone.abort());
    const frames = timelineOf(
      this.reader,
      this.projector,
      {
        ...{ principal, trainId: params.trainId, after: last },
        pausesNow: async () => (await this.trainNow(principal.tenant, params.trainId)).value.pauses,
      },
      AbortSignal.any([gone.signal, this.leaving.signal]),
    );
    reply.header('cache-control', 'no-store').header('x-accel-buffering', 'no');
    const stream = Readable.from(frames, { objectMode: false });
    return { body: new StreamableFile(stream, { type: 'text/event-stream; charset=utf-8' }), position };
  }

  /** With the pauses that cover it. */
  private async trainNow(tenant: TenantId, trainId: string) {
    const fleet = await fleetPauses(this.reader);
    return this.reader.snapshot(tenant, async (rows) => {
      const train = await trainOf(rows, trainId);
      return { ...shown(train), pauses: await pausesOver(train, rows, fleet) };
    });
  }

  private async itemsOf<Row extends object, Shown>(
    { principal, params: { trainId } }: Pick<Incoming<typeof listPhases>, 'principal' | 'params'>,
    view: View<Row>,
    show: (row: Kept<Row>) => Shown,
  ): Promise<Answered> {
    const { value, position } = await this.reader.snapshot(principal.tenant, async (rows) => {
      await trainOf(rows, trainId);
      return rows(view, { where: { trainId } as Record<keyof Row, string>, limit: ROWS_OF_TRAIN_MAX });
    });
    return { body: { items: value.map(show) }, position };
  }
}

/** The train, or the problem that there is none (of this tenant). */
export async function trainOf(rows: SnapshotRows, trainId: string) {
  const [train] = await rows(VIEWS.trains, { where: { trainId }, limit: 1 });
  if (train === undefined) throw noTrain(trainId);
  return train;
}

const noTrain = (trainId: string) => new Problem(404, 'not-found', `there is no train ${trainId}`);

const withDuration = (row: Kept<PhaseRow>) => ({
  ...shown<PhaseRow>(row),
  durationMs: row.endedAt === null ? null : Date.parse(row.endedAt) - Date.parse(row.startedAt),
});
