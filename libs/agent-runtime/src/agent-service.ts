import { Controller, Inject } from '@nestjs/common';
import { sessionStream, type EventOf } from '@vt/contracts';
import { commandHandler, type Positioned } from '@vt/kernel';
import { OnEvent } from '@vt/messaging';
import { loadPipelines } from '@vt/profiles';
import { provide, runningUntilStopped, token, Worker, type Platform, type ServiceDefinition } from '@vt/service';
import { sessionDecider } from '@vt/value-train';
import { z } from 'zod';
import type { AgentPack } from './action.ts';
import { openArtifactStore } from './artifacts/open-artifact-store.ts';
import { Circuits, circuitWatch } from './circuit-breaker.ts';
import { PipelineShelf } from './pipeline-shelf.ts';
import { Bundles } from './session/bundles.ts';
import type { SessionDependencies } from './session/session.ts';
import { Workbench } from './session/workbench.ts';
import { ModelSettings, openModel, withCircuit } from './tools/model.ts';
import { contains, MEMORY_MIB } from './tools/command.ts';
import { openSandbox, type Sandbox } from './tools/sandbox.ts';
import { TicketWorker } from './work/ticket-worker.ts';
import { cameUpPaused, StartPaused } from './work/start-paused.ts';
import { WorkItems } from './work/work-items.ts';
import { WorkPauses } from './work/pauses.ts';

export const AgentSettings = ModelSettings.extend({
  ARTIFACTS_URL: z.string().min(1).describe('where artifacts are kept, as file:///folder or s3://bucket/prefix'),
  PIPELINES: z.string().optional().describe('a folder of pipelines of your own, each in a file pipeline.yaml'),
  LEASE_SECONDS: z.coerce
    .number()
    .int()
    .min(3)
    .max(600)
    .default(30)
    .describe('how long a ticket stays with an agent that is silent, before another takes it up'),
  SESSIONS_MAX: z.coerce.number().int().min(1).max(1_000).default(4).describe('tickets that are worked on at a time'),
  SANDBOX: z
    .enum(['auto', 'bubblewrap', 'unshare', 'plain'])
    .default('auto')
    .describe('how programs are contained: auto takes the strongest that works here; another one must work'),
  PROGRAM_MEMORY_MIB: z.coerce
    .number()
    .int()
    .min(64)
    .default(MEMORY_MIB)
    .describe('how much memory each process of a program may have, in MiB'),
  WORKER_NAME: z
    .string()
    .optional()
    .describe('a name that no other process has at the same time: under it, work is taken up again at once'),
  ...StartPaused.shape,
});
export type AgentSettings = z.infer<typeof AgentSettings>;

const Items = token<WorkItems>('Items');
const Tickets = token<TicketWorker>('Tickets');
const Pauses = token<WorkPauses>('Pauses');
const Working = token<Worker>('Working');
const Name = token<AgentPack['name']>('Name');

type Pausing = 'PausePlaced' | 'PauseLifted' | 'TrainPaused' | 'TrainResumed';
type HandedBack = 'HandoffReturned' | 'HandoffReversed';
type End = 'TrainAborted' | 'TrainArchived' | 'TrainCompleted';

/** Hears what concerns the agent's tickets, and writes it down; no work is done under a message. */
@Controller()
class TicketController {
  constructor(
    @Inject(Name) private readonly agent: AgentPack['name'],
    @Inject(Items) private readonly items: WorkItems,
    @Inject(Tickets) private readonly tickets: TicketWorker,
    @Inject(Pauses) private readonly pauses: WorkPauses,
  ) {}

  @OnEvent('TicketOpened')
  async onTicketOpened(event: Positioned<EventOf<'TicketOpened'>>): Promise<void> {
    if (event.event.data.agent !== this.agent) return;
    await this.items.add(event);
    this.tickets.wake();
  }

  @OnEvent('HandoffOffered')
  async onHandoffOffered(event: Positioned<EventOf<'HandoffOffered'>>): Promise<void> {
    if (event.event.data.to !== this.agent) return;
    await this.items.add(event);
    this.tickets.wake();
  }

  @OnEvent('HandoffWithdrawn')
  async onHandoffWithdrawn({ tenant, event: { data } }: Positioned<EventOf<'HandoffWithdrawn'>>): Promise<void> {
    if (data.to !== this.agent) return;
    await this.items.callOff(tenant, data.handoff, data.reason);
    await this.tickets.beat();
    this.tickets.wake();
  }

