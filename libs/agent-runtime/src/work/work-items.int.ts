import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { FLEET } from '@vt/contracts';
import { TenantId } from '@vt/kernel';
import { ticketIdOf } from '@vt/value-train';
import { envelope, pipelineOf, Workshop } from '../testing/workshop.ts';
import { WorkItems } from './work-items.ts';

jest.setTimeout(30_000);

const pipeline = pipelineOf([{ id: 'work' }]);
const acme = TenantId.parse('acme');
let workshop: Workshop;
beforeAll(async () => {
  workshop = await Workshop.open();
});
afterAll(() => workshop.demolish());

const claimAll = async (owner = 'me') => {
  const claims = await workshop.items.claim(owner, 100);
  // An update gives its rows in no order; each of these is finished, so that the next test finds nothing.
  await Promise.all(claims.map((claim) => workshop.items.finish(owner, claim)));
  return claims.map(({ ticket }) => ticket.ticketId);
};
const expire = (ticketId: string) =>
  workshop.subscriber.query('update work.item set free_at = clock_timestamp() where ticket_id = $1', [ticketId]);

it('queues a ticket once, however often it hears of it', async () => {
  const { trainId, ticket } = await workshop.train(pipeline);
  await workshop.queueLastTicket(acme, trainId);
  await expect(claimAll()).resolves.toEqual([ticket.ticketId]);
  await workshop.queueLastTicket(acme, trainId);
  await expect(claimAll()).resolves.toEqual([]);
});

it('gives each ticket to one of many claimants', async () => {
  const trains = await Promise.all(Array.from({ length: 12 }, () => workshop.train(pipeline)));
  const claimed = await Promise.all(Array.from({ length: 6 }, (_, nth) => claimAll(`claimant ${nth}`)));
  expect(claimed.flat().toSorted()).toEqual(trains.map(({ ticket }) => ticket.ticketId as string).toSorted());
});

it('lets no tenant wait for the whole queue of another', async () => {
  for (let nth = 0; nth < 6; nth += 1) await workshop.train(pipeline, TenantId.parse('busy'));
  for (let nth = 0; nth < 2; nth += 1) {
    const claims = await workshop.items.claim('me', 1);
    expect(claims[0]!.ticket.tenant).toBe('busy');
    await workshop.items.finish('me', claims[0]!);
  }
  await workshop.train(pipeline, TenantId.parse('calm'));
  await workshop.train(pipeline, TenantId.parse('calm'));
  const turns: string[] = [];
  for (let nth = 0; nth < 6; nth += 1) {
    const [claim] = await workshop.items.claim('me', 1);
    turns.push(claim!.ticket.tenant);
    await workshop.items.finish('me', claim!);
  }
  expect(turns.slice(0, 4).filter((tenant) => tenant === 'calm')).toHaveLength(2);
});

it('knows a claim by its fence: the word of an older one changes nothing', async () => {
  const { ticket } = await workshop.train(pipeline);
  const [first] = await workshop.items.claim('slow', 1);
  await expect(workshop.items.claim('quick', 1)).resolves.toEqual([]);
  await expire(ticket.ticketId);
  const [second] = await workshop.items.claim('quick', 1);
  expect([first!.fence, second!.fence]).toEqual([1, 2]);
  expect((await workshop.items.beat('slow', [first!])).size).toBe(0);
  await workshop.items.finish('slow', first!);
  await workshop.items.release('slow', first!);
  expect((await workshop.items.beat('quick', [second!])).get(second!)).toMatchObject({ wish: 'run' });
  await workshop.items.finish('quick', second!);
});

it('tells an owner whose lease ran out that it still has the ticket, when nobody else took it', async () => {
  const { ticket } = await workshop.train(pipeline);
  const [claim] = await workshop.items.claim('slow', 1);
  await expire(ticket.ticketId);
  expect((await workshop.items.beat('slow', [claim!])).size).toBe(1);
  await expect(workshop.items.claim('quick', 1)).resolves.toEqual([]);
  await workshop.items.finish('slow', claim!);
});

it('has a claim on disk before anybody works under its fence', async () => {
  await workshop.train(pipeline);
  const written = async (how: 'insert' | 'flush') => {
    const { rows } = await workshop.subscriber.query<{ lsn: string }>(`select pg_current_wal_${how}_lsn() as lsn`);
    return rows[0]!.lsn;
  };
  const before = await written('insert');
  const [claim] = await workshop.items.claim('me', 1);
  const flushed = await written('flush');
  const { rows } = await workshop.subscriber.query('select $1::pg_lsn > $2::pg_lsn as durable', [flushed, before]);
  expect(rows).toEqual([{ durable: true }]);
  await workshop.items.finish('me', claim!);
});

