import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { subjectOf } from '@vt/contracts';
import { listParked, replayParked } from './parking.ts';
import { Relay } from './relay.ts';
import { StreamAudit } from './stream-audit.ts';
import { running, TestBus, until } from './testing/bus.ts';
import { ensureStream } from './topology.ts';

let bus: TestBus;
let stopRelay = () => Promise.resolve();
beforeAll(async () => {
  bus = await TestBus.start();
});
afterEach(() => stopRelay());
afterAll(() => bus.stop());

function startRelay(auditMs = 100) {
  const { feed: store, ledgerPool: pool, locks, nats, topology, log } = bus;
  const relay = new Relay({ store, pool, locks, nats, topology, log, auditMs });
  stopRelay = running((signal) => relay.run(signal));
  return relay;
}

const upTo = (last: number) => Array.from({ length: last }, (_, index) => index + 1);
const cursor = async () => {
  const { rows } = await bus.ledgerPool.query<{ upto: string }>('select published_upto as upto from bus.relay');
  return Number(rows[0]!.upto);
};

async function untilPublished(): Promise<number> {
  const last = await bus.feed.lastPosition();
  await until('everything is published', async () => (await cursor()) === last);
  return last;
}

const untilWhole = (last: number) =>
  until('the stream holds every position', async () => new Set(await bus.positionsInStream()).size === last);

it('publishes each event once, in order of the log, as a CloudEvent', async () => {
  await bus.append(['train-1', 'train-2'], 20);
  startRelay();
  const last = await untilPublished();

  expect(await bus.positionsInStream()).toEqual(upTo(last));
  const [event] = (await bus.feed.readLog(6, {}, 1)).events;
  const message = await (await bus.manager).streams.getMessage(bus.topology.name, { seq: 7 });
  expect(message?.subject).toBe(subjectOf(event!));
  expect(message?.header.get('Nats-Msg-Id')).toBe(`acme/${event!.id}`);
  expect(message?.header.get('vt-hash')).toBe(event!.hash);
  expect(message?.json()).toMatchObject({ specversion: '1.0', id: event!.id, position: 7, data: event!.event.data });
});

it('can be killed anywhere: what it repeats after that is dropped as a duplicate', async () => {
  for (let kill = 1; kill <= 5; kill += 1) {
    await bus.append(['train-1', 'train-2', 'train-3'], 100);
    const last = await bus.feed.lastPosition();
    startRelay();
    await until('it has begun', async () => (await cursor()) > last - 300 * kill);
    await stopRelay();
    // As a process that died before it could save where it was.
    await bus.ledgerPool.query('update bus.relay set published_upto = greatest(0, published_upto - $1)', [kill * 97]);
  }
  startRelay();
  const last = await untilPublished();
  expect(await bus.positionsInStream()).toEqual(upTo(last));
});

it('fills the holes that JetStream has got', async () => {
  const last = await bus.feed.lastPosition();
  const { streams } = await bus.manager;
  await streams.deleteMessage(bus.topology.name, 3);
  await streams.deleteMessage(bus.topology.name, 4);
  startRelay();
  await untilWhole(last);
  await streams.deleteMessage(bus.topology.name, 100);
  await untilWhole(last);
});

it('publishes again what a purge took, and makes a stream again that was deleted', async () => {
  startRelay();
  const last = await untilPublished();
  await untilWhole(last);
  const { streams } = await bus.manager;

  await streams.purge(bus.topology.name);
  await untilWhole(last);

  await streams.purge(bus.topology.name, { keep: 10 });
  await untilWhole(last);

  await streams.delete(bus.topology.name);
  await bus.append(['train-4'], 10);
  await until('the stream is there again', async () => (await streams.names().next()).includes(bus.topology.name));
  await untilWhole(last + 10);
});

it('looks only at what is new when nothing was lost', async () => {
  startRelay();
  const last = await untilPublished();
  await untilWhole(last);
  await stopRelay();
  let read = 0;
  const counted: typeof bus.feed.readLog = (...page) => {
    read += 1;
    return bus.feed.readLog(...page);
  };
  const audit = new StreamAudit(bus.nats, { readLog: counted }, bus.topology, bus.log);
  expect(await audit.findHoles(last)).toEqual([]);
  expect(await audit.findHoles(last)).toEqual([]);
  // A bisection each, and never the log itself.
  expect(read).toBeLessThan(2 * Math.log2(last) + 4);
});

it('does not look for events that JetStream let go for their age', async () => {
  const last = await bus.feed.lastPosition();
  const audit = new StreamAudit(
    bus.nats,
    bus.feed,
    { ...bus.topology, maxAgeMs: 100, duplicateWindowMs: 100 },
    bus.log,
  );
  await (await bus.manager).streams.purge(bus.topology.name);
  expect(await audit.findHoles(last)).toEqual([]);
  await ensureStream(await bus.manager, bus.topology, bus.log);
  startRelay();
  await untilWhole(last);
});

it('brings a stream in line that somebody changed, and says what the server keeps otherwise', async () => {
  const manager = await bus.manager;
  await manager.streams.update(bus.topology.name, { max_msgs: 1_000_000, duplicate_window: 5_000_000_000 });
  const { config } = await ensureStream(manager, bus.topology, bus.log);
  expect(config.duplicate_window).toBe(bus.topology.duplicateWindowMs * 1_000_000);
  expect(bus.logged.filter((line) => line.startsWith('error'))).toEqual([]);
});

it('goes on when JetStream comes back after it was away, with nothing of what it had', async () => {
  startRelay();
  await untilPublished();
  await bus.wipeNats();
  await bus.append(['train-5'], 10);
  await untilWhole(await untilPublished());
}, 30_000);

it('parks what JetStream does not take, and lets it go when it does', async () => {
  startRelay();
  await untilPublished();
  const { streams } = await bus.manager;
  await streams.update(bus.topology.name, { max_msg_size: 100 });
  await bus.append(['train-6']);
  const last = await untilPublished();
  const parked = () => listParked(bus.pool, { consumer: 'relay' });
  await until('the audit has tried it again', async () => Number((await parked())[0]?.tries) > 1);
  expect(await parked()).toMatchObject([
    {
      position: last,
      stream: 'train-6',
      replay: false,
      reason: expect.stringContaining('message size exceeds maximum'),
    },
  ]);

  await replayParked(bus.pool, { consumer: 'relay' });
  await streams.update(bus.topology.name, { max_msg_size: -1 });
  await untilWhole(last);
  await until('nothing is parked', async () => (await parked()).length === 0);
});