  @OnEvent('HandoffReturned', 'HandoffReversed')
  async onHandoffEnded({ tenant, event: { data } }: Positioned<EventOf<HandedBack>>): Promise<void> {
    if (data.from !== this.agent) return;
    await this.items.answered(tenant, data.of);
    this.tickets.hear(tenant, data.of);
  }

  @OnEvent('PausePlaced', 'PauseLifted', 'TrainPaused', 'TrainResumed')
  async onPause(event: Positioned<EventOf<Pausing>>): Promise<void> {
    await this.pauses.apply(event);
    await this.tickets.beat();
    this.tickets.wake();
  }

  @OnEvent('TrainAborted', 'TrainArchived', 'TrainCompleted')
  async onTrainEnded({ tenant, event }: Positioned<EventOf<End>>): Promise<void> {
    const reason = event.type === 'TrainAborted' ? event.data.reason : 'the train came to its end';
    if (!(await this.items.cancel(tenant, event.data.trainId, reason))) return;
    await this.tickets.beat();
    this.tickets.wake();
  }
}

class AgentModule {}

/** The service of an agent: hears of its tickets, claims them, and works on them with the tools of its pack. */
export const agentService = (pack: AgentPack): ServiceDefinition<AgentSettings> => ({
  name: pack.name,
  settings: AgentSettings,
  module: (platform, settings) => ({
    module: AgentModule,
    controllers: [TicketController],
    providers: [
      provide(Name, [], () => pack.name),
      provide(Items, [], () => new WorkItems(platform.subscriberPool, pack.name, settings.LEASE_SECONDS * 1_000)),
      provide(Pauses, [], () => new WorkPauses(platform.subscriberPool)),
      provide(Tickets, [Items], async (items) => {
        const { log } = platform;
        const session = await sessionDependencies(pack, platform, settings);
        const { SESSIONS_MAX: sessionsMax, WORKER_NAME: name } = settings;
        return new TicketWorker({ items, session, sessionsMax, log, ...(name === undefined ? {} : { name }) });
      }),
      provide(
        Working,
        [Tickets, Pauses],
        (tickets, pauses) =>
          new Worker(() =>
            runningUntilStopped(async (stop) => {
              await cameUpPaused(settings.START_PAUSED, { ...platform, pauses }, stop);
              await tickets.run(stop);
            }),
          ),
      ),
    ],
  }),
});

async function sessionDependencies(
  pack: AgentPack,
  platform: Platform,
  settings: AgentSettings,
): Promise<SessionDependencies> {
  const { store, subscriberPool: pool, log, metrics } = platform;
  const circuits = new Circuits(circuitWatch({ log, metrics }));
  const artifacts = await openArtifactStore(settings.ARTIFACTS_URL, circuits);
  const pipelines = new PipelineShelf(await loadPipelines(settings.PIPELINES), artifacts);
  const workbench = new Workbench(store, artifacts, pipelines);
  const model = await openModel(settings);
  return {
    pack,
    store,
    pool,
    log,
    artifacts,
    bundles: new Bundles(store, artifacts, workbench),
    workbench,
    execute: commandHandler(sessionDecider, ({ ticketId }) => sessionStream(ticketId), store),
    model: model && withCircuit(model, circuits),
    circuits,
    loaded: ({ tokens, windowTokens, outcome }) =>
      metrics.contextUtilisation.observe({ agent: pack.name, outcome }, tokens / windowTokens),
    sandbox: await sandboxOf(settings, platform),
    refused: (rule) => metrics.toolsRefused.inc({ rule }),
  };
}

const SEEN_BY_PROGRAMS =
  'programs of actions are not contained by namespaces: they see the files and the network of this machine; install bubblewrap, or allow user namespaces';

async function sandboxOf(
  { SANDBOX, PROGRAM_MEMORY_MIB: memoryMiB }: AgentSettings,
  platform: Platform,
): Promise<Sandbox> {
  const sandbox = await openSandbox(SANDBOX, contains);
  const { name: driver, level } = sandbox;
  platform.metrics.isolation.set({ driver, level }, 1);
  platform.log.info({ driver, level }, 'programs of actions are contained');
  if (level !== 'namespace' && !platform.warnings().includes(SEEN_BY_PROGRAMS)) platform.warn(SEEN_BY_PROGRAMS);
  return { ...sandbox, memoryMiB };
}
