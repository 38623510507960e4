import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { headers } from '@nats-io/transport-node';
import { Rejection, Unavailable, type Positioned } from '@vt/kernel';
import { POSITION_HEADER } from './cloud-event.ts';
import { JetStreamDoorbell, type Doorbell } from './doorbell.ts';
import { EventPump } from './event-pump.ts';
import { Locks } from './locks.ts';
import { listParked, replayParked } from './parking.ts';
import { Relay } from './relay.ts';
import { running, TestBus, until } from './testing/bus.ts';

let bus: TestBus;
let consumer = '';
let handled: Positioned[] = [];
const stops: (() => Promise<void>)[] = [];
let tests = 0;

beforeAll(async () => {
  bus = await TestBus.start();
});
beforeEach(() => {
  tests += 1;
  consumer = `consumer-${tests}`;
  handled = [];
});
afterEach(async () => {
  await stopAll();
});
afterAll(() => bus.stop());

const silent: Doorbell = { listen: () => Promise.resolve() };
const remember = (event: Positioned) => Promise.resolve(void handled.push(event));

interface Setting {
  readonly handle?: (event: Positioned) => Promise<void>;
  readonly doorbell?: Doorbell;
  readonly locks?: Locks;
}

function startPump({ handle = remember, doorbell = silent, locks = bus.locks }: Setting = {}) {
  const { feed: store, pool, log } = bus;
  const pump = new EventPump({ consumer, types: ['TrainPaused'], store, pool, locks, doorbell, handle, log });
  stops.push(running((signal) => pump.run(signal)));
}

function startRelay() {
  const { feed: store, ledgerPool: pool, locks, nats, topology, log } = bus;
  const relay = new Relay({ store, pool, locks, nats, topology, log, auditMs: 100 });
  stops.push(running((signal) => relay.run(signal)));
  return relay;
}

const jetStreamDoorbell = () =>
  new JetStreamDoorbell({
    nats: bus.nats,
    stream: bus.topology.name,
    consumer: { name: consumer, types: ['TrainPaused'] },
    log: bus.log,
  });

const stopAll = async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
};
const positions = () => handled.map(({ position }) => position);
const upTo = (last: number) => Array.from({ length: last }, (_, index) => index + 1);
const sorted = (numbers: readonly number[]) => numbers.toSorted((one, other) => one - other);
const versionsOf = (stream: string) => handled.filter((event) => event.stream === stream).map(({ version }) => version);
const savedPosition = async () => {
  const { rows } = await bus.pool.query<{ position: string }>('select position from bus.consumers where name = $1', [
    consumer,
  ]);
  return Number(rows[0]?.position ?? 0);
};
const untilCaughtUp = async () => {
  const last = await bus.feed.lastPosition();
  await until('the consumer has caught up', async () => (await savedPosition()) === last);
  return last;
};

/** Death takes the connection, and with it the lock. */
const killHoldersOfLocks = () =>
  bus.adminQuery(
    `select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted
       and database = (select oid from pg_database where datname = current_database())`,
  );

const untilConsumerIsThere = () =>
  until('JetStream has the consumer', async () => {
    const { consumers } = await bus.manager;
    const names = await consumers
      .list(bus.topology.name)
      .next()
      .catch(() => []);
    return names.some(({ name }) => name === consumer);
  });
const untilAllHandledOnce = async () => {
  const last = await untilCaughtUp();
  expect(sorted(positions())).toEqual(upTo(last));
};

it('handles every event once, in order within its stream, without a single message', async () => {
  await bus.append(['train-a', 'train-b', 'train-c'], 250);
  startPump();
  await untilAllHandledOnce();
  expect(versionsOf('train-b')).toEqual(upTo(250));

  await bus.append(['train-a'], 3);
  await untilAllHandledOnce();
});

it('goes on where it was after a restart', async () => {
  startPump();
  const before = await untilCaughtUp();
  await stopAll();
  await bus.append(['train-a'], 5);
  handled = [];
  startPump();
  await untilCaughtUp();
  expect(positions()).toEqual(upTo(before + 5).slice(before));
});

it('handles again what its database may have forgotten: a position counts on the connection of its lock alone', async () => {
  await bus.append(['train-a']);
  startPump();
  const before = await untilCaughtUp();
  const blocker = await bus.pool.connect();
  await blocker.query('begin');
  await blocker.query('select from bus.consumers where name = $1 for update', [consumer]);
  await bus.append(['train-a'], 3);
  const news = () => positions().filter((position) => position > before);
  await until('the news are handled', () => news().length === 3);
  await killHoldersOfLocks();
  await blocker.query('rollback');
  blocker.release();
  await until('they are handled again', () => news().length === 6);
  expect(news().slice(3)).toEqual(news().slice(0, 3));
}, 20_000);

