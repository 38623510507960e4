import 'reflect-metadata';
import { agentService, migrateWork } from '@vt/agent-runtime';
import { trainStream, type EventOf } from '@vt/contracts';
import { NO_STREAM, TenantId, TrainId, type CommandId, type Instant } from '@vt/kernel';
import { loadPipelines, type LoadedPipeline } from '@vt/profiles';
import { migratePlatform, startService, type Platform } from '@vt/service';
import { ticketIdOf, type TrainEvent } from '@vt/value-train';
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { openPlatformAt } from '../ledger-process.ts';
import { CAUSATION } from './appender.ts';
import { idlePack, openDepot, type Depot } from './idle.ts';
import { STEPS, type OpenSessions } from './sessions.ts';

/** So many tickets are open for each session in flight, so that the agent never waits for one. */
const AHEAD = 8;
const POLL_MS = 10;

/** One agent service, fed with open tickets; a ledger in another process orders what is appended. */
export const open: OpenSessions = async ({ url, nats, folder, inFlight }, did) => {
  await migratePlatform(url);
  await migrateWork(url);
  const depot = await openDepot(folder, { phases: 1, actions: STEPS });
  const [idle] = await loadPipelines(depot.PIPELINES);
  const platform = await openPlatformAt({ url, nats });
  let steps = 0;
  const pack = idlePack(idle!.pipeline.phases[0]!.owner, () => {
    steps += 1;
    did();
  });
  const definition = agentService(pack);
  const agent = await startService(
    definition,
    platform,
    definition.settings.parse({ ...depot, SESSIONS_MAX: inFlight }),
  );
  const over = new AbortController();
  const feeding = feed(platform, idle!, depot, () => Math.floor(steps / STEPS) + inFlight * AHEAD, over.signal);
  return {
    close: async () => {
      over.abort();
      await feeding;
      await agent.close();
      await platform.close();
    },
  };
};

/** Opens tickets until there have been as many as are wanted, again and again. */
async function feed(
  { store }: Platform,
  { pipeline, digest }: LoadedPipeline,
  { inputs }: Depot,
  wanted: () => number,
  stop: AbortSignal,
): Promise<void> {
  for (let opened = 0; !stop.aborted; await delay(POLL_MS)) {
    const missing = Math.max(0, wanted() - opened);
    opened += missing;
    await Promise.all(Array.from({ length: missing }, openTicket));
  }

  async function openTicket() {
    const trainId = TrainId.parse(randomUUID());
    const [phase] = pipeline.phases;
    const place = { trainId, phase: phase!.id, cycle: 1 };
    const opened: EventOf<'TicketOpened'>['data'] = {
      ...place,
      ticketId: ticketIdOf(trainId, phase!.id, 1, 1),
      attempt: 1,
      agent: phase!.owner,
      mode: phase!.mode,
      feedback: [],
    };
    await store.append<TrainEvent>({
      tenant: TenantId.parse('bench'),
      stream: trainStream(trainId),
      expected: NO_STREAM,
      commandId: randomUUID() as CommandId,
      causation: CAUSATION,
      at: new Date().toISOString() as Instant,
      events: [
        {
          type: 'TrainStarted',
          data: {
            trainId,
            name: 'Idle',
            client: 'Bench',
            pipeline: { id: pipeline.id, version: pipeline.version, digest },
            inputs: [...inputs],
            budget: null,
            approvers: [],
            startedBy: 'bench',
          },
        },
        { type: 'PhaseEntered', data: place },
        { type: 'TicketOpened', data: opened },
      ],
    });
  }
}
