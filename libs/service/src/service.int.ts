import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { connect } from '@nats-io/transport-node';
import { Body, Controller, Inject, Module, Post } from '@nestjs/common';
import { trainStream, type EventOf } from '@vt/contracts';
import { sequence } from '@vt/event-store';
import { CommandId, NO_STREAM, Rejection, TenantId, Unavailable, type Instant, type Positioned } from '@vt/kernel';
import { OnCommand, OnEvent, type Command } from '@vt/messaging';
import { startNats, startPostgres, type Server } from '@vt/servers';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { z } from 'zod';
import {
  migratePlatform,
  openPlatform,
  PlatformSettings,
  provide,
  startProcessServer,
  startService,
  token,
  type Platform,
  type RunningService,
  type ServiceDefinition,
} from './index.ts';

const WAIT_MS_MAX = 4_000;
const POLL_MS = 2;
const acme = TenantId.parse('acme');
const folder = mkdtempSync(join(tmpdir(), 'vt-service-'));
const PlatformToken = token<Platform>('Platform');
const Name = token<string>('Name');

/** What the handlers saw, as `<service> <event>`. */
const seen: string[] = [];
const pausing: string[] = [];
let broken = false;

@Controller('trains')
class TrainsController {
  private readonly platform: Platform;
  private readonly name: string;

  constructor(@Inject(PlatformToken) platform: Platform, @Inject(Name) name: string) {
    this.platform = platform;
    this.name = name;
  }

  @OnCommand('train.pause')
  async pause({ tenant, commandId, actor, correlationId, body }: Command<'train.pause'>) {
    pausing.push(this.name);
    if (body.reason === 'no') throw new Rejection('has-ended', 'the train has ended');
    if (body.reason === 'away') throw new Unavailable('the database is away');
    if (body.reason === 'bug') throw new TypeError('nobody thought of this');
    const stream = trainStream(body.trainId);
    const data = { trainId: body.trainId, by: actor, reason: body.reason };
    const outcome = await this.platform.store.append({
      tenant,
      stream,
      expected: NO_STREAM,
      commandId,
      causation: { actor, correlationId, causationId: correlationId },
      at: new Date().toISOString() as Instant,
      events: [{ type: 'TrainPaused', data }],
    });
    if (outcome.kind === 'conflict') throw new Rejection('is-paused', 'the train is paused already');
    return { stream, version: outcome.head.version };
  }

  @OnEvent('TrainPaused')
  paused({ stream, version, event }: Positioned<EventOf<'TrainPaused'>>) {
    if (broken) throw new TypeError(`${event.data.by} broke it`);
    seen.push(`${this.name} ${stream}@${version}`);
    return Promise.resolve();
  }

  @Post()
  post(@Body({ schema: z.object({ reason: z.string().min(1) }) }) body: { reason: string }) {
    if (body.reason === 'no') throw new Rejection('has-ended', 'the train has ended');
    if (body.reason === 'away') throw new Unavailable('the database is away');
    return body;
  }
}

@Module({})
class TrainsModule {}

const service = (name: string, instance = name): ServiceDefinition<object> => ({
  name,
  settings: z.object({}),
  module: (platform) => ({
    module: TrainsModule,
    controllers: [TrainsController],
    providers: [provide(PlatformToken, [], () => platform), provide(Name, [], () => instance)],
  }),
});

let servers: Server[] = [];
let platform: Platform;
let stopSequencing = () => Promise.resolve();
const running: RunningService[] = [];

beforeAll(async () => {
  const nats = await startNats(join(folder, 'nats'));
  const postgres = await startPostgres(join(folder, 'postgres'));
  servers = [nats, postgres];
  await migratePlatform(postgres.url);
  const settings = { DATABASE_URL: postgres.url, NATS_URL: nats.url, LOG_LEVEL: 'silent' };
  platform = await openPlatform(PlatformSettings.parse(settings));
  stopSequencing = sequencing();
  running.push(
    await startService(service('conductor'), platform, {}, { port: 0 }),
    await startService(service('risk', 'risk-1'), platform, {}),
    await startService(service('risk', 'risk-2'), platform, {}),
  );
}, 60_000);

afterAll(async () => {
  for (const { close } of running) await close();
  await stopSequencing();
  await platform.close();
  for (const { stop } of servers) await stop();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

/** What a ledger does, as plainly as can be. */
function sequencing() {
  const stopping = new AbortController();
  const work = async () => {
    while (!stopping.signal.aborted) {
      if ((await sequence(platform.ledgerPool)) === 0) await delay(POLL_MS);
    }
  };
  const finished = work();
  return async () => {
    stopping.abort();
    await finished;
  };
}

const envelope = () => ({
  tenant: acme,
  commandId: CommandId.parse(randomUUID()),
  actor: 'ann',
  correlationId: 'request-1',
});
const trainId = () => randomUUID() as Command<'train.pause'>['body']['trainId'];

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + WAIT_MS_MAX;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`in vain: ${String(condition)}`);
    await delay(POLL_MS);
  }
}

