import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { CommandId, NO_STREAM, TenantId, type Instant } from '@vt/kernel';
import { POSITION_HEADER } from '@vt/messaging';
import { startNats, startPostgres, type Server } from '@vt/servers';
import {
  migratePlatform,
  openPlatform,
  PlatformSettings,
  startService,
  type Platform,
  type RunningService,
} from '@vt/service';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ledger } from './index.ts';

const WAIT_MS_MAX = 15_000;
const POLL_MS = 5;
const folder = mkdtempSync(join(tmpdir(), 'vt-ledger-'));
const acme = TenantId.parse('acme');

let servers: Server[] = [];
const platforms: Platform[] = [];
const ledgers: RunningService[] = [];

beforeAll(async () => {
  const [nats, postgres] = await Promise.all([
    startNats(join(folder, 'nats')),
    startPostgres(join(folder, 'postgres')),
  ]);
  servers = [nats, postgres];
  await migratePlatform(postgres.url);
  const settings = PlatformSettings.parse({ DATABASE_URL: postgres.url, NATS_URL: nats.url, LOG_LEVEL: 'silent' });
  for (let candidate = 1; candidate <= 2; candidate += 1) {
    const platform = await openPlatform(settings);
    platforms.push(platform);
    ledgers.push(await startService(ledger, platform, {}));
  }
}, 60_000);

afterAll(async () => {
  for (const { close } of ledgers) await close();
  for (const platform of platforms) await platform.close();
  for (const { stop } of servers) await stop();
  rmSync(folder, { recursive: true, force: true });
}, 30_000);

const append = (platform: Platform, stream: string) =>
  platform.store.append({
    tenant: acme,
    stream,
    expected: NO_STREAM,
    commandId: CommandId.parse(randomUUID()),
    causation: { actor: 'ann', causationId: 'request-1', correlationId: 'request-1' },
    at: new Date().toISOString() as Instant,
    events: [1, 2, 3].map((count) => ({ type: 'TrainPaused', data: { by: 'ann', reason: `${count}` } })),
  });

const appendMany = (streams: number) =>
  Promise.all(Array.from({ length: streams }, (_, index) => append(platforms[index % 2]!, `train-${randomUUID()}`)));

async function untilRelayed(last: number): Promise<void> {
  const deadline = performance.now() + WAIT_MS_MAX;
  for (;;) {
    const { rows } = await platforms[0]!.ledgerPool.query<{ upto: string }>(
      'select published_upto as upto from bus.relay',
    );
    if (Number(rows[0]!.upto) >= last) return;
    if (performance.now() > deadline) throw new Error(`${rows[0]!.upto} of ${last} events were relayed`);
    await delay(POLL_MS);
  }
}

async function relayedPositions(): Promise<readonly number[]> {
  const { nats, topology } = platforms[0]!;
  const { state } = await (await jetstreamManager(nats)).streams.info(topology.name);
  const consumer = await jetstream(nats).consumers.get(topology.name, { headers_only: true });
  const messages = await consumer.fetch({ max_messages: state.messages, expires: 5_000 });
  const positions: number[] = [];
  for await (const { headers } of messages) positions.push(Number(headers?.get(POSITION_HEADER)));
  return positions;
}

it('orders and relays every event once, with any number of candidates, also after one of them is gone', async () => {
  await appendMany(500);
  await untilRelayed(1_500);

  const [gone] = ledgers.splice(0, 1);
  await Promise.all([gone!.close(), appendMany(500)]);
  await untilRelayed(3_000);

  const { events } = await platforms[1]!.feed.readLog(0, {}, 5_000);
  expect(events.map(({ position }) => position)).toEqual(Array.from({ length: 3_000 }, (_, index) => index + 1));
  expect(await relayedPositions()).toEqual(events.map(({ position }) => position));
  // Within a stream the order is that of its versions.
  for (const stream of Map.groupBy(events, (event) => event.stream).values()) {
    expect(stream.map(({ version }) => version)).toEqual([1, 2, 3]);
  }
}, 60_000);

it('says at each scrape how far everybody is, and what is parked by whom', async () => {
  const { metrics, subscriberPool } = platforms[1]!;
  const scrape = () => metrics.registry.metrics();
  await subscriberPool.query(`insert into bus.consumers (name, position) values ('cost', 2990)`);
  const park = `insert into bus.parked (consumer, position, tenant, stream, event_id, reason, tries)
                values ($1, $2, 'acme', 'train-1', 'train-1@1', 'too big', 1)`;
  await subscriberPool.query(park, ['relay', 7]);
  const first = await scrape();
  for (const line of [
    'vt_unsequenced_events 0',
    'vt_relay_lag_events 0',
    'vt_consumer_lag_events{consumer="cost"} 10',
    'vt_parked_events{consumer="relay"} 1',
    'vt_parked_events{consumer="cost"} 0',
  ]) {
    expect(first.split('\n')).toContain(line);
  }
  await subscriberPool.query(park, ['cost', 8]);
  await subscriberPool.query('delete from bus.parked where consumer = $1', ['relay']);
  const second = (await scrape()).split('\n');
  expect(second).toContain('vt_parked_events{consumer="cost"} 1');
  expect(second).toContain('vt_parked_events{consumer="relay"} 0');
});
