import { agentService, migrateWork, openArtifactStore, type Action } from '@vt/agent-runtime';
import { conductor } from '@vt/app-conductor';
import { cost } from '@vt/app-cost';
import { ledger } from '@vt/app-ledger';
import { riskRegistry } from '@vt/app-risk-registry';
import {
  FLEET,
  type CommandInput,
  type CommandName,
  type CommandReply,
  type DomainEvent,
  type DomainEventType,
  type PauseScope,
} from '@vt/contracts';
import { CommandId, TenantId, TrainId, type Positioned } from '@vt/kernel';
import { startNats } from '@vt/servers';
import {
  migratePlatform,
  openPlatform,
  PlatformSettings,
  startService,
  type Platform,
  type RunningService,
  type ServiceDefinition,
} from '@vt/service';
import { freshDatabase } from '@vt/testing';
import { ticketIdOf } from '@vt/value-train';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { parse } from 'yaml';

const WAIT_MS_MAX = 20_000;
const POLL_MS = 4;
const CHARTER = resolve(import.meta.dirname, '../../../cli/demo/charter.yaml');

/** What conductor and agent act upon here. */
const HEARD: readonly DomainEventType[] = [
  ...(['TicketOpened', 'WorkSubmitted', 'WorkAbandoned', 'HoldPlaced'] as const),
  ...(['HandoffOffered', 'HandoffReturned'] as const),
  ...(['PausePlaced', 'PauseLifted', 'TrainPaused', 'TrainResumed'] as const),
  ...(['ApprovalRequested', 'ApprovalGranted', 'ApprovalDelegated', 'WaiverGranted'] as const),
];

/** A verifier outside. */
export const CI = generateKeyPairSync('ed25519');

const ASK = { tool: 'human', ask: { role: 'operator', instructions: 'Look.' } };

/** Actions one after the other. */
const phase = (id: string, actions: readonly string[], more: object) => ({
  ...{ id, title: id, group: 'delivery', owner: 'lab', mode: 'build', next: null },
  ends: [{ outcome: 'next', as: 'completed' }],
  actions: actions.map((action, place) => ({
    id: action,
    title: action,
    ...(action === 'human' ? ASK : { tool: `lab.${action}` }),
    needs: actions.slice(0, place),
  })),
  ...more,
});

/** A phase `work`, and what comes after it. */
const pipeline = (
  id: string,
  actions: readonly string[],
  work: object = {},
  more: object = {},
  later: readonly object[] = [],
) => ({
  ...{ id, version: 1, title: id, description: 'For a test of pauses.', ...more },
  modes: [
    {
      ...{ id: 'build', title: 'Build', agents: ['lab', 'studio'], transitions: ['build'] },
      tools: ['lab.*', 'studio.*', 'human'],
    },
  ],
  phases: [phase('work', actions, work), ...later],
});

/** It holds its gate, whatever people say: a train without a budget has no share of it. */
const UNMET = {
  exit: [{ id: 'unmet', says: 'Money is left.', check: { kind: 'budget', share: 0.5 } }],
  approvals: [{ role: 'sponsor' }],
};
const WAIVERS = { waivers: { roles: ['sponsor'] } };

const PIPELINES = [
  pipeline('one-step', ['first']),
  pipeline('two-steps', ['first', 'second']),
  pipeline('approved', ['first'], { approvals: [{ role: 'sponsor' }] }),
  pipeline('person', ['human']),
  pipeline('costly', ['first'], { mayCost: { amount: '2.00', currency: 'USD' } }),
  pipeline('handed-off', [], {
    support: ['studio'],
    actions: [{ id: 'away', title: 'Away', tool: 'studio.away', by: 'studio' }],
  }),
  pipeline(
    'second-try',
    ['first'],
    { exit: [{ id: 'second', says: 'It is the second attempt.', check: { kind: 'rule', rule: 'attempt == 2' } }] },
    { attemptsMax: 1 },
  ),
  pipeline(
    'two-attempts',
    ['first'],
    { exit: [{ id: 'second', says: 'It is the second attempt.', check: { kind: 'rule', rule: 'attempt == 2' } }] },
    { attemptsMax: 2 },
  ),
  pipeline('escalated', ['first'], { approvals: [{ role: 'sponsor', escalateAfter: ['1s'] }] }),
  pipeline(
    'denied',
    ['first'],
    { approvals: [{ role: 'sponsor', escalateAfter: [], deniedAfter: '1s' }] },
    { attemptsMax: 1 },
  ),
  pipeline('two-voices', ['first'], { approvals: [{ role: 'sponsor', count: 2, expiresAfter: '1s' }] }),
  pipeline('unmet', ['first'], UNMET, WAIVERS),
  pipeline('unmet-first', ['first'], { ...UNMET, next: 'after', ends: [] }, WAIVERS, [phase('after', ['second'], {})]),
  pipeline(
    'verified',
    ['first'],
    { exit: [{ id: 'ci', says: 'CI is green.', check: { kind: 'external', verifier: 'ci' } }] },
    { verifiers: [{ id: 'ci', publicKey: CI.publicKey.export({ format: 'der', type: 'spki' }).toString('base64') }] },
  ),
];

