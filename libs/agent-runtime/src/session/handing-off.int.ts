import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import { sessionStream, type Agent } from '@vt/contracts';
import { Rejection, type TicketId } from '@vt/kernel';
import { offerOf, type SessionCommand, type SessionEvent } from '@vt/value-train';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Action } from '../action.ts';
import { noted, noting, until } from '../testing/noting.ts';
import { envelope, pipelineOf, Workshop, type ActionInput } from '../testing/workshop.ts';
import { TicketWorker } from '../work/ticket-worker.ts';
import { WorkItems, type Opened } from '../work/work-items.ts';

jest.setTimeout(60_000);

const LEASE_MS = 1_500;
let workshop: Workshop;
let child: ChildProcess | undefined;
const stops: (() => Promise<void>)[] = [];
beforeEach(async () => {
  workshop = await Workshop.open(LEASE_MS);
});
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
  child?.kill('SIGKILL');
  await workshop.demolish();
});

const MODE = { agents: ['lab', 'studio'] as Agent[], tools: ['lab.*', 'studio.*', 'human'] };
/** Reads, lets the studio score what was read, and tells of it. */
const ACTIONS: readonly ActionInput[] = [
  { id: 'read' },
  { id: 'score', by: 'studio', tool: 'studio.score', needs: ['read'] },
  { id: 'tell', needs: ['score'] },
];

/** One agent at work, as its service has it; `hears` is what the service does with the events of both sessions. */
function agent(name: Agent, actions: readonly ActionInput[], tools: Record<string, Action>) {
  const items = new WorkItems(workshop.subscriber, name, LEASE_MS);
  const session = { ...workshop.dependencies(pipelineOf(actions, MODE), tools), pack: { name, tools } };
  const worker = new TicketWorker({ items, session, sessionsMax: 2, log: session.log });
  const stop = new AbortController();
  const ran = worker.run(stop.signal);
  const end = async () => {
    stop.abort();
    await ran;
  };
  stops.push(end);
  const hear = async ({ tenant, event, ...rest }: Heard) => {
    const { type, data } = event;
    if (type === 'HandoffOffered' && data.to === name)
      await items.add({ tenant, ...rest, event, position: 1 } as Opened);
    if (type === 'HandoffWithdrawn' && data.to === name) {
      await items.callOff(tenant, data.handoff, data.reason);
      await worker.beat();
    }
    if ((type === 'HandoffReturned' || type === 'HandoffReversed') && data.from === name) {
      await items.answered(tenant, data.of);
      worker.hear(tenant, data.of);
    }
    worker.wake();
  };
  return { hear, end, items };
}
type Train = Awaited<ReturnType<Workshop['train']>>;
type Heard = Awaited<ReturnType<typeof newsOf>>[number];

/** Every event of a session and of what it handed off, once each. */
async function newsOf({ tenant, ticket }: Train) {
  const own = await workshop.store.read<SessionEvent>(tenant, sessionStream(ticket.ticketId));
  const offers = own.flatMap(({ event }) => (event.type === 'HandoffOffered' ? [event.data.handoff] : []));
  const theirs = await Promise.all(offers.map((id) => workshop.store.read<SessionEvent>(tenant, sessionStream(id))));
  return [...own, ...theirs.flat()].map((recorded) => ({ ...recorded, tenant }));
}

/** Tells the agents what happens, some of it twice, until it is so. */
async function telling(
  train: Train,
  agents: readonly { hear(news: Heard): Promise<void> }[],
  condition: () => Promise<boolean>,
) {
  const told = new Map<string, number>();
  await until(async () => {
    for (const news of await newsOf(train)) {
      const times = told.get(news.id) ?? 0;
      if (times >= 2) continue;
      told.set(news.id, times + 1);
      for (const each of agents) await each.hear(news);
    }
    return condition();
  });
}

const log = ({ tenant }: Train, ticketId: TicketId | string) => workshop.session({ tenant, ticketId });
const offersOf = async (train: Train) =>
  (await log(train, train.ticket.ticketId)).flatMap((event) => (event.type === 'HandoffOffered' ? [event.data] : []));
const typesOf = (events: readonly SessionEvent[]) => events.map(({ type }) => type);
const isOver =
  (train: Train, type = 'WorkSubmitted') =>
  async () =>
    typesOf(await log(train, train.ticket.ticketId)).includes(type as SessionEvent['type']);

