import 'reflect-metadata';
import { agentService, migrateWork } from '@vt/agent-runtime';
import { conductor } from '@vt/app-conductor';
import { cost } from '@vt/app-cost';
import { gateway } from '@vt/app-gateway';
import { ledger } from '@vt/app-ledger';
import { riskRegistry } from '@vt/app-risk-registry';
import { Agent, subjectOfType, type EventOf } from '@vt/contracts';
import { TenantId, TrainId, type CommandId } from '@vt/kernel';
import type { CloudEvent } from '@vt/messaging';
import { migrateReadModels } from '@vt/read-models';
import { migratePlatform, startService, type Platform, type ServiceDefinition } from '@vt/service';
import { Client } from 'pg';
import { randomUUID } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Work } from '../apart.ts';
import type { Bench } from '../context.ts';
import { IDLE, idlePack, openDepot, type Depot } from '../contestants/idle.ts';
import { fillLog, settle } from '../history.ts';
import { openPlatformAt, type Servers } from '../ledger-process.ts';
import { interleaved, median, medianRatio } from '../measure.ts';
import { quantity, type Row } from '../report.ts';

const PHASES = 18;
const AT_ONCE = 100;
const ALONE = 7;
const TRAINS_FEW = 100;
/** Phases of the trains that are in the store before; fewer than 18, so that filling it takes minutes and not hours. */
const PAST_PHASES = 2;
const QUIET_CPU_SHARE = 0.1;
const QUIET_MS = 1_000;
const QUIET_MS_MAX = 300_000;

interface Load extends Servers {
  readonly folder: string;
}

interface Rides {
  readonly aloneMs: number;
  readonly phasesPerSecond: number;
}

/** Trains whose actions do nothing, with all services in one process; and again in a store that has seen many trains. */
export async function engine(bench: Bench): Promise<readonly Row[]> {
  return bench.onFreshServers((few) =>
    bench.onFreshServers(async (many) => {
      await fill(few, TRAINS_FEW);
      await fill(many, bench.trains);
      const run = (servers: Servers) => async () => {
        const folder = await mkdtemp(join(bench.folder, 'engine-'));
        return bench.apart<Rides>(new URL(import.meta.url), { ...servers, folder } satisfies Load).result;
      };
      const rides = await interleaved(bench.rounds, { few: run(few), many: run(many) });
      return rowsOf(rides.few, rides.many, bench.trains);
    }),
  );
}

function rowsOf(few: readonly Rides[], many: readonly Rides[], trains: number): readonly Row[] {
  const costs = (rides: readonly Rides[]) => rides.map(({ phasesPerSecond }) => 1_000 / phasesPerSecond);
  return [
    {
      what: `a train alone, ${PHASES} phases with gates`,
      figure: median(few.map(({ aloneMs }) => aloneMs)),
      unit: 'ms',
      target: { under: 1_000 },
      detail: 'from the command to the published end',
    },
    {
      what: `${AT_ONCE} trains at once`,
      figure: median(few.map(({ phasesPerSecond }) => phasesPerSecond)),
      unit: 'phases/s',
      target: { atLeast: 500 },
      detail: 'all services in one process, one action in each phase',
    },
    {
      what: `a phase with ${trains.toLocaleString('en')} trains in the store, beside one with ${TRAINS_FEW}`,
      figure: medianRatio(costs(many), costs(few)),
      unit: '×',
      target: { under: 1.2 },
      detail:
        `${quantity(median(costs(many)), 'ms')} beside ${quantity(median(costs(few)), 'ms')}; ` +
        `alone ${quantity(median(many.map(({ aloneMs }) => aloneMs)), 'ms')}`,
    },
  ];
}