export type PipelineId =
  | 'costly'
  | 'one-step'
  | 'two-steps'
  | 'approved'
  | 'person'
  | 'handed-off'
  | 'second-try'
  | 'two-attempts'
  | 'escalated'
  | 'denied'
  | 'two-voices'
  | 'unmet'
  | 'unmet-first'
  | 'verified';

/** An action that waits in its middle until it is told how it ends. */
export interface Latch {
  readonly begun: Promise<void>;
  readonly end: (failure?: Error) => void;
}

/** Everything but the gateway, in this process, with an agent whose actions end when a test says so. */
export class PauseStation {
  private readonly folder = mkdtempSync(join(tmpdir(), 'pauses-'));
  private readonly latches = new Map<string, { begun: () => void; ended: Promise<void> }>();
  private readonly running: RunningService[] = [];
  private readonly stops: (() => Promise<unknown>)[] = [];
  private platform!: Platform;
  private inputs!: CommandInput<'train.start'>['inputs'];

  static async open(): Promise<PauseStation> {
    const station = new PauseStation();
    try {
      await station.begin();
    } catch (error) {
      await station.close();
      throw error;
    }
    return station;
  }

  private async begin(): Promise<void> {
    for (const each of PIPELINES) {
      mkdirSync(join(this.folder, 'pipelines', each.id), { recursive: true });
      writeFileSync(join(this.folder, 'pipelines', each.id, 'pipeline.yaml'), JSON.stringify(each));
    }
    const [database, nats] = await Promise.all([freshDatabase(), startNats(join(this.folder, 'nats'))]);
    this.stops.push(
      () => nats.stop(),
      () => database.drop(),
    );
    await migratePlatform(database.url);
    await migrateWork(database.url);
    const settings = { DATABASE_URL: database.url, NATS_URL: nats.url, LOG_LEVEL: 'silent' };
    this.platform = await openPlatform(PlatformSettings.parse(settings));
    this.stops.unshift(() => this.platform.close());
    const artifacts = await openArtifactStore(this.env.ARTIFACTS_URL);
    const kept = async (path: string, mediaType: string, content: string) => ({
      path,
      mediaType,
      ...(await artifacts.put(Buffer.from(content))),
    });
    this.inputs = [
      await kept('charter.json', 'application/json', JSON.stringify(parse(readFileSync(CHARTER, 'utf8')))),
      await kept('data.csv', 'text/csv', 'day,rain\n1,0\n'),
    ];
    await this.start(ledger);
    await this.start(cost);
    await this.start(riskRegistry);
    await this.startPausable();
  }

  private get env() {
    const { folder } = this;
    const ARTIFACTS_URL = pathToFileURL(join(folder, 'artifacts')).href;
    return { ARTIFACTS_URL, PIPELINES: join(folder, 'pipelines'), SESSIONS_MAX: '50' };
  }

  /** A conductor and an agent, as after a start of their processes. */
  async startPausable(START_PAUSED?: string): Promise<void> {
    const act = (id: string, name = 'lab'): [string, Action] => [
      `${name}.${id}`,
      ({ ticket }) => this.perform(`${ticket.trainId} ${id}`),
    ];
    const lab = agentService({ name: 'lab', tools: Object.fromEntries([act('first'), act('second')]) });
    const studio = agentService({ name: 'studio', tools: Object.fromEntries([act('away', 'studio')]) });
    await Promise.all([
      this.start(conductor, { START_PAUSED }),
      ...[lab, studio].map((agent) => this.start(agent, { START_PAUSED })),
    ]);
  }