const labTools = (): Record<string, Action> => ({
  ...noting(workshop.address.folder, ACTIONS),
  'lab.read': async ({ write, fact, decide }) => {
    await write('work/rows.md', '12 rows');
    fact('rows', 12);
    decide('Take all rows', 'they are few', []);
    return { rows: 12 };
  },
  'lab.tell': async ({ result, read, write }) => {
    const { auc } = await result<{ auc: number }>('score');
    await write('work/told.md', `${auc}: ${(await read('work/score.md')).toString()}`);
  },
});
const score: Action = async ({ ticket, result, read, write, fact, learn }) => {
  const { rows } = await result<{ rows: number }>('read');
  await write('work/score.md', `${(await read('work/rows.md')).toString()} by ${ticket.agent}`);
  fact('auc', 0.8);
  learn('few rows are enough', `${rows}`);
  return { auc: 0.8 };
};

it('is offered, accepted and returned: the other starts from a bundle, and each session has one writer', async () => {
  const train = await workshop.train(pipelineOf(ACTIONS, MODE));
  const agents = [agent('lab', ACTIONS, labTools()), agent('studio', ACTIONS, { 'studio.score': score })];
  await telling(train, agents, isOver(train));
  const own = await log(train, train.ticket.ticketId);
  const [offer, ...others] = await offersOf(train);
  expect(others).toEqual([]);
  expect(offer).toMatchObject({ action: 'score', from: 'lab', to: 'studio', needs: ['read'] });
  expect(offerOf(offer!.handoff)).toEqual({ action: 'score', of: train.ticket.ticketId });
  const theirs = await log(train, offer!.handoff);
  expect(typesOf(theirs)).toEqual(['HandoffAccepted', 'ActionCompleted', 'HandoffReturned']);
  expect(theirs[0]).toMatchObject({ data: { agent: 'studio', bundle: offer!.bundle, of: train.ticket.ticketId } });

  const done = own.flatMap((event) => (event.type === 'ActionCompleted' ? [event.data] : []));
  expect(done.map(({ action, agent: by, handoff }) => [action, by, handoff])).toEqual([
    ['read', 'lab', undefined],
    ['score', 'studio', offer!.handoff],
    ['tell', 'lab', undefined],
  ]);
  expect(done[1]).toMatchObject({
    facts: { auc: 0.8 },
    learnings: [{ learning: 'few rows are enough', evidence: '12' }],
  });
  const submitted = own.at(-1)!;
  expect(submitted).toMatchObject({ type: 'WorkSubmitted', data: { checklist: ['read', 'score', 'tell'] } });
  const told = done[2]!.artifacts[0]!;
  expect((await workshop.artifacts.read(told.digest)).toString()).toBe('0.8: 12 rows by studio');
  // While it was out, nobody held the ticket.
  expect(own.find(({ type }) => type === 'SessionPaused')).toMatchObject({
    data: { reason: 'waits for studio: score' },
  });
});

it('goes on with what does not need it, and takes it in while something else runs', async () => {
  const [back, scored] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const actions: readonly ActionInput[] = [...ACTIONS, { id: 'draw' }];
  const tools: Record<string, Action> = { ...labTools(), 'lab.draw': () => back.promise };
  const train = await workshop.train(pipelineOf(actions, MODE));
  const studio = agent('studio', actions, {
    'studio.score': async (context) => {
      await scored.promise;
      return score(context);
    },
  });
  const agents = [agent('lab', actions, tools), studio];
  scored.resolve();
  // Drawing has not ended when telling has, which needs the score.
  const hasTold = async () =>
    (await log(train, train.ticket.ticketId)).some(
      (event) => event.type === 'ActionCompleted' && event.data.action === 'tell',
    );
  await telling(train, agents, hasTold);
  back.resolve();
  await telling(train, agents, isOver(train));
  expect(typesOf(await log(train, train.ticket.ticketId))).not.toContain('SessionPaused');
});

it('is reversed when it can not be done: a failed try, which stops what needs it and nothing else', async () => {
  const actions: readonly ActionInput[] = [
    { id: 'read' },
    { id: 'score', by: 'studio', tool: 'studio.score', required: false },
    { id: 'tell', needs: ['score'], required: false },
  ];
  const refusing: Action = async () => {
    throw new Rejection('no-model', 'there is no model to score with');
  };
  const train = await workshop.train(pipelineOf(actions, MODE));
  await telling(
    train,
    [agent('lab', actions, labTools()), agent('studio', actions, { 'studio.score': refusing })],
    isOver(train),
  );
  const own = await log(train, train.ticket.ticketId);
  const [offer] = await offersOf(train);
  expect(typesOf(await log(train, offer!.handoff)).slice(-2)).toEqual(['ActionFailed', 'HandoffReversed']);
  expect(own.find(({ type }) => type === 'ActionFailed')).toMatchObject({
    data: { action: 'score', agent: 'studio', kind: 'permanent', handoff: offer!.handoff, usage: { wallMs: 0 } },
  });
  expect(own.at(-1)).toMatchObject({ type: 'WorkSubmitted', data: { checklist: ['read'] } });
});

