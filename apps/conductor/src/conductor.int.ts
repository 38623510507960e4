import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { migrateWork, openArtifactStore } from '@vt/agent-runtime';
import { riskStream, sessionStream, trainStream, type DomainEvent, type EventOf } from '@vt/contracts';
import { sequence } from '@vt/event-store';
import { CommandId, Instant, NO_STREAM, TenantId, TrainId, type Envelope, type Positioned } from '@vt/kernel';
import { reactionTo } from '@vt/messaging';
import { startNats, startPostgres, type Server } from '@vt/servers';
import {
  DOORBELL,
  migratePlatform,
  openPlatform,
  PlatformSettings,
  startService,
  type Platform,
  type RunningService,
} from '@vt/service';
import { REACTIONS_MAX } from '@vt/value-train';
import { randomUUID } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { conductor } from './index.ts';

const WAIT_MS_MAX = 10_000;
const POLL_MS = 5;
const folder = mkdtempSync(join(tmpdir(), 'conductor-'));
const pipelines = join(folder, 'pipelines');
const artifactsUrl = pathToFileURL(join(folder, 'artifacts')).href;
const tenant = TenantId.parse('acme');
const trainId = TrainId.parse(randomUUID());

let servers: Server[] = [];
let platform: Platform;
let instances: RunningService[] = [];

beforeAll(async () => {
  servers = [await startPostgres(join(folder, 'postgres')), await startNats(join(folder, 'nats'))];
  const [postgres, nats] = servers as [Server, Server];
  await migratePlatform(postgres.url);
  await migrateWork(postgres.url);
  platform = await openPlatform(
    PlatformSettings.parse({ DATABASE_URL: postgres.url, NATS_URL: nats.url, LOG_LEVEL: 'silent' }),
  );
  // What a ledger does, as plainly as can be.
  platform.nats.subscribe(DOORBELL, { callback: () => void sequence(platform.ledgerPool) });
  await cp(join(import.meta.dirname, '../../../libs/profiles/src/ml-delivery'), pipelines, { recursive: true });
  await startInstances();
}, 60_000);

async function startInstances(): Promise<void> {
  for (const { close } of instances) await close();
  const settings = conductor.settings.parse({ ARTIFACTS_URL: artifactsUrl, PIPELINES: pipelines });
  instances = [await startService(conductor, platform, settings), await startService(conductor, platform, settings)];
}

afterAll(async () => {
  for (const { close } of instances) await close();
  await platform.close();
  for (const { stop } of servers) await stop();
  await rm(folder, { recursive: true });
}, 60_000);

const envelope = () => ({
  tenant,
  commandId: CommandId.parse(randomUUID()),
  actor: 'olga',
  correlationId: 'request-1',
});

async function trainEvents(count: number, of = trainId): Promise<readonly DomainEvent[]> {
  const deadline = performance.now() + WAIT_MS_MAX;
  for (;;) {
    const events = await platform.store.read<DomainEvent>(tenant, trainStream(of));
    if (events.length >= count) return events.map(({ event }) => event);
    if (performance.now() > deadline) throw new Error(`only ${events.length} of ${count} events came`);
    await delay(POLL_MS);
  }
}

/** The events of a train, as soon as one of this type is among those after so many. */
async function until(of: TrainId, type: DomainEvent['type'], after = 0): Promise<readonly DomainEvent[]> {
  for (let count = after + 1; ; count += 1) {
    const events = await trainEvents(count, of);
    if (events.slice(after).some((event) => event.type === type)) return events;
  }
}

const approvers = ['sponsor', 'operator', 'release-manager'].map((role) => ({ role, name: 'Sam' }));
const order = { pipeline: 'ml-delivery', name: 'Rain', client: 'Open Air', inputs: [], budget: null, approvers };