  async stopPausable(): Promise<void> {
    for (const service of this.running.splice(3)) await service.close();
  }

  async close(): Promise<void> {
    for (const service of this.running.toReversed()) await service.close();
    for (const stop of this.stops) await stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async start<Config>(definition: ServiceDefinition<Config>, more: object = {}): Promise<void> {
    const settings = definition.settings.parse({ ...this.env, ...more });
    this.running.push(await startService(definition, this.platform, settings));
  }

  private async perform(action: string): Promise<void> {
    const latch = this.latches.get(action);
    this.latches.delete(action);
    latch?.begun();
    await latch?.ended;
  }

  latch(trainId: TrainId, action: string): Latch {
    const begun = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<void>();
    this.latches.set(`${trainId} ${action}`, { begun: begun.resolve, ended: ended.promise });
    return { begun: begun.promise, end: (failure) => (failure ? ended.reject(failure) : ended.resolve()) };
  }

  send<Name extends CommandName>(tenant: TenantId, name: Name, body: CommandInput<Name>, actor = 'Olga') {
    const envelope = { tenant, commandId: CommandId.parse(randomUUID()), actor, correlationId: 'test' };
    return this.platform.commands.send(name, envelope, body, { deadlineMs: WAIT_MS_MAX });
  }

  trainOrder(trainId: TrainId, of: PipelineId, budget: string | undefined): CommandInput<'train.start'> {
    return {
      ...{ trainId, pipeline: of, name: of, client: 'Open Air', inputs: this.inputs },
      budget: budget === undefined ? null : { amount: budget, currency: 'USD' },
      approvers: ['Sam', 'Sue'].map((name) => ({ role: 'sponsor', name })),
    };
  }

  /** Every event of a tenant, in order. */
  async log(tenant: TenantId): Promise<readonly Positioned<DomainEvent>[]> {
    return (await this.platform.feed.readLog<DomainEvent>(0, { tenant }, 5_000)).events;
  }

  /** Waits until conductor and agent have handled everything of a tenant that they act upon, and nothing comes of it. */
  async quiet(tenant: TenantId): Promise<void> {
    await this.until('everything is handled', async () => {
      const { rows } = await this.platform.subscriberPool.query<{ still: boolean }>(
        `select not exists (select from es.unsequenced) and (
           select min(position) from bus.consumers where name in ('conductor', 'lab', 'studio')
         ) >= (
           select max(position) from es.global_log where tenant = any ($1) and type = any ($2)
         ) as still`,
        [[tenant, FLEET], HEARD],
      );
      return rows[0]!.still;
    });
  }

  /** Waits until a person is asked, and the session that asks was set aside. */
  async asked(tenant: TenantId): Promise<void> {
    await this.until('a person is asked', async () => {
      const { rows } = await this.platform.subscriberPool.query(
        `select from work.human_task join work.item using (tenant, ticket_id) where tenant = $1 and state = 'paused'`,
        [tenant],
      );
      return rows.length > 0;
    });
  }

  async until(what: string, holds: () => Promise<boolean>): Promise<void> {
    const deadline = performance.now() + WAIT_MS_MAX;
    while (!(await holds())) {
      if (performance.now() > deadline) throw new Error(`never: ${what}`);
      await delay(POLL_MS);
    }
  }
}

/** An event that a test waits for. */
export interface Sought {
  readonly type: DomainEventType;
  readonly where?: (data: never) => boolean;
}

/** A train of a tenant of its own, and the pauses that a test places over it. */
export class PausedTrain {
  readonly tenant = TenantId.parse(`t-${randomUUID()}`);
  readonly trainId = TrainId.parse(randomUUID());
  private phase = 'work';
  private readonly standing: (() => Promise<CommandReply>)[] = [];
  private readonly station: PauseStation;

  constructor(station: PauseStation, tenant?: TenantId) {
    this.station = station;
    if (tenant) this.tenant = tenant;
  }

  /** The first ticket of the phase that its pauses are about. */
  /** Whom a pause of the scope `agent` is about. */
  agent: 'lab' | 'studio' = 'lab';

