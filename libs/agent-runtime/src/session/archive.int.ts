import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import type { EventOf } from '@vt/contracts';
import type { Digest } from '@vt/kernel';
import type { SessionCommand } from '@vt/value-train';
import type { Action } from '../action.ts';
import { ArtifactDamaged, digestOf } from '../artifacts/artifact-store.ts';
import { scriptedModel } from '../tools/model.ts';
import { noting, until } from '../testing/noting.ts';
import { envelope, pipelineOf, Workshop } from '../testing/workshop.ts';
import { WorkItems } from '../work/work-items.ts';
import { TicketWorker } from '../work/ticket-worker.ts';
import { archiveSession } from './archive.ts';
import { Bundles } from './bundles.ts';

jest.setTimeout(60_000);

const never = new AbortController().signal;
const ACTIONS = [{ id: 'first' }, { id: 'second', needs: ['first'] }];
const pipeline = pipelineOf(ACTIONS);
let workshop: Workshop;
beforeAll(async () => {
  workshop = await Workshop.open();
});
afterAll(() => workshop.demolish());

const dependencies = (tools: Record<string, Action> = {}) =>
  workshop.dependencies(pipeline, { ...noting(workshop.address.folder, ACTIONS), ...tools });
type Train = Omit<Awaited<ReturnType<Workshop['train']>>, 'say'>;
const log = ({ tenant, ticket }: Train) => workshop.session({ ...ticket, tenant });
const typesOf = async (train: Train) => (await log(train)).map(({ type }) => type);
const isArchived = async ({ ticket }: Train) => {
  const { rows } = await workshop.subscriber.query<{ archived: boolean }>(
    'select archived from work.item where ticket_id = $1',
    [ticket.ticketId],
  );
  return rows[0]!.archived;
};
/** What the service does when it hears that a train has ended. */
const end = ({ tenant, trainId }: Train) => workshop.items.cancel(tenant, trainId, 'the train came to its end');

/** Works until it is so. */
const workUntil = async (
  condition: () => Promise<boolean>,
  { items = workshop.items, session = dependencies(), sessionsMax = 4 } = {},
) => {
  const stop = new AbortController();
  const ran = new TicketWorker({ items, session, sessionsMax, log: session.log }).run(stop.signal);
  await until(condition).finally(() => stop.abort());
  await ran;
};
/** A train whose one session was submitted. */
const ridden = async () => {
  const train = await workshop.train(pipeline);
  await workUntil(async () => (await typesOf(train)).includes('WorkSubmitted'));
  return train;
};

it('is made of a session when its train has ended: its last bundle is kept, and found again', async () => {
  const train = await ridden();
  await end(train);
  await workUntil(() => isArchived(train));
  const events = await log(train);
  expect(events.map(({ type }) => type).slice(-2)).toEqual(['WorkSubmitted', 'SessionArchived']);
  const { data } = events.at(-1)! as Extract<(typeof events)[number], { type: 'SessionArchived' }>;
  expect(data).toMatchObject({ sourceVersion: events.length - 1, tokenizer: 'o200k_base', learnings: 0 });
  expect(data.waived.map(({ law }) => law)).toEqual(['extract-learnings', 'improve']);

  const ticket = { ...train.ticket, tenant: train.tenant };
  const found = await dependencies().bundles.make(ticket);
  expect(found).toMatchObject({ archived: true, problems: [], ref: { bundle: data.bundle } });
  expect(found!.bundle.state).toMatchObject({ status: 'submitted', completed: ['first', 'second'] });

  // What is told of it is what was kept, and not what one would make of its log today; and what was damaged is told of.
  const { workbench, artifacts } = dependencies();
  const tellingFrom = async (kept: (content: Buffer) => Buffer) => {
    const read = async (digest: Digest) =>
      digest === data.bundle ? kept(await artifacts.read(digest)) : artifacts.read(digest);
    return (await new Bundles(workshop.store, { put: artifacts.put, read }, workbench).make(ticket))!;
  };
  const other = await tellingFrom((content) => Buffer.from(content.toString().replace('submitted', 'abandoned')));
  expect(other.bundle.state.status).toBe('abandoned');
  const damaged = await tellingFrom((content) => {
    throw new ArtifactDamaged(data.bundle, digestOf(content.subarray(1)));
  });
  expect(damaged.bundle.state.status).toBe('submitted');
  expect(damaged.problems).toEqual([expect.stringContaining('is damaged')]);
});