it('takes in tickets that come together, but for one that can not be', async () => {
  const { ticket } = await workshop.train(pipeline);
  await claimAll();
  const idOf = (name: string) => ticketIdOf(ticket.trainId, name, 1, 1);
  const add = (name: string, id = `train@${name}`) =>
    workshop.items.add({
      ...{ id, tenant: acme, stream: 'train', version: 1, position: 1, hash: '' },
      ...envelope(acme),
      event: { type: 'TicketOpened', data: { ...ticket, ticketId: idOf(name) } },
    });
  const added = await Promise.allSettled([add('a'), add('b'), add('c', 'nothing can be called \0'), add('d')]);
  expect(added.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
  expect((await claimAll()).toSorted()).toEqual(['a', 'b', 'd'].map(idOf));
});

it('gives an owner back at once what it left when it died', async () => {
  const { ticket } = await workshop.train(pipeline);
  await workshop.items.claim('station', 1);
  await workshop.items.takeBack('another');
  await expect(workshop.items.claim('station', 1)).resolves.toEqual([]);
  await workshop.items.takeBack('station');
  await expect(claimAll('station')).resolves.toEqual([ticket.ticketId]);
});

it('keeps what is called off, called off, and has it claimed under a pause to be ended', async () => {
  const { ticket, trainId } = await workshop.train(pipeline);
  const train = { tenant: acme, scope: 'train', subject: trainId } as const;
  await workshop.items.cancel(TenantId.parse('other'), trainId, 'not theirs');
  await workshop.pause(train);
  await expect(workshop.items.claim('me', 1)).resolves.toEqual([]);
  await workshop.items.cancel(acme, trainId, 'declined');
  await workshop.lift(train);
  await workshop.pause(train);
  const [claim] = await workshop.items.claim('me', 1);
  expect(claim).toMatchObject({ ticket: { ticketId: ticket.ticketId }, wish: 'cancel', wishReason: 'declined' });
  await workshop.items.finish('me', claim!);
});

it.each(['session', 'ticket', 'train', 'agent', 'tenant', 'fleet'] as const)(
  'gives out nothing that the pause of its %s covers, old or new, and everything else',
  async (scope) => {
    const tenant = TenantId.parse(`paused-${scope}`);
    const other = TenantId.parse('not-paused');
    const { ticket, trainId } = await workshop.train(pipeline, tenant);
    const free = await workshop.train(pipeline, other);
    const { ticketId: old } = ticket;
    const subject = { session: old, ticket: old, train: trainId, agent: 'lab', tenant: '', fleet: '' }[scope];
    const what = { tenant: scope === 'fleet' ? FLEET : tenant, scope, subject };
    await workshop.pause(what);
    const next = { ...free.ticket, trainId, ticketId: ticketIdOf(trainId, 'next', 1, 1) };
    await workshop.items.add({
      ...{ id: `train@${scope}`, stream: 'train', version: 1, position: 1, hash: '', ...envelope(tenant) },
      event: { type: 'TicketOpened', data: next },
    });
    const one = scope === 'session' || scope === 'ticket';
    const expected = scope === 'fleet' ? [] : [free.ticket.ticketId, ...(one ? [next.ticketId] : [])];
    expect((await claimAll()).toSorted()).toEqual(expected.toSorted());
    await workshop.lift(what);
    const left = [old, free.ticket.ticketId, next.ticketId].filter((id) => !expected.includes(id));
    expect((await claimAll()).toSorted()).toEqual(left.toSorted());
  },
);

it('gives a ticket out only when the last of the pauses that cover it is lifted, whatever comes late or again', async () => {
  const { ticket, trainId } = await workshop.train(pipeline);
  const tenant = { tenant: acme, scope: 'tenant', subject: '' } as const;
  const train = { tenant: acme, scope: 'train', subject: trainId } as const;
  const [claim] = await workshop.items.claim('me', 1);
  const held = async () => (await workshop.items.beat('me', [claim!])).get(claim!)?.held;
  await workshop.pause(tenant);
  await workshop.pause(train);
  await expect(held()).resolves.toBe(true);
  await workshop.lift(tenant);
  // An event that was handled before comes again.
  await workshop.pauses.apply({
    tenant: acme,
    version: 1,
    event: { type: 'PausePlaced', data: { scope: 'tenant', subject: '', by: 'olga', reason: 'late', incident: null } },
  });
  await expect(workshop.pauses.stands(acme, 'tenant')).resolves.toBe(false);
  await expect(held()).resolves.toBe(true);
  await workshop.lift(train);
  await expect(held()).resolves.toBe(false);
  await workshop.items.release('me', claim!);
  await expect(claimAll()).resolves.toEqual([ticket.ticketId]);
});

it('loses no ticket that is added while pauses come and go', async () => {
  const tenant = TenantId.parse('busy-pauses');
  const what = { tenant, scope: 'tenant', subject: '' } as const;
  const trains: Promise<unknown>[] = [];
  const claimed: string[] = [];
  for (let round = 0; round < 20; round += 1) {
    trains.push(workshop.train(pipeline, tenant));
    await workshop.pause(what);
    // Whatever was added before the pause or after it: nothing of it is given out while it stands.
    await expect(workshop.items.claim('me', 100)).resolves.toEqual([]);
    await workshop.lift(what);
    claimed.push(...(await claimAll()));
  }
  const all = (await Promise.all(trains)) as { ticket: { ticketId: string } }[];
  claimed.push(...(await claimAll()));
  expect(claimed.toSorted()).toEqual(all.map(({ ticket }) => ticket.ticketId).toSorted());
});

it('gives an agent its own tickets only', async () => {
  await workshop.train(pipeline);
  await expect(new WorkItems(workshop.subscriber, 'ops').claim('me', 10)).resolves.toEqual([]);
  await claimAll();
});