it('is harmed by no message: doubled, out of order, of nothing, of what is long past', async () => {
  startRelay();
  startPump({ doorbell: jetStreamDoorbell() });
  await untilConsumerIsThere();
  const ring = async (position: string) => {
    const header = headers();
    header.set(POSITION_HEADER, position);
    await bus.nats.flush();
    bus.nats.publish('vt.event.acme.train-paused.train-a', 'not even JSON', { headers: header });
  };
  for (const position of ['1', '1', '999999999', '-1', 'x', '', '3', '2']) await ring(position);
  await bus.append(['train-a', 'train-b'], 50);
  await untilAllHandledOnce();

  // None of them is kept for us, or comes again.
  const { consumers } = await bus.manager;
  await until('all were delivered', async () => {
    const { num_pending, num_ack_pending } = await consumers.info(bus.topology.name, consumer);
    return num_pending + num_ack_pending === 0;
  });
});

it('finds nothing wrong with a stream that the ledger has not made yet', async () => {
  const { streams } = await bus.manager;
  await streams.delete(bus.topology.name).catch(() => undefined);
  const before = bus.logged.length;
  startPump({ doorbell: jetStreamDoorbell() });
  const waits = 'debug the ledger has not made the stream yet, polling meanwhile';
  await until('the doorbell looked', async () => bus.logged.slice(before).includes(waits));
  startRelay();
  await untilConsumerIsThere();
  expect(bus.logged.slice(before)).not.toContain('warn no doorbell, polling meanwhile');
});

it('loses nothing when JetStream is deleted under it', async () => {
  startRelay();
  startPump({ doorbell: jetStreamDoorbell() });
  await untilCaughtUp();
  await untilConsumerIsThere();
  const { streams } = await bus.manager;
  await streams.delete(bus.topology.name);
  await bus.append(['train-a', 'train-d'], 50);
  await untilAllHandledOnce();
  // And it rings again, on a stream and a consumer that are new.
  await untilConsumerIsThere();
}, 20_000);

it('waits out an outage, and parks nothing', async () => {
  let failures = 4;
  startPump({
    handle: async (event) => {
      if (event.stream === 'train-b' && failures-- > 0) throw new Unavailable('the tracker is away');
      await remember(event);
    },
  });
  await untilAllHandledOnce();
  expect(await listParked(bus.pool, { consumer })).toEqual([]);
});

it('takes a refusal for an answer', async () => {
  startPump({ handle: () => Promise.reject(new Rejection('too-late', 'the train has ended')) });
  await untilCaughtUp();
  expect(await listParked(bus.pool, { consumer })).toEqual([]);
});

it('parks the stream of an event that it can not handle, and no other, until it is replayed in order', async () => {
  let broken = true;
  const handle = async (event: Positioned) => {
    if (broken && event.stream === 'train-b' && event.version >= 10) throw new TypeError('x is not a function');
    await remember(event);
  };
  startPump({ handle });
  const last = await untilCaughtUp();
  const { rows } = await bus.pool.query<{ waiting: string }>(
    `select count(*) as waiting from es.event where stream = 'train-b' and version >= 10`,
  );
  const waiting = Number(rows[0]!.waiting);
  const parked = await listParked(bus.pool, { consumer });
  expect(parked).toHaveLength(waiting);
  expect(parked[0]).toMatchObject({ stream: 'train-b', reason: 'TypeError: x is not a function', tries: 1 });
  expect(parked[1]).toMatchObject({ stream: 'train-b', tries: 0 });
  expect(handled).toHaveLength(last - waiting);
  expect(bus.logged).toContain('error parked with the rest of its stream: mend the cause, then replay');

  // What comes later waits too, also after a restart.
  await stopAll();
  startPump({ handle });
  await bus.append(['train-b', 'train-a'], 1);
  await untilCaughtUp();
  expect(await listParked(bus.pool, { consumer })).toHaveLength(waiting + 1);

  // A replay that fails leaves everything as it is.
  expect(await replayParked(bus.pool, { consumer, stream: 'train-b' })).toBe(waiting + 1);
  await until('it was tried again', async () => (await listParked(bus.pool, { consumer }))[0]?.tries === 2);
  await until('and refused', async () => {
    const asked = await bus.pool.query('select from bus.parked where consumer = $1 and replay', [consumer]);
    return asked.rowCount === 0;
  });
  expect(await listParked(bus.pool, { consumer })).toHaveLength(waiting + 1);

  broken = false;
  await replayParked(bus.pool, { consumer });
  await until('nothing is parked', async () => (await listParked(bus.pool, { consumer })).length === 0);
  await bus.append(['train-b'], 1);
  await untilAllHandledOnce();
  expect(versionsOf('train-b')).toEqual(upTo(versionsOf('train-b').length));
}, 20_000);