it('goes back by a bundle that is no good, and is offered again with another', async () => {
  const train = await workshop.train(pipelineOf(ACTIONS, MODE));
  const lab = agent('lab', ACTIONS, labTools());
  await telling(train, [lab], async () => (await offersOf(train)).length === 1);
  const [first] = await offersOf(train);
  const lost = workshop.artifacts;
  const path = join(workshop.address.folder, 'artifacts');
  const { readdir, rm } = await import('node:fs/promises');
  const names = await readdir(path, { recursive: true });
  const hex = first!.bundle.slice('sha256:'.length);
  for (const name of names.filter((each) => hex.endsWith(each.split('/').at(-1)!.slice(-50))))
    await rm(join(path, name));
  await expect(lost.read(first!.bundle)).rejects.toThrow();
  await telling(train, [lab, agent('studio', ACTIONS, { 'studio.score': score })], isOver(train));
  expect(typesOf(await log(train, first!.handoff))).toEqual(['HandoffAccepted', 'BundleRejected', 'HandoffReversed']);
  const [, second] = await offersOf(train);
  expect(typesOf(await log(train, second!.handoff)).at(-1)).toBe('HandoffReturned');
});

it('is called back when its session is cancelled, and stops in its middle', async () => {
  const [begun, stopped] = [Promise.withResolvers<void>(), Promise.withResolvers<unknown>()];
  const slow: Action = async ({ signal }) => {
    signal.addEventListener('abort', () => stopped.resolve(signal.reason));
    begun.resolve();
    await stopped.promise;
  };
  const train = await workshop.train(pipelineOf(ACTIONS, MODE));
  const agents = [agent('lab', ACTIONS, labTools()), agent('studio', ACTIONS, { 'studio.score': slow })];
  const hasBegun = begun.promise.then(() => true);
  await telling(train, agents, () => Promise.race([hasBegun, Promise.resolve(false)]));
  await workshop.execute()(
    { type: 'RollBack', ticketId: train.ticket.ticketId, to: 1, reason: 'wrong data', by: 'Olga' } as SessionCommand,
    envelope(train.tenant),
  );
  const [offer] = await offersOf(train);
  await telling(train, agents, async () => typesOf(await log(train, offer!.handoff)).includes('SessionCancelled'));
  await expect(stopped.promise).resolves.toMatchObject({ why: 'cancelled', message: 'wrong data' });
  expect(typesOf(await log(train, train.ticket.ticketId))).toContain('HandoffWithdrawn');
});

it.each([
  ['the agent that works on it', 'studio'],
  ['the agent that offered it', 'lab'],
])('goes on after a kill of %s, and is completed once', async (_, killed) => {
  const hangs = killed === 'studio' ? 'score' : 'draw';
  const actions: readonly ActionInput[] = [...ACTIONS, { id: 'draw' }];
  const train = await workshop.train(pipelineOf(actions, MODE));
  const given = { address: workshop.address, actions, mode: MODE, hangs, leaseMs: LEASE_MS, agent: killed };
  const tools = noting(workshop.address.folder, actions);
  const names: readonly Agent[] = ['lab', 'studio'];
  const others = names.filter((name) => name !== killed).map((name) => agent(name, actions, tools));
  const absent = new WorkItems(workshop.subscriber, killed as Agent, LEASE_MS);
  const queue = {
    hear: async ({ tenant, event, ...rest }: Heard) => {
      if (event.type === 'HandoffOffered' && event.data.to === killed)
        await absent.add({ tenant, ...rest, event, position: 1 } as Opened);
    },
  };
  const script = join(import.meta.dirname, '..', 'testing', 'crashing-agent.ts');
  const flags = ['--conditions=@vt/source', '--experimental-transform-types', '--no-warnings'];
  child = spawn(process.execPath, [...flags, script, JSON.stringify(given)], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const exited = once(child, 'exit');
  await telling(train, [...others, queue], async () => (await noted(workshop.address.folder)).includes(hangs));
  if (killed === 'lab') await telling(train, [...others], async () => (await offersOf(train)).length === 1);
  child.kill('SIGKILL');
  await exited;
  await telling(train, [...others, agent(killed as Agent, actions, tools)], isOver(train));
  const own = await log(train, train.ticket.ticketId);
  const done = own.flatMap((event) => (event.type === 'ActionCompleted' ? [event.data.action] : []));
  expect(done.toSorted()).toEqual(['draw', 'read', 'score', 'tell']);
  expect(await offersOf(train)).toHaveLength(1);
});
