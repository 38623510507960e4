import { sessionStream, trainStream, type EventOf } from '@vt/contracts';
import { migrate, poolFor, PostgresEventStore } from '@vt/event-store';
import { CommandId, commandHandler, Instant, TenantId, TrainId, type EventStore, type Positioned } from '@vt/kernel';
import { contentOfPipeline, readPipeline } from '@vt/profiles';
import {
  Pipeline,
  sessionDecider,
  trainDecider,
  type Paused,
  type PipelineAction,
  type PipelineMode,
  type PipelinePhase,
  type SessionCommand,
  type SessionEvent,
  type TrainCommand,
} from '@vt/value-train';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Pool } from 'pg';
import type { z } from 'zod';
import { mediaTypeOf } from '../artifacts/artifact-store.ts';
import { FileArtifactStore } from '../artifacts/file-artifact-store.ts';
import { Circuits } from '../circuit-breaker.ts';
import { PipelineShelf } from '../pipeline-shelf.ts';
import { Bundles } from '../session/bundles.ts';
import type { SessionDependencies } from '../session/session.ts';
import { Workbench } from '../session/workbench.ts';
import type { Sandbox } from '../tools/sandbox.ts';
import { migrateWork } from '../work/migrate.ts';
import { WorkPauses, type PauseFact } from '../work/pauses.ts';
import { WorkItems } from '../work/work-items.ts';
import { CHARTER } from './charter.ts';

export type ActionInput = Partial<z.input<typeof PipelineAction>> & { readonly id: string };

/** A pipeline of one phase, the lab's, with these actions; their tools are `lab.<id>` unless they say otherwise. */
export const pipelineOf = (
  actions: readonly ActionInput[],
  mode: Partial<z.input<typeof PipelineMode>> = {},
  workGates?: z.input<typeof PipelinePhase>['workGates'],
): Pipeline =>
  Pipeline.parse({
    id: 'workshop',
    version: 1,
    title: 'Workshop',
    description: 'For tests of sessions.',
    modes: [
      {
        id: 'build',
        title: 'Build',
        agents: ['lab'],
        tools: ['lab.*', 'human', 'model', 'command:sleep', 'command:python3'],
        transitions: ['build'],
        ...mode,
      },
    ],
    phases: [
      {
        id: 'work',
        title: 'Work',
        group: 'delivery',
        owner: 'lab',
        mode: 'build',
        support: ['studio'],
        next: null,
        workGates,
        actions: actions.map((action) => ({ title: action.id, tool: `lab.${action.id}`, ...action })),
      },
    ],
  });

type Opened = EventOf<'TicketOpened'>['data'];

const PLAIN: Sandbox = { name: 'plain', level: 'process', wrap: async (command) => command };

/** What a process needs to work in a workshop that another one opened. */
export interface WorkshopAddress {
  readonly url: string;
  readonly folder: string;
}

/** What is paused, and whose it is. */
export type PausedWork = Paused & { readonly tenant: TenantId };

/** A database, an artifact store and trains with tickets for the lab. */
export class Workshop {
  readonly subscriber: Pool;
  readonly service: Pool;
  readonly store: EventStore;
  readonly artifacts: FileArtifactStore;
  readonly items: WorkItems;
  readonly pauses: WorkPauses;
  readonly address: WorkshopAddress;
  /** Events of pauses so far. */
  private told = 0;

  constructor(address: WorkshopAddress, leaseMs = 30_000) {
    this.address = address;
    this.subscriber = poolFor(address.url, 'vt_subscriber');
    this.service = poolFor(address.url, 'vt_service');
    this.store = new PostgresEventStore(this.service);
    this.artifacts = new FileArtifactStore(join(address.folder, 'artifacts'));
    this.items = new WorkItems(this.subscriber, 'lab', leaseMs);
    this.pauses = new WorkPauses(this.subscriber);
  }

  static async open(leaseMs?: number): Promise<Workshop> {
    // Only where jest is: the process that is to be killed has none.
    const { freshDatabase } = await import('@vt/testing');
    const { url } = await freshDatabase();
    await migrate(url);
    await migrateWork(url);
    return new Workshop({ url, folder: await mkdtemp(join(tmpdir(), 'workshop-')) }, leaseMs);
  }