it('has words of a model, which are metered; useless ones are left out, and who may not be asked is not', async () => {
  const said = ['The work was done, first and then second.', 'It made 41 files.', 'word '.repeat(3_000)];
  const answers = said.map((text) => ({ text, tokens: { input: 500, output: 20 } }));
  const archivedWith = async (answer: (typeof answers)[number], tools?: string[]) => {
    const train = await workshop.train(tools ? pipelineOf(ACTIONS, { tools }) : pipeline);
    await workUntil(async () => (await typesOf(train)).includes('WorkSubmitted'));
    await end(train);
    const model = { ...scriptedModel(() => ''), write: () => Promise.resolve(answer) };
    await workUntil(() => isArchived(train), { session: { ...dependencies(), model } });
    const { data } = (await log(train)).at(-1)! as EventOf<'SessionArchived'>;
    const kept = await dependencies().bundles.make({ ...train.ticket, tenant: train.tenant });
    expect(kept).toMatchObject({ archived: true, problems: [], ref: { bundle: data.bundle } });
    return { summary: kept!.bundle.summary, tokens: data.usage?.tokens };
  };
  const spent = [{ model: 'scripted', input: 500, output: 20 }];
  expect(await archivedWith(answers[0]!)).toEqual({ summary: said[0], tokens: spent });
  expect(await archivedWith(answers[1]!)).toEqual({ summary: undefined, tokens: spent });
  expect(await archivedWith(answers[2]!)).toEqual({ summary: undefined, tokens: spent });
  expect(await archivedWith(answers[0]!, ['lab.*'])).toEqual({ summary: undefined, tokens: undefined });
});

/** A session that somebody began, with no worker at hand. */
const begun = async () => {
  const train = await workshop.train(pipeline);
  const claims = await workshop.items.claim('me', 10);
  const claim = claims.find(({ ticket }) => ticket.trainId === train.trainId)!;
  const { execute } = dependencies();
  const say = (command: SessionCommand) => execute(command, envelope(train.tenant));
  const { ticketId, trainId, phase, cycle, attempt, agent } = train.ticket;
  await say({
    ...{ type: 'StartSession', ticketId, trainId, phase, cycle, attempt, agent, mode: 'build' },
    ...{ permissions: { deny: [], ask: [], allow: ['lab.*'] }, earlierFailures: [], fence: claim.fence },
  });
  return { ...train, claim, say };
};

it('is of a session that was called off, too; where nobody had begun, there is none', async () => {
  const [started, never] = [await begun(), await workshop.train(pipeline)];
  await end(started);
  await end(never);
  await workshop.subscriber.query('update work.item set free_at = clock_timestamp()');
  await workUntil(async () => (await isArchived(started)) && (await isArchived(never)));
  expect((await typesOf(started)).slice(-2)).toEqual(['SessionCancelled', 'SessionArchived']);
  expect(await typesOf(never)).toEqual([]);
});

it('is made once, wherever who made it died', async () => {
  const [claimed, appended] = [await ridden(), await ridden()];
  await end(claimed);
  await end(appended);
  // One died with the session in hand; the other had appended its word, and told nobody.
  const hands = [await workshop.items.claimEnded(), await workshop.items.claimEnded()];
  await expect(workshop.items.claimEnded()).resolves.toBeUndefined();
  const last = hands.find((hand) => hand!.ticket.trainId === appended.trainId)!;
  await archiveSession(last, dependencies(), never);
  await workshop.subscriber.query('update work.item set free_at = clock_timestamp()');
  const both = [dependencies(), dependencies()];
  const done = async () => (await isArchived(claimed)) && (await isArchived(appended));
  await Promise.all(both.map((session) => workUntil(done, { session })));
  // Again, by who does not know that it is done.
  await archiveSession(last, dependencies(), never);
  for (const train of [claimed, appended]) {
    expect((await typesOf(train)).filter((type) => type === 'SessionArchived')).toHaveLength(1);
  }
});

it('comes after tickets: an agent that has one in hand leaves it for later', async () => {
  const ended = await ridden();
  await end(ended);
  const riding = await workshop.train(pipeline);
  // Looks for tickets twice by itself while it is at work: twice, it had nothing else to claim.
  class Counted extends WorkItems {
    looks = 0;
    override claim(owner: string, limit: number) {
      this.looks += 1;
      return super.claim(owner, limit);
    }
  }
  const items = new Counted(workshop.subscriber, 'lab');
  const slow: Action = () => until(() => items.looks > 3);
  await workUntil(() => isArchived(ended), { items, session: dependencies({ 'lab.first': slow }) });
  const atOf = async ({ tenant, ticket }: Train) =>
    (await workshop.store.read(tenant, `session-${ticket.ticketId}`)).at(-1)!;
  const [last, archived] = [await atOf(riding), await atOf(ended)];
  expect([last.event.type, archived.event.type]).toEqual(['WorkSubmitted', 'SessionArchived']);
  expect(archived.at >= last.at).toBe(true);
});

it('is not made of a session that broke a law, and nobody asks again', async () => {
  const train = await begun();
  const session = dependencies();
  // Of an agent that says nothing of what it has learned.
  const { ticketId } = train.ticket;
  await train.say({ type: 'Abandon', ticketId, reasons: ['why'], fence: train.claim.fence });
  await workshop.items.finish('me', train.claim);
  await end(train);
  const errors: string[] = [];
  session.log.error = (_: object, message: string) => void errors.push(message);
  await workUntil(() => isArchived(train), { session });
  expect(await typesOf(train)).toEqual(['SessionStarted', 'WorkAbandoned']);
  expect(errors).toEqual(['a session stays as it is, because it broke a law']);
});