  get ticketId() {
    return ticketIdOf(this.trainId, this.phase, 1, 1);
  }

  goesTo(phase: string): void {
    this.phase = phase;
  }

  /** Another train of its tenant. */
  beside(): PausedTrain {
    return new PausedTrain(this.station, this.tenant);
  }

  latch(action: string): Latch {
    return this.station.latch(this.trainId, action);
  }

  quiet(): Promise<void> {
    return this.station.quiet(this.tenant);
  }

  asked(): Promise<void> {
    return this.station.asked(this.tenant);
  }

  async send<Name extends CommandName>(name: Name, body: Omit<CommandInput<Name>, 'trainId'>, actor?: string) {
    // Every command that is sent here is about the train.
    const reply = await this.station.send(
      this.tenant,
      name,
      { trainId: this.trainId, ...body } as CommandInput<Name>,
      actor,
    );
    if (reply.kind !== 'accepted') throw new Error(`${name}: ${JSON.stringify(reply)}`);
    return reply.position;
  }

  async start(of: PipelineId, budget?: string): Promise<void> {
    await this.send('train.start', this.station.trainOrder(this.trainId, of, budget));
  }

  /** Pauses what covers this train by a scope, or what covers another one. */
  async pause(scope: PauseScope, over: PausedTrain = this): Promise<CommandReply> {
    const reason = 'an incident';
    if (scope === 'train') {
      const { trainId } = over;
      const paused = await this.station.send(this.tenant, 'train.pause', { trainId, reason });
      if (paused.kind === 'accepted') this.willLift('train', over);
      return paused;
    }
    const paused = await this.station.send(scope === 'fleet' ? FLEET : this.tenant, 'pause.place', {
      ...{ scope, reason },
      subject: over.subjectOf(scope),
    });
    if (paused.kind === 'accepted') this.willLift(scope, over);
    return paused;
  }

  willLift(scope: PauseScope, over: PausedTrain = this): void {
    this.standing.push(() => this.lift(scope, over));
  }

  /** Lifts the pause that was placed first. */
  async liftOne(): Promise<void> {
    const reply = await this.standing.shift()!();
    if (reply.kind !== 'accepted') throw new Error(`resume: ${JSON.stringify(reply)}`);
  }

  /** Lifts all of them in the order in which they were placed, and answers the position at which the last was gone. */
  async liftAll(): Promise<number> {
    while (this.standing.length > 0) await this.liftOne();
    const lifted = (await this.ofTenant()).filter(
      ({ event: { type } }) => type === 'PauseLifted' || type === 'TrainResumed',
    );
    return Math.max(...lifted.map(({ position }) => position));
  }

  private lift(scope: PauseScope, over: PausedTrain): Promise<CommandReply> {
    if (scope === 'train') return this.station.send(this.tenant, 'train.resume', { trainId: over.trainId });
    const subject = over.subjectOf(scope);
    return this.station.send(scope === 'fleet' ? FLEET : this.tenant, 'pause.lift', { scope, subject, reason: '' });
  }

  private subjectOf(scope: PauseScope) {
    return scope === 'agent' ? this.agent : scope === 'session' || scope === 'ticket' ? this.ticketId : '';
  }

  /** What happened to the train and to its tenant; and to the fleet since then. */
  async events(): Promise<readonly Positioned<DomainEvent>[]> {
    const all = await this.ofTenant();
    return all.filter(({ event: { data } }) => !('trainId' in data) || data.trainId === this.trainId);
  }

  private async ofTenant(): Promise<readonly Positioned<DomainEvent>[]> {
    const own = await this.station.log(this.tenant);
    const fleet = await this.station.log(FLEET);
    return [...own, ...fleet.filter(({ position }) => position > (own[0]?.position ?? 0))];
  }

  async find({ type, where = () => true }: Sought): Promise<readonly Positioned<DomainEvent>[]> {
    return (await this.events()).filter(({ event }) => event.type === type && where(event.data as never));
  }

  /** Waits for an event. */
  async seen(sought: Sought): Promise<Positioned<DomainEvent>> {
    let found: readonly Positioned<DomainEvent>[] = [];
    await this.station.until(`${sought.type} of ${this.trainId}`, async () => {
      found = await this.find(sought);
      return found.length > 0;
    });
    return found[0]!;
  }
}