it('works in one instance at a time; when its connection dies, one of them goes on', async () => {
  const by = { first: 0, second: 0 };
  const handleAs = (name: 'first' | 'second') => async (event: Positioned) => {
    by[name] += 1;
    await remember(event);
  };
  const [first, second] = [new Locks(bus.pool), new Locks(bus.pool)];
  stops.push(
    () => first.close(),
    () => second.close(),
  );
  startPump({ handle: handleAs('first'), locks: first });
  await until('the first is at work', () => by.first > 0);
  startPump({ handle: handleAs('second'), locks: second });
  await bus.append(['train-a', 'train-b'], 20);
  const last = await untilCaughtUp();
  expect(by).toEqual({ first: last, second: 0 });

  expect(await killHoldersOfLocks()).toBeGreaterThan(0);
  await bus.append(['train-a', 'train-b'], 20);
  await untilAllHandledOnce();
}, 20_000);

it('parks what stays unavailable while its like comes through, and nothing in an outage', async () => {
  await bus.append(['train-unreadable'], 2);
  let [broken, away, triesInOutage] = [true, true, 0];
  startRelay();
  startPump({
    doorbell: jetStreamDoorbell(),
    handle: async (event) => {
      if (broken && event.stream === 'train-unreadable') throw new Unavailable('the store did not give the file');
      await remember(event);
    },
  });
  const unlucky = consumer;
  consumer = `${consumer}-in-outage`;
  startPump({
    handle: (event) => {
      if (away && event.position === 1) triesInOutage += 1;
      return away ? Promise.reject(new Unavailable('the store is away')) : Promise.resolve();
    },
  });

  // Its like comes through: what was there, and what comes later.
  const parked = () => listParked(bus.pool, { consumer: unlucky });
  await until('it is parked', async () => {
    await bus.append(['train-readable']);
    return (await parked()).length === 2;
  });
  expect(await parked()).toMatchObject([
    { stream: 'train-unreadable', reason: 'Unavailable: the store did not give the file' },
    { stream: 'train-unreadable', tries: 0 },
  ]);
  const [{ tries } = { tries: 0 }] = await parked();
  expect(tries).toBeGreaterThan(8);
  await until('the outage has lasted as long', () => triesInOutage > tries);
  expect(await savedPosition()).toBe(0);
  expect(await listParked(bus.pool, { consumer })).toEqual([]);
  away = false;
  await untilCaughtUp();
  expect(await listParked(bus.pool, { consumer })).toEqual([]);

  // Nobody waits for a replay that fails.
  consumer = unlucky;
  await replayParked(bus.pool, { consumer });
  await until('it was tried once more', async () => (await parked())[0]?.tries === tries + 1);
  broken = false;
  await replayParked(bus.pool, { consumer });
  await until('nothing is parked', async () => (await parked()).length === 0);
  await untilAllHandledOnce();
  expect(versionsOf('train-unreadable')).toEqual([1, 2]);
}, 60_000);

it('keeps its position before an event that is still tried, while the others go on', async () => {
  let away = true;
  const handle = async (event: Positioned) => {
    if (away && event.stream === 'train-slow') throw new Unavailable('the tracker is away');
    await remember(event);
  };
  const before = await bus.feed.lastPosition();
  await bus.append(['train-slow']);
  startPump({ handle });
  await bus.append(['train-a'], 1_200);
  await bus.append(['train-slow']);
  const last = await bus.feed.lastPosition();
  await until('all others are handled', () => handled.length === last - 2);
  await stopAll();
  expect(await savedPosition()).toBe(before);

  handled = [];
  away = false;
  startPump({ handle });
  await untilCaughtUp();
  expect(versionsOf('train-slow')).toEqual([1, 2]);
}, 20_000);