async function submit({ data }: EventOf<'TicketOpened'>, artifacts: EventOf<'WorkSubmitted'>['data']['artifacts']) {
  const { mode: _, ...ticket } = data;
  const submitted: EventOf<'WorkSubmitted'> = {
    type: 'WorkSubmitted',
    data: { ...ticket, artifacts, facts: {}, checklist: [], outcome: 'go' },
  };
  await platform.store.append({
    ...{ tenant, stream: sessionStream(data.ticketId), expected: NO_STREAM, commandId: envelope().commandId },
    causation: { actor: data.agent, causationId: 'test', correlationId: 'test' },
    at: Instant.parse(new Date().toISOString()),
    events: [submitted],
  });
}

it('starts a train by a command, and judges submitted work by an event, once among two instances', async () => {
  const start = { trainId, ...order };
  const reply = await platform.commands.send('train.start', envelope(), start);
  expect(reply).toMatchObject({ kind: 'accepted', stream: trainStream(trainId), version: 3 });
  expect(await platform.commands.send('train.start', envelope(), { ...start, pipeline: 'none' })).toMatchObject({
    kind: 'rejected',
    code: 'pipeline-unknown',
  });

  const opened = (await trainEvents(3)).find((event) => event.type === 'TicketOpened')!;
  const store = await openArtifactStore(artifactsUrl);
  const { digest, size } = await store.put(Buffer.from('Price: TBD'));
  const path = 'preengagement/framing/opportunity-brief.md';
  await submit(opened, [{ path, digest, size, mediaType: 'text/markdown' }]);

  const events = await trainEvents(5);
  expect(events.slice(3).map(({ type }) => type)).toEqual(['GateEvaluated', 'TicketOpened']);
  expect(events[3]).toMatchObject({
    data: {
      verdict: 'failed',
      checks: expect.arrayContaining([
        expect.objectContaining({
          id: `artifact:${path}`,
          outcome: 'unmet',
          reason: `${path} has 2 words, which can not be all there is to say`,
        }),
      ]),
    },
  });
});

it('refuses to steer a train to where it is, unless it was this very command that did', async () => {
  const steered = TrainId.parse(randomUUID());
  await platform.commands.send('train.start', envelope(), { trainId: steered, ...order });
  const body = { trainId: steered, reason: 'a try' };
  const steer = (verb: 'pause' | 'resume' | 'abort' | 'unblock', by = envelope()) =>
    platform.commands.send(`train.${verb}`, by, body);
  const accepted = { kind: 'accepted' };
  const refused = (code: string, reason: string) => ({
    kind: 'rejected',
    code,
    reason: expect.stringContaining(reason),
  });

  expect(await steer('resume')).toMatchObject(refused('train-not-paused', 'is not paused'));
  expect(await steer('unblock')).toMatchObject(refused('train-not-blocked', 'is not blocked'));
  const [pausing, resuming] = [envelope(), envelope()];
  const paused = await steer('pause', pausing);
  expect(paused).toMatchObject(accepted);
  expect(await steer('pause', pausing)).toEqual(paused);
  expect(await steer('pause')).toMatchObject(refused('train-paused', 'is paused already'));
  expect(await steer('resume', resuming)).toMatchObject(accepted);
  expect(await steer('abort')).toMatchObject(accepted);
  for (const verb of ['pause', 'resume', 'abort', 'unblock'] as const) {
    expect(await steer(verb)).toMatchObject(refused('train-ended', 'is aborted'));
  }
  expect(await steer('resume', resuming)).toMatchObject(accepted);
});