it('answers a command that was carried out with where it stands in the log', async () => {
  const train = trainId();
  const reply = await platform.commands.send('train.pause', envelope(), { trainId: train, reason: 'lunch' });
  expect(reply).toEqual({ kind: 'accepted', stream: trainStream(train), version: 1, position: expect.any(Number) });
  const stored = await platform.store.positionOf(acme, trainStream(train), 1);
  expect(reply).toMatchObject({ position: stored });
});

it('answers a command that is repeated as it did before', async () => {
  const [same, body] = [envelope(), { trainId: trainId(), reason: 'lunch' }];
  const first = await platform.commands.send('train.pause', same, body);
  expect(await platform.commands.send('train.pause', same, body)).toEqual(first);
});

it('answers a refusal with its code, and a body that is not valid with what is wrong', async () => {
  const no = await platform.commands.send('train.pause', envelope(), { trainId: trainId(), reason: 'no' });
  expect(no).toEqual({ kind: 'rejected', code: 'has-ended', reason: 'the train has ended' });
  const bad = await platform.commands.send('train.pause', envelope(), { trainId: trainId(), reason: '' });
  expect(bad).toMatchObject({ kind: 'rejected', code: 'invalid', reason: expect.stringContaining('reason') });
});

it('says that it does not know, and only after it asked again', async () => {
  const before = pausing.length;
  const body = { trainId: trainId(), reason: 'away' };
  const away = await platform.commands.send('train.pause', envelope(), body, { deadlineMs: 400 });
  expect(away).toEqual({ kind: 'unknown', reason: 'the database is away' });
  expect(pausing.length - before).toBeGreaterThan(1);

  const nobody = await platform.commands.send('train.resume', envelope(), { trainId: trainId() }, { deadlineMs: 300 });
  expect(nobody).toMatchObject({ kind: 'unknown' });
});

it('says at once that a command failed, and does not try again what a bug would break again', async () => {
  const before = pausing.length;
  const asked = envelope();
  expect(await platform.commands.send('train.pause', asked, { trainId: trainId(), reason: 'bug' })).toEqual({
    kind: 'failed',
    reason: `an error on our side; it was logged under the command ${asked.commandId}`,
  });
  const called = pausing.slice(before).map((name) => name.split('-')[0]);
  expect(called).toEqual([...new Set(called)]);
});

it('gives an event to every service, and to one instance of each', async () => {
  const train = trainId();
  const before = seen.length;
  await platform.commands.send('train.pause', envelope(), { trainId: train, reason: 'lunch' });
  await until(() => seen.filter((line) => line.endsWith(`${trainStream(train)}@1`)).length >= 2);
  const last = await platform.feed.lastPosition();
  await until(async () => {
    const { rows } = await platform.subscriberPool.query('select from bus.consumers where position >= $1', [last]);
    return rows.length === 2;
  });
  const services = seen.slice(before).filter((line) => line.includes(train));
  expect(services.map((line) => line.split(' ')[0]?.split('-')[0]).toSorted()).toEqual(['conductor', 'risk']);
});

it('lets the other instance take over when one is stopped', async () => {
  const worker = seen.findLast((line) => line.startsWith('risk'))!.split(' ')[0]!;
  const index = worker === 'risk-1' ? 1 : 2;
  const [stopped] = running.splice(index, 1);
  await stopped!.close();
  const train = trainId();
  expect(await platform.commands.send('train.pause', envelope(), { trainId: train, reason: 'lunch' })).toMatchObject({
    kind: 'accepted',
  });
  const other = worker === 'risk-1' ? 'risk-2' : 'risk-1';
  await until(() => seen.includes(`${other} ${trainStream(train)}@1`));
});

it('parks what a handler breaks on, with its own words', async () => {
  broken = true;
  const train = trainId();
  await platform.commands.send('train.pause', envelope(), { trainId: train, reason: 'lunch' });
  await until(async () => {
    const { rows } = await platform.subscriberPool.query<{ reason: string }>(
      'select reason from bus.parked where stream = $1',
      [trainStream(train)],
    );
    return rows.length === 2 && rows.every(({ reason }) => reason === 'TypeError: ann broke it');
  });
  broken = false;
});