/** Trains that have ended, and the tickets that agents have worked on for them. */
async function fill({ url }: Servers, trains: number): Promise<void> {
  await migratePlatform(url);
  await Promise.all([migrateReadModels(url), migrateWork(url)]);
  await fillLog(url, trains, PAST_PHASES);
  const admin = new Client({ connectionString: url });
  await admin.connect();
  await admin.query(
    `insert into work.item (tenant, ticket_id, agent, train_id, phase, cycle, attempt, opened_at, event_id,
       correlation_id, turn, state, fence)
     select 'bench', 'phase-' || nth || '_1_1_' || train_id, ($1::text[])[1 + nth % cardinality($1)], train_id,
       'phase-' || nth, 1, 1, now(), 'past', 'past', row_number() over (), 'done', 1
     from (select gen_random_uuid() as train_id from generate_series(1, $2)) trains, generate_series(1, $3) nth`,
    [Agent.options, trains, PHASES],
  );
  await admin.end();
  await settle(url);
}

const work: Work<Load, Rides> = async ({ folder, ...servers }) => {
  const depot = await openDepot(folder, { phases: PHASES, actions: 1 });
  const platform = await openPlatformAt(servers);
  const services: readonly ServiceDefinition<unknown>[] = [
    ledger,
    conductor,
    cost,
    riskRegistry,
    ...Agent.options.map((agent) => agentService(idlePack(agent))),
    gateway,
  ];
  const stops: (() => Promise<void>)[] = [];
  for (const service of services) {
    const settings = service.settings.parse({ ...depot, SESSIONS_MAX: AT_ONCE });
    const { close } = await startService(service, platform, settings);
    stops.unshift(close);
  }
  const dispatcher = new Dispatcher(platform, depot);
  await untilQuiet();
  await dispatcher.rideTogether(AT_ONCE);
  await untilQuiet();

  const alone: number[] = [];
  for (let nth = 0; nth < ALONE; nth += 1) alone.push(await dispatcher.rideTogether(1));
  await untilQuiet();
  const togetherMs = await dispatcher.rideTogether(AT_ONCE);
  for (const stop of stops) await stop();
  await platform.close();
  return { aloneMs: median(alone), phasesPerSecond: (AT_ONCE * PHASES * 1_000) / togetherMs };
};
export default work;

/** Starts trains, and hears from the bus when they have come to their end. */
class Dispatcher {
  private readonly platform: Platform;
  private readonly depot: Depot;
  private readonly riding = new Map<string, () => void>();

  constructor(platform: Platform, depot: Depot) {
    this.platform = platform;
    this.depot = depot;
    platform.nats.subscribe(subjectOfType('TrainCompleted'), {
      callback: (_, message) => {
        const { data } = message.json<CloudEvent & Pick<EventOf<'TrainCompleted'>, 'data'>>();
        this.riding.get(data.trainId)?.();
      },
    });
  }

  /** Answers how long it took until the last of them had arrived, in ms. */
  async rideTogether(trains: number): Promise<number> {
    const started = performance.now();
    await Promise.all(Array.from({ length: trains }, () => this.ride()));
    return performance.now() - started;
  }

  private async ride(): Promise<void> {
    const trainId = TrainId.parse(randomUUID());
    const arrived = Promise.withResolvers<void>();
    this.riding.set(trainId, arrived.resolve);
    const envelope = { tenant: TenantId.parse('bench'), actor: 'bench', correlationId: trainId };
    const { inputs } = this.depot;
    const reply = await this.platform.commands.send(
      'train.start',
      { ...envelope, commandId: randomUUID() as CommandId },
      { trainId, pipeline: IDLE, name: 'Idle', client: 'Bench', inputs: [...inputs], budget: null, approvers: [] },
    );
    if (reply.kind !== 'accepted') throw new Error(`the train was not started: ${reply.reason}`);
    await arrived.promise;
    this.riding.delete(trainId);
  }
}

/** Until the process has caught up with the log, and audited it: it uses next to no processor time any more. */
async function untilQuiet(): Promise<void> {
  const until = performance.now() + QUIET_MS_MAX;
  for (;;) {
    const before = process.cpuUsage();
    await delay(QUIET_MS);
    const { user, system } = process.cpuUsage(before);
    if ((user + system) / 1_000 < QUIET_MS * QUIET_CPU_SHARE) return;
    if (performance.now() > until) throw new Error('the services do not come to rest');
  }
}