  async close(): Promise<void> {
    await Promise.all([this.subscriber.end(), this.service.end()]);
  }

  async demolish(): Promise<void> {
    await this.close();
    await rm(this.address.folder, { recursive: true, force: true });
  }

  /** A train whose first ticket lies in the queue. */
  async train(pipeline: Pipeline, tenant = TenantId.parse('acme'), more: Pick<Opened, 'allowance'> = {}) {
    const trainId = TrainId.parse(randomUUID());
    const kept = async (path: string, content: string) => ({
      path,
      mediaType: mediaTypeOf(path),
      ...(await this.artifacts.put(Buffer.from(content))),
    });
    const inputs = [await kept('charter.json', JSON.stringify(CHARTER)), await kept('weather.csv', 'day,rain\n1,0\n')];
    const { id, version } = pipeline;
    const { digest } = await this.artifacts.put(contentOfPipeline(pipeline));
    const conduct = commandHandler(
      trainDecider(() => pipeline),
      ({ trainId: of }) => trainStream(of),
      this.store,
    );
    const say = (command: TrainCommand) => conduct(command, { ...envelope(tenant) });
    const start = {
      name: 'Rain',
      client: 'Open Air',
      pipeline: { id, version, digest },
      inputs,
      budget: null,
      approvers: [],
      by: 'ada',
    };
    await say({ type: 'StartTrain', trainId, ...start });
    return { tenant, trainId, say, ticket: await this.queueLastTicket(tenant, trainId, more) };
  }

  /** Does what the agent's service does when it hears of a ticket. */
  async queueLastTicket(tenant: TenantId, trainId: TrainId, more: Partial<Opened> = {}): Promise<Opened> {
    const events = await this.store.read<EventOf<'TicketOpened'>>(tenant, trainStream(trainId));
    const { event, ...written } = events.findLast((each) => each.event.type === 'TicketOpened')!;
    const opened: Positioned<EventOf<'TicketOpened'>> = {
      ...written,
      event: { ...event, data: { ...event.data, ...more } },
      position: 1,
    };
    await this.items.add(opened);
    return opened.event.data;
  }

  /** Writes a pause down as whoever hears of its event does. */
  pause = (what: PausedWork) => this.pauses.apply(this.factOf(what, true));
  lift = (what: PausedWork) => this.pauses.apply(this.factOf(what, false));

  private factOf({ tenant, scope, subject }: PausedWork, placed: boolean): PauseFact {
    const told = { by: 'olga', reason: 'an incident' };
    const version = (this.told += 1);
    if (scope === 'train') {
      const data = { trainId: TrainId.parse(subject), ...told };
      return { tenant, version, event: { type: placed ? 'TrainPaused' : 'TrainResumed', data } };
    }
    const data = { scope, subject, ...told };
    if (!placed) return { tenant, version, event: { type: 'PauseLifted', data } };
    return { tenant, version, event: { type: 'PausePlaced', data: { ...data, incident: null } } };
  }

  async session({ tenant, ticketId }: { tenant: TenantId; ticketId: string }): Promise<readonly SessionEvent[]> {
    return (await this.store.read<SessionEvent>(tenant, sessionStream(ticketId))).map(({ event }) => event);
  }

  execute() {
    return commandHandler(sessionDecider, ({ ticketId }: SessionCommand) => sessionStream(ticketId), this.store);
  }

  dependencies(pipeline: Pipeline, tools: SessionDependencies['pack']['tools']): SessionDependencies {
    const quiet = () => undefined;
    const pipelines = new PipelineShelf([readPipeline(contentOfPipeline(pipeline))], this.artifacts);
    const workbench = new Workbench(this.store, this.artifacts, pipelines);
    return {
      pack: { name: 'lab', tools },
      store: this.store,
      execute: this.execute(),
      workbench,
      artifacts: this.artifacts,
      bundles: new Bundles(this.store, this.artifacts, workbench),
      model: undefined,
      loaded: quiet,
      pool: this.subscriber,
      log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
      circuits: new Circuits(),
      sandbox: PLAIN,
      refused: quiet,
    };
  }
}

export const envelope = (tenant: TenantId) => ({
  tenant,
  commandId: CommandId.parse(randomUUID()),
  causation: { actor: 'test', causationId: 'test', correlationId: 'test' },
  at: Instant.parse(new Date().toISOString()),
});
