import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Pool } from 'pg';
import type { Action } from '../action.ts';
import { noted, noting, until } from '../testing/noting.ts';
import { pipelineOf, Workshop, type ActionInput } from '../testing/workshop.ts';
import { TicketWorker } from '../work/ticket-worker.ts';
import { WorkItems } from '../work/work-items.ts';

jest.setTimeout(60_000);

const LEASE_MS = 1_500;
let workshop: Workshop;
let child: ChildProcess | undefined;
beforeEach(async () => {
  workshop = await Workshop.open(LEASE_MS);
});
afterEach(async () => {
  child?.kill('SIGKILL');
  await workshop.demolish();
});

/** Starts another process on the ticket, kills it in the middle of an action, and lets this process go on. */
const killedIn = async (
  hangs: string,
  actions: readonly ActionInput[],
  ending: string,
  workGates?: Parameters<typeof pipelineOf>[2],
) => {
  const { address, items } = workshop;
  const pipeline = pipelineOf(actions, {}, workGates);
  const { tenant, ticket } = await workshop.train(pipeline);
  const script = join(import.meta.dirname, '..', 'testing', 'crashing-agent.ts');
  const flags = ['--conditions=@vt/source', '--experimental-transform-types', '--no-warnings'];
  const given = JSON.stringify({ address, actions, hangs, leaseMs: LEASE_MS, workGates });
  child = spawn(process.execPath, [...flags, script, given], { stdio: ['ignore', 'inherit', 'inherit'] });
  await until(async () => (await noted(address.folder)).includes(hangs));
  child.kill('SIGKILL');
  await once(child, 'exit');

  const session = workshop.dependencies(pipeline, noting(address.folder, actions));
  const stop = new AbortController();
  const ran = new TicketWorker({ items, session, sessionsMax: 1, log: session.log }).run(stop.signal);
  const events = () => workshop.session({ ...ticket, tenant });
  await until(async () => (await events()).some(({ type }) => type === ending));
  stop.abort();
  await ran;
  return { events: await events(), notes: await noted(address.folder) };
};

it('goes on at the first action that was not completed, and does no completed action twice', async () => {
  const actions = [{ id: 'first' }, { id: 'second', needs: ['first'] }, { id: 'third', needs: ['second'] }];
  const { events, notes } = await killedIn('second', actions, 'WorkSubmitted');
  expect(notes).toEqual(['first', 'second', 'second', 'third']);
  expect(events.map(({ type }) => type)).toEqual([
    'SessionStarted',
    'ActionCompleted',
    'BundleSaved',
    'SessionResumed',
    'ActionCompleted',
    'ActionCompleted',
    'WorkSubmitted',
  ]);
  expect(events.at(-1)!.data).toMatchObject({
    checklist: ['first', 'second', 'third'],
    facts: { first: true, second: true, third: true },
  });
});

it('goes on in the work phase that it was killed in, and does nothing again of those before', async () => {
  const actions: ActionInput[] = [
    { id: 'look', during: 'research', produces: ['work/look.md'], reports: ['look'] },
    { id: 'plan', during: 'plan', produces: ['work/plan.md'], reports: ['plan'] },
    { id: 'fit' },
  ];
  const known = (fact: string) => ({
    ...{ id: fact, says: 'It is done.', check: { kind: 'fact' as const, fact, op: '==' as const, value: true } },
  });
  const gates = { research: [known('look')], plan: [known('plan')] };
  const { events, notes } = await killedIn('plan', actions, 'WorkSubmitted', gates);
  expect(notes).toEqual(['look', 'plan', 'plan', 'fit']);
  expect(events.map(({ type, data }) => (type === 'WorkPhaseEntered' ? data.workPhase : type))).toEqual([
    ...['SessionStarted', 'ActionCompleted', 'BundleSaved', 'plan', 'BundleSaved', 'SessionResumed'],
    ...['ActionCompleted', 'BundleSaved', 'implement', 'ActionCompleted', 'WorkSubmitted'],
  ]);
});

it('tells an action that can look first that it may have happened', async () => {
  const { notes } = await killedIn('deploy', [{ id: 'deploy', retry: 'reconcilable' }], 'WorkSubmitted');
  expect(notes).toEqual(['deploy', 'deploy again']);
});

it('never does a second time what may be done once, and asks a person', async () => {
  const { events, notes } = await killedIn('send', [{ id: 'send', retry: 'at-most-once' }], 'WorkAbandoned');
  expect(notes).toEqual(['send']);
  expect(events.slice(-2).map(({ type, data }) => [type, data])).toMatchObject([
    ['ActionFailed', { kind: 'unknown' }],
    ['WorkAbandoned', { reasons: [expect.stringContaining('a person must look')] }],
  ]);
});

it('stops its work before another may begin it, when the database does not answer', async () => {
  const { address } = workshop;
  // Without limits of its own, as when the network swallows what is said.
  const patient = new Pool({ connectionString: address.url, options: '-c role=vt_subscriber' });
  const silence = await patient.connect();
  try {
    const items = new WorkItems(patient, 'lab', LEASE_MS);
    const [begun, stopped] = [Promise.withResolvers<void>(), Promise.withResolvers<unknown>()];
    const slow: Action = async ({ signal }) => {
      signal.addEventListener('abort', () => stopped.resolve(signal.reason));
      begun.resolve();
      await stopped.promise;
    };
    await workshop.train(pipelineOf([{ id: 'slow' }]));
    const session = workshop.dependencies(pipelineOf([{ id: 'slow' }]), { 'lab.slow': slow });
    const stop = new AbortController();
    const ran = new TicketWorker({ items, session, sessionsMax: 1, log: session.log }).run(stop.signal);
    await begun.promise;
    await silence.query('begin');
    await silence.query('lock table work.item in share mode');
    await expect(stopped.promise).resolves.toMatchObject({ why: 'lost', message: 'the lease could not be renewed' });
    stop.abort();
    await silence.query('rollback');
    await ran;
  } finally {
    silence.release();
    await patient.end();
  }
});
