import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { openArtifactStore } from '@vt/agent-runtime';
import { sessionStream, trainStream, type DomainEvent, type EventOf } from '@vt/contracts';
import { sequence } from '@vt/event-store';
import { CommandId, Instant, NO_STREAM, TenantId, TrainId } from '@vt/kernel';
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
import { randomUUID } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { conductor } from './index.ts';

const WAIT_MS_MAX = 10_000;
const POLL_MS = 5;
const folder = mkdtempSync(join(tmpdir(), 'conductor-'));
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
  platform = await openPlatform(
    PlatformSettings.parse({ DATABASE_URL: postgres.url, NATS_URL: nats.url, LOG_LEVEL: 'silent' }),
  );
  // What a ledger does, as plainly as can be.
  platform.nats.subscribe(DOORBELL, { callback: () => void sequence(platform.ledgerPool) });
  const settings = conductor.settings.parse({ ARTIFACTS_URL: artifactsUrl });
  instances = [await startService(conductor, platform, settings), await startService(conductor, platform, settings)];
}, 60_000);

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

async function trainEvents(count: number): Promise<readonly DomainEvent[]> {
  const deadline = performance.now() + WAIT_MS_MAX;
  for (;;) {
    const events = await platform.store.read<DomainEvent>(tenant, trainStream(trainId));
    if (events.length >= count) return events.map(({ event }) => event);
    if (performance.now() > deadline) throw new Error(`only ${events.length} of ${count} events came`);
    await delay(POLL_MS);
  }
}

it('starts a train by a command, and judges submitted work by an event, once among two instances', async () => {
  const approvers = ['sponsor', 'operator', 'release-manager'].map((role) => ({ role, name: 'Sam' }));
  const start = {
    trainId,
    pipeline: 'ml-delivery',
    name: 'Rain',
    client: 'Open Air',
    inputs: [],
    budget: null,
    approvers,
  };
  const reply = await platform.commands.send('train.start', envelope(), start);
  expect(reply).toMatchObject({ kind: 'accepted', stream: trainStream(trainId), version: 3 });
  expect(await platform.commands.send('train.start', envelope(), { ...start, pipeline: 'none' })).toMatchObject({
    kind: 'rejected',
    code: 'pipeline-unknown',
  });

  const opened = (await trainEvents(3)).find((event) => event.type === 'TicketOpened')!.data;
  const store = await openArtifactStore(artifactsUrl);
  const { digest, size } = await store.put(Buffer.from('Price: TBD'));
  const path = 'preengagement/framing/opportunity-brief.md';
  const { ticketId, phase, cycle, attempt, agent } = opened;
  const submitted: EventOf<'WorkSubmitted'> = {
    type: 'WorkSubmitted',
    data: {
      ...{ trainId, ticketId, phase, cycle, attempt, agent },
      artifacts: [{ path, digest, size, mediaType: 'text/markdown' }],
      facts: {},
      checklist: [],
      outcome: 'go',
    },
  };
  await platform.store.append({
    ...{ tenant, stream: sessionStream(ticketId), expected: NO_STREAM, commandId: envelope().commandId },
    causation: { actor: agent, causationId: 'test', correlationId: 'test' },
    at: Instant.parse(new Date().toISOString()),
    events: [submitted],
  });

  const events = await trainEvents(5);
  expect(events.slice(3).map(({ type }) => type)).toEqual(['GateEvaluated', 'TicketOpened']);
  expect(events[3]).toMatchObject({
    data: {
      verdict: 'failed',
      checks: expect.arrayContaining([
        {
          id: `artifact:${path}`,
          outcome: 'unmet',
          reason: `${path} has 2 words, which can not be all there is to say`,
        },
      ]),
    },
  });
});

it('refuses to steer a train to where it is, unless it was this very command that did', async () => {
  const steered = TrainId.parse(randomUUID());
  const approvers = ['sponsor', 'operator', 'release-manager'].map((role) => ({ role, name: 'Sam' }));
  const start = { pipeline: 'ml-delivery', name: 'Rain', client: 'Open Air', inputs: [], budget: null, approvers };
  await platform.commands.send('train.start', envelope(), { trainId: steered, ...start });
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