it('stops services that set each other off, and goes on when a person says so', async () => {
  const looping = TrainId.parse(randomUUID());
  await platform.commands.send('train.start', envelope(), { trainId: looping, ...order });
  // A registry gone wrong: it settles each risk that holds the train, and raises it again when that is heard.
  const stop = new AbortController();
  const risk = { trainId: looping, riskId: 'R012-loop' };
  const answerTo = ({ event }: Positioned): DomainEvent[] => {
    if (event.type === 'HoldPlaced')
      return [{ type: 'RiskSettled', data: { ...risk, status: 'closed', reason: 'gone', by: 'registry' } }];
    if (event.type !== 'HoldLifted') return [];
    return [{ type: 'RiskBecameCritical', data: { ...risk, score: 25, reason: 'back', phases: [] } }];
  };
  let [head, answered] = [NO_STREAM, 0];
  const raise = async (events: readonly DomainEvent[], envelope: Envelope) => {
    const appended = await platform.store.append({ ...envelope, stream: riskStream(looping), expected: head, events });
    if (appended.kind !== 'conflict') head = appended.head;
  };
  const goesRound = async () => {
    while (!stop.signal.aborted) {
      const events = await platform.store.read(tenant, trainStream(looping));
      for (const event of events.slice(answered)) {
        const answer = answerTo({ ...event, position: 0 });
        if (answer.length > 0) await raise(answer, reactionTo({ ...event, position: 0 }, 'registry', event.id));
      }
      answered = events.length;
      // A ring that comes while an earlier one is answered may say nothing; a ledger looks by itself, too.
      await sequence(platform.ledgerPool);
      await delay(POLL_MS);
    }
  };
  const going = goesRound();
  const first: DomainEvent = { type: 'RiskBecameCritical', data: { ...risk, score: 25, reason: 'a leak', phases: [] } };
  const causation = { actor: 'olga', causationId: 'request-2', correlationId: 'request-2' };
  const { commandId } = envelope();
  await raise([first], { tenant, commandId, causation, at: Instant.parse(new Date().toISOString()) });
  try {
    const events = await until(looping, 'TrainBlocked');
    const turns = events.filter(({ type }) => type === 'HoldPlaced' || type === 'HoldLifted');
    // Two reactions a turn, the conductor's and the registry's; and the hold of the first one too many.
    expect(turns.map(({ type }) => type).slice(-2)).toEqual(['HoldLifted', 'HoldPlaced']);
    expect(turns).toHaveLength(REACTIONS_MAX / 2 + 1);
    expect(events.slice(-2)).toMatchObject([
      { type: 'LawBroken', data: { law: 'prevent-loops' } },
      { type: 'TrainBlocked', data: { reasons: [expect.stringMatching(/does not set itself off.*To mend it: /)] } },
    ]);
    const recorded = await platform.store.read(tenant, trainStream(looping));
    expect(recorded.at(-1)!.causation.depth).toBe(REACTIONS_MAX + 1);
    const body = { trainId: looping, reason: 'the registry was mended' };
    expect(await platform.commands.send('train.unblock', envelope(), body)).toMatchObject({ kind: 'accepted' });
    const after = await until(looping, 'TicketOpened', events.length);
    expect(after.slice(events.length).map(({ type }) => type)).toEqual(['TrainUnblocked', 'TicketOpened']);
    expect((await platform.store.read(tenant, trainStream(looping))).at(-1)!.causation).not.toHaveProperty('depth');
  } finally {
    stop.abort();
    await going;
  }
}, 60_000);

it('lets a train ride on the pipeline that it was started on after the file was changed', async () => {
  const [before, after] = [TrainId.parse(randomUUID()), TrainId.parse(randomUUID())];
  await platform.commands.send('train.start', envelope(), { trainId: before, ...order });
  const file = join(pipelines, 'pipeline.yaml');
  await writeFile(file, (await readFile(file, 'utf8')).replace(/^title: .*/m, 'title: The same under a better title'));
  await startInstances();

  const opened = (await trainEvents(3, before)).find((event) => event.type === 'TicketOpened')!;
  await submit(opened, []);
  const [started, , , judged] = await trainEvents(5, before);
  const pinned = started as EventOf<'TrainStarted'>;
  expect(judged).toMatchObject({ type: 'GateEvaluated', data: { policy: pinned.data.pipeline } });
  const body = { trainId: before, reason: 'a try' };
  expect(await platform.commands.send('train.pause', envelope(), body)).toMatchObject({ kind: 'accepted' });

  await platform.commands.send('train.start', envelope(), { trainId: after, ...order });
  const [newer] = (await trainEvents(3, after)) as [EventOf<'TrainStarted'>];
  expect(newer.data.pipeline.digest).not.toBe(pinned.data.pipeline.digest);
});