it('answers errors over HTTP as problems', async () => {
  const post = async (body: string) => {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(`${running[0]!.url}/trains`, { method: 'POST', body, headers });
    return { type: response.headers.get('content-type'), ...((await response.json()) as object) };
  };
  const type = expect.stringContaining('application/problem+json');
  expect(await post('{"reason":"lunch"}')).toMatchObject({ reason: 'lunch' });
  expect(await post('{"reason":""}')).toMatchObject({ status: 400, code: 'invalid', errors: [{ pointer: '/reason' }] });
  expect(await post('{')).toMatchObject({ type: 'about:blank', status: 400 });
  expect(await post('{"reason":"no"}')).toMatchObject({ status: 409, code: 'has-ended' });
  expect(await post('{"reason":"away"}')).toMatchObject({ status: 503, code: 'unavailable' });
  for (const [path, status] of [
    ['/nothing', 404],
    ['/trains/%zz', 400],
  ] as const) {
    const response = await fetch(`${running[0]!.url}${path}`);
    expect([path, response.status, response.headers.get('content-type')]).toEqual([path, status, type]);
  }
});

it('connects again when its password is refused for a while, and ends when the connection does', async () => {
  const natsFolder = join(folder, 'nats-with-password');
  const nats = await startNats(natsFolder);
  const { host } = new URL(nats.url);
  const opens = async (pass: string) => {
    const attempt = connect({ servers: host, user: 'vt', pass, reconnect: false });
    return attempt.then((connection) => connection.close().then(() => true)).catch(() => false);
  };
  const changePassword = async (to: string) => {
    const config = [
      `listen: "${host}"`,
      `authorization { user: vt, password: ${to} }`,
      `jetstream { store_dir: ${JSON.stringify(join(natsFolder, 'jetstream'))} }`,
    ];
    writeFileSync(join(natsFolder, 'nats.conf'), config.join('\n'));
    process.kill(nats.pid, 'SIGHUP');
    await until(async () => (await opens(to)) && !(await opens('another')));
  };
  await changePassword('first');
  let lost = 0;
  const settings = { ...platform.settings, NATS_URL: [`nats://vt:first@${host}`] };
  const other = await openPlatform(settings, { lost: () => (lost += 1) });
  try {
    const refusals = other.nats.status();
    await changePassword('second');
    let refused = 0;
    for await (const { type } of refusals) if (type === 'error' && (refused += 1) === 3) break;
    expect(refused).toBe(3);
    expect(other.warnings()).toEqual(['NATS: not connected']);

    await changePassword('first');
    await until(() => other.warnings().length === 0);
    expect(lost).toBe(0);

    await other.nats.close();
    await until(() => lost === 1);
  } finally {
    await other.close();
    await nats.stop();
  }
}, 60_000);

it('warns of a PostgreSQL that may lose what it confirmed', async () => {
  const client = new Client({ connectionString: platform.settings.DATABASE_URL });
  await client.connect();
  await client.query('alter role postgres set synchronous_commit = off');
  const other = await openPlatform(platform.settings);
  expect(other.warnings()).toEqual([
    'PostgreSQL: synchronous_commit is off, so that a crash loses what was accepted; set it to on',
  ]);
  await other.close();
  await client.query('alter role postgres reset synchronous_commit');
  await client.end();
});

it('is ready without NATS, and says so; without PostgreSQL it is not', async () => {
  const process = await startProcessServer(
    { ...platform, metrics: () => platform.metrics.registry, service: () => undefined },
    0,
    '127.0.0.1',
  );
  const answer = async () => {
    const response = await fetch(`${process.url}/health/ready`);
    return { status: response.status, body: (await response.json()) as object };
  };
  const connected = async () => {
    const metrics = await (await fetch(`${process.url}/metrics`)).text();
    return /^vt_nats_connected (\d)$/m.exec(metrics)?.[1];
  };
  try {
    expect(await answer()).toEqual({ status: 200, body: { status: 'ready' } });
    expect(await connected()).toBe('1');
    expect(await (await fetch(`${process.url}/metrics`)).text()).toMatch(/^vt_clock_lead_seconds 0$/m);

    const [nats, postgres] = servers.splice(0, 2);
    const status = platform.nats.status();
    await nats!.stop();
    for await (const { type } of status) if (type === 'disconnect') break;
    const warnings = ['NATS: not connected'];
    expect(await answer()).toEqual({ status: 200, body: { status: 'ready', warnings } });
    expect(await connected()).toBe('0');

    await stopSequencing();
    await postgres!.stop();
    const troubles = [expect.stringMatching(/^PostgreSQL: /)];
    expect(await answer()).toEqual({ status: 503, body: { status: 'not ready', troubles, warnings } });
  } finally {
    await process.close();
  }
});
