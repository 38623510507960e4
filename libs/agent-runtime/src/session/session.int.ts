import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { TenantId, TicketId } from '@vt/kernel';
import { Bundle } from '@vt/value-train';
import { readFile } from 'node:fs/promises';
import type { Action } from '../action.ts';
import { digestOf } from '../artifacts/artifact-store.ts';
import { noting, until } from '../testing/noting.ts';
import { envelope, pipelineOf, Workshop, type ActionInput } from '../testing/workshop.ts';
import { scriptedModel } from '../tools/model.ts';
import { completeHumanTask, listHumanTasks } from '../work/human-tasks.ts';
import { TicketWorker } from '../work/ticket-worker.ts';
import type { SessionDependencies } from './session.ts';

jest.setTimeout(30_000);

let workshop: Workshop;
const stopping = new AbortController();
const running: Promise<void>[] = [];
beforeAll(async () => {
  workshop = await Workshop.open();
});
afterAll(async () => {
  stopping.abort();
  await Promise.all(running);
  await workshop.demolish();
});

/** A worker that takes up whatever is queued for a pipeline of these actions, and the train that it finds there. */
interface AtWork extends Partial<SessionDependencies> {
  readonly sessionsMax?: number;
  readonly startedOn?: readonly ActionInput[];
}

const atWork = async (
  actions: readonly ActionInput[],
  tools: Record<string, Action> = {},
  { sessionsMax = 4, startedOn = actions, ...given }: AtWork = {},
) => {
  const pipeline = pipelineOf(actions);
  const train = await workshop.train(pipelineOf(startedOn));
  const all = { ...noting(workshop.address.folder, actions), ...tools };
  const session = { ...workshop.dependencies(pipeline, all), ...given };
  const worker = new TicketWorker({ items: workshop.items, session, sessionsMax, log: session.log });
  const stop = new AbortController();
  const ran = worker.run(AbortSignal.any([stop.signal, stopping.signal]));
  running.push(ran);
  const events = () => workshop.session({ ...train.ticket, tenant: train.tenant });
  const types = async () => (await events()).map(({ type }) => type);
  const ended = async (type: string) => {
    await until(async () => (await types()).includes(type as never));
    stop.abort();
    await ran;
    return events();
  };
  return { ...train, worker, events, types, ended };
};

const typesOf = (events: readonly { readonly type: string }[]) => events.map(({ type }) => type);
const hangs: Action = ({ signal }) =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));

describe('a session', () => {
  it('works through its actions in the order of their needs, and submits what they left', async () => {
    const last: Action = async ({ result, read, outcome, fact }) => {
      fact('heard', (await result<{ from: string }>('first')).from);
      fact('read', String(await read('work/first.md')));
      outcome('go');
    };
    const actions = [{ id: 'last', needs: ['first'] }, { id: 'first' }];
    const { ended } = await atWork(actions, { 'lab.last': last });
    const events = await ended('WorkSubmitted');
    expect(typesOf(events)).toEqual(['SessionStarted', 'ActionCompleted', 'ActionCompleted', 'WorkSubmitted']);
    expect(events.at(-1)!.data).toMatchObject({
      outcome: 'go',
      checklist: ['first', 'last'],
      facts: { first: true, heard: 'first', read: 'first' },
      artifacts: [{ path: 'work/first.md', size: 5, mediaType: 'text/markdown' }],
    });
  });

  it('is of the pipeline that its train was started on, whatever this process was given', async () => {
    const { ended } = await atWork([{ id: 'new' }], {}, { startedOn: [{ id: 'old', tool: 'lab.new' }] });
    expect((await ended('WorkSubmitted')).at(-1)!.data).toMatchObject({ checklist: ['old'] });
  });

  it('runs what does not depend on each other side by side', async () => {
    const both = Promise.withResolvers<void>();
    let here = 0;
    const meet: Action = async () => {
      if (++here === 2) both.resolve();
      await both.promise;
    };
    const { ended } = await atWork([{ id: 'one' }, { id: 'other' }], { 'lab.one': meet, 'lab.other': meet });
    expect(typesOf(await ended('WorkSubmitted'))).toHaveLength(4);
  });

  it('meters every try', async () => {
    const busy: Action = async ({ command }) => {
      const before = process.cpuUsage();
      while (process.cpuUsage(before).user < 30_000);
      await command('python3', ['-c', 'import time\nwhile time.process_time() < 0.1: pass']);
    };
    const { ended } = await atWork([{ id: 'busy' }], { 'lab.busy': busy });
    const events = await ended('WorkSubmitted');
    const done = events.find(({ type }) => type === 'ActionCompleted')!.data as {
      usage: { cpuMs: number };
    };
    expect(done.usage.cpuMs).toBeGreaterThan(100);
  });
});

describe('an action that fails', () => {
  it('is tried again, and only what the last try left counts', async () => {
    let tries = 0;
    const flaky: Action = async ({ fact }) => {
      fact(`try-${++tries}`, true);
      if (tries === 1) throw new Error('the client is at lunch');
    };
    const { ended } = await atWork([{ id: 'flaky' }], { 'lab.flaky': flaky });
    const events = await ended('WorkSubmitted');
    expect(typesOf(events)).toEqual(['SessionStarted', 'ActionFailed', 'ActionCompleted', 'WorkSubmitted']);
    expect(events[1]!.data).toMatchObject({ try: 1, kind: 'transient', reason: 'the client is at lunch' });
    expect(events.at(-1)!.data).toMatchObject({ facts: { 'try-2': true } });
    expect(events.at(-1)!.data).not.toMatchObject({ facts: { 'try-1': true } });
  });

  it('has three strikes, then the ticket is abandoned with the reasons', async () => {
    const broken: Action = async () => Promise.reject(new Error('no such column'));
    const { ended } = await atWork([{ id: 'broken' }, { id: 'next', needs: ['broken'] }], { 'lab.broken': broken });
    const events = await ended('WorkAbandoned');
    expect(typesOf(events)).toEqual([
      'SessionStarted',
      'ActionFailed',
      'ActionFailed',
      'ActionFailed',
      'SpiralDetected',
      'WorkAbandoned',
    ]);
    expect(events.at(-1)!.data).toMatchObject({
      reasons: [expect.stringContaining('broken (broken): no such column')],
    });
  });

  it('does no harm when it is not required', async () => {
    const broken: Action = async () => Promise.reject(new Error('no printer'));
    const actions = [{ id: 'print', required: false }, { id: 'write' }];
    const { ended } = await atWork(actions, { 'lab.print': broken });
    expect((await ended('WorkSubmitted')).at(-1)!.data).toMatchObject({ checklist: ['write'] });
  });

  it('is stopped when its time is up', async () => {
    const { ended } = await atWork([{ id: 'slow', timeoutSeconds: 1, retry: 'at-most-once' }], { 'lab.slow': hangs });
    const events = await ended('WorkAbandoned');
    expect(events.find(({ type }) => type === 'ActionFailed')!.data).toMatchObject({
      kind: 'unknown',
      reason: expect.stringContaining('not done after 1 s'),
    });
  });

  it('does not hold its session up when it does not hear that its time is up', async () => {
    const { ended } = await atWork([{ id: 'deaf', timeoutSeconds: 1, required: false }, { id: 'write' }], {
      'lab.deaf': () => new Promise(() => {}),
    });
    const events = await ended('WorkSubmitted');
    expect(events.filter(({ type }) => type === 'ActionFailed').map(({ data }) => data)).toMatchObject(
      Array.from({ length: 3 }, () => ({ kind: 'timeout' })),
    );
  });
});

describe('a tool that the mode does not allow', () => {
  it('is refused and recorded, and the action is not tried again', async () => {
    const tools = { 'lab.curious': (({ command }) => command('curl', ['http://metadata'])) satisfies Action };
    const { ended } = await atWork([{ id: 'curious' }], tools);
    const events = await ended('WorkAbandoned');
    expect(typesOf(events)).toEqual(['SessionStarted', 'ToolRefused', 'ActionFailed', 'WorkAbandoned']);
    expect(events[1]!.data).toMatchObject({ action: 'curious', tool: 'command:curl', mode: 'build', rule: 'default' });
    expect(events[2]!.data).toMatchObject({ kind: 'permanent' });
  });

  it('is refused when the pipeline itself asks for it', async () => {
    const { ended } = await atWork([{ id: 'deploy', tool: 'ops.deploy' }]);
    expect(typesOf(await ended('WorkAbandoned'))).toEqual([
      'SessionStarted',
      'ToolRefused',
      'ActionFailed',
      'WorkAbandoned',
    ]);
  });
});

describe('a program of the pipeline', () => {
  it('reads the charter and the data, and leaves files and facts', async () => {
    const script = `import json, os
charter = json.load(open('charter.json')); rows = open(open('data').read().strip()).read().count('\\n') - 1
os.makedirs('work'); open('work/report.md', 'w').write(charter['name']); json.dump({'rows': rows}, open('facts.json', 'w'))`;
    const { ended } = await atWork([
      { id: 'script', tool: 'command:python3', run: ['-c', script], produces: ['work/report.md', 'work/not-left.md'] },
    ]);
    expect((await ended('WorkSubmitted')).at(-1)!.data).toMatchObject({
      facts: { rows: 1 },
      artifacts: [{ path: 'work/report.md', size: 'Rain tomorrow'.length }],
    });
  });
});

describe('an action that may not be repeated', () => {
  it('is written down before it begins', async () => {
    const { ended } = await atWork([{ id: 'send', retry: 'at-most-once' }]);
    expect(typesOf(await ended('WorkSubmitted'))).toEqual([
      'SessionStarted',
      'ActionStarted',
      'ActionCompleted',
      'WorkSubmitted',
    ]);
  });

  it('is not done a second time by a later attempt, before an operator has said so', async () => {
    let sent = 0;
    const send: Action = async () => {
      sent += 1;
      throw new Error('the line broke');
    };
    const { ended, say, tenant, trainId } = await atWork([{ id: 'send', retry: 'at-most-once' }], { 'lab.send': send });
    await ended('WorkAbandoned');
    const pipeline = pipelineOf([{ id: 'send', retry: 'at-most-once' }]);
    const session = workshop.dependencies(pipeline, { 'lab.send': send });
    const stop = new AbortController();
    const worker = new TicketWorker({ items: workshop.items, session, sessionsMax: 1, log: session.log });
    const ran = worker.run(stop.signal);
    for (const attempt of [1, 2, 3]) {
      const ticket = await workshop.queueLastTicket(tenant, trainId);
      expect(ticket.attempt).toBe(attempt);
      await until(async () => typesOf(await workshop.session({ ...ticket, tenant })).includes('WorkAbandoned'));
      await say({ type: 'AcceptAbandonment', trainId, ticketId: ticket.ticketId, reasons: ['unknown'] });
    }
    expect(sent).toBe(1);
    await say({ type: 'Unblock', trainId, by: 'olga', reason: 'looked: it was not sent' });
    await workshop.queueLastTicket(tenant, trainId);
    await until(() => sent === 2);
    stop.abort();
    await ran;
  });
});

describe('the train', () => {
  const children = { id: 'children', tool: 'lab.children' };
  /** Starts a program with a child of its own, and tells the numbers of both. */
  const withChildren = () => {
    const pids = Promise.withResolvers<readonly string[]>();
    const act: Action = async ({ command, workspace }) => {
      const script = `import os, subprocess, time
child = subprocess.Popen(['sleep', '600'])
open('pids.tmp', 'w').write(f'{os.getpid()} {child.pid}'); os.rename('pids.tmp', 'pids'); time.sleep(600)`;
      const run = command('python3', ['-c', script]);
      const path = `${workspace}/pids`;
      let text = '';
      await until(async () => (text = await readFile(path, 'utf8').catch(() => '')) !== '');
      pids.resolve(text.split(' '));
      await run;
    };
    return { act, pids: pids.promise };
  };
  const isGone = async (pid: string) => /^$|\) Z /.test(await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ''));

  it('calls the work off: the programs and their children are killed, and the session says so', async () => {
    const { act, pids } = withChildren();
    const { ended, worker, tenant, trainId } = await atWork([children], { 'lab.children': act });
    const all = await pids;
    await workshop.items.cancel(tenant, trainId, 'the client left');
    await worker.beat();
    const events = await ended('SessionCancelled');
    expect(events.slice(1).map(({ type, data }) => [type, data])).toMatchObject([
      ['ActionFailed', { kind: 'cancelled' }],
      ['SessionCancelled', { reason: 'the client left' }],
    ]);
    for (const pid of all) await until(() => isGone(pid));
  });

  it('pauses: what is running is completed, nothing new is begun, and it goes on there after', async () => {
    const first = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const actions = [{ id: 'first' }, { id: 'second', needs: ['first'] }];
    const wait: Action = async () => {
      begun.resolve();
      await first.promise;
    };
    const { worker, events, ended, tenant, trainId, ticket } = await atWork(actions, { 'lab.first': wait });
    await begun.promise;
    await workshop.pause({ tenant, scope: 'train', subject: trainId });
    await worker.beat();
    first.resolve();
    const stateOf = async () => {
      const { rows } = await workshop.subscriber.query('select state from work.item where ticket_id = $1', [
        ticket.ticketId,
      ]);
      return rows[0].state;
    };
    await until(async () => (await stateOf()) === 'ready');
    await expect(workshop.items.claim('somebody', 10)).resolves.toEqual([]);
    const left = await events();
    expect(typesOf(left)).toEqual(['SessionStarted', 'ActionCompleted', 'BundleSaved', 'SessionPaused']);
    expect(left.at(-1)!.data).toMatchObject({ reason: 'it is paused' });

    await workshop.lift({ tenant, scope: 'train', subject: trainId });
    worker.wake();
    expect(typesOf(await ended('WorkSubmitted'))).toEqual([
      'SessionStarted',
      'ActionCompleted',
      'BundleSaved',
      'SessionPaused',
      'SessionResumed',
      'ActionCompleted',
      'WorkSubmitted',
    ]);
  });

  it('is rolled back by a person, and whoever has it next goes on from there, with the files of then', async () => {
    const actions = [{ id: 'draft' }, { id: 'redraft', needs: ['draft'] }, { id: 'end', needs: ['redraft'] }];
    let round = 0;
    const begun = Promise.withResolvers<void>();
    const held = Promise.withResolvers<void>();
    const tools: Record<string, Action> = {
      'lab.draft': ({ write }) => write('work/draft.md', 'first'),
      'lab.redraft': async ({ write, read, fact, decide }) => {
        fact('found', String(await read('work/draft.md')));
        decide(`round ${round}`, 'it was asked for');
        await write('work/draft.md', `round ${++round}`);
      },
      'lab.end': async ({ fact, read }) => {
        if (round === 1) {
          begun.resolve();
          await held.promise;
        }
        fact('left', String(await read('work/draft.md')));
      },
    };
    const { worker, events, ended, types, tenant, ticket } = await atWork(actions, tools);
    await begun.promise;
    const { ticketId } = ticket;
    const rollBack = (to: number) =>
      workshop.execute()({ type: 'RollBack', ticketId, to, reason: 'wrong', by: 'Olga' }, envelope(tenant));
    await rollBack(2);
    held.resolve();
    // Its word counts for nothing any more: the ticket goes back, and is taken up again.
    await until(async () => (await types()).includes('SessionResumed'));
    worker.wake();
    const all = await ended('WorkSubmitted');
    expect(typesOf(all)).toEqual([
      ...['SessionStarted', 'ActionCompleted', 'ActionCompleted', 'SessionRolledBack', 'BundleSaved'],
      ...['SessionResumed', 'ActionCompleted', 'ActionCompleted', 'WorkSubmitted'],
    ]);
    expect(all[3]!.data).toMatchObject({ to: 2, undone: ['redraft'], by: 'Olga' });
    expect(all.at(-1)!.data).toMatchObject({
      checklist: ['draft', 'redraft', 'end'],
      facts: { found: 'first', left: 'round 2' },
    });
    expect((await events()).filter(({ type }) => type === 'ActionCompleted')[1]!.data).toMatchObject({
      decisions: [{ decision: 'round 0', rationale: 'it was asked for', alternatives: [] }],
      read: [{ path: 'work/draft.md' }],
    });
  });

  it('leaves a bundle that is as good after it was kept as before, and fits no other moment', async () => {
    const { ended, tenant, ticket } = await atWork([{ id: 'one' }]);
    await ended('WorkSubmitted');
    const { bundles } = workshop.dependencies(pipelineOf([{ id: 'one' }]), {});
    const about = { ...ticket, tenant };
    const made = (await bundles.make(about))!;
    await bundles.keep(made);
    expect(Bundle.parse(JSON.parse((await workshop.artifacts.read(made.ref.bundle)).toString()))).toEqual(made.bundle);
    expect(await bundles.make(about)).toEqual(made);
    expect(made).toMatchObject({
      problems: [],
      retention: { parameters: { kept: 1, of: 1 } },
      bundle: { parameters: { one: true }, next: [{ action: 'gate' }], context: { wrote: ['work/one.md'] } },
    });
    const next = TicketId.parse(ticket.ticketId.replace('_1_1_', '_1_2_'));
    await expect(bundles.make({ ...about, ticketId: next })).resolves.toBeUndefined();
  });

  it('ends where its bundle is too long, and says so', async () => {
    const actions = [{ id: 'long' }, { id: 'end', needs: ['long'] }];
    const begun = Promise.withResolvers<void>();
    const held = Promise.withResolvers<void>();
    const tools: Record<string, Action> = {
      'lab.long': async ({ fact }) => {
        for (let each = 0; each < 400; each += 1) fact(`measured-${each}`, each / 7);
        begun.resolve();
        await held.promise;
      },
    };
    const { worker, ended, tenant, trainId, types } = await atWork(actions, tools);
    await begun.promise;
    await workshop.pause({ tenant, scope: 'train', subject: trainId });
    await worker.beat();
    held.resolve();
    await until(async () => (await types()).includes('ActionCompleted'));
    await workshop.lift({ tenant, scope: 'train', subject: trainId });
    worker.wake();
    const all = await ended('WorkAbandoned');
    expect(typesOf(all)).toEqual(['SessionStarted', 'ActionCompleted', 'BundleRejected', 'WorkAbandoned']);
    expect(all.at(-1)!.data).toMatchObject({ reasons: [expect.stringMatching(/it has \d+ tokens, and 2000 are/)] });
  });

  it('ends before the work has begun, and nothing is said of it', async () => {
    const pipeline = pipelineOf([{ id: 'never' }]);
    const { tenant, trainId, ticket } = await workshop.train(pipeline);
    await workshop.items.cancel(tenant, trainId, 'declined');
    await atWork([{ id: 'other' }]).then(({ ended }) => ended('WorkSubmitted'));
    await expect(workshop.session({ ...ticket, tenant })).resolves.toEqual([]);
  });
});

describe('a model that refuses', () => {
  it('is told of once a session, and in the facts of each action', async () => {
    const model = scriptedModel(() => {
      throw new Error('401 invalid x-api-key');
    });
    const told: unknown[] = [];
    const quiet = () => undefined;
    const log = { debug: quiet, info: quiet, error: quiet, warn: (about: object) => void told.push(about) };
    const tell: Action = ({ narrate }) => narrate('summary', 2, 'Two.');
    const actions = [{ id: 'first' }, { id: 'second', needs: ['first'] }];
    const { ended } = await atWork(actions, { 'lab.first': tell, 'lab.second': tell }, { model, log });
    expect((await ended('WorkSubmitted')).at(-1)!.data).toMatchObject({
      facts: {
        'first.not-by-model': 'summary (401 invalid x-api-key)',
        'second.not-by-model': 'summary (401 invalid x-api-key)',
      },
    });
    expect(told).toMatchObject([{ reason: '401 invalid x-api-key', phase: 'work' }]);
  });
});

describe('a model with a small window', () => {
  it('writes from what fits, and is not asked for what does not', async () => {
    const prompts: { facts: unknown; section: string }[] = [];
    const model = scriptedModel(
      (prompt) => {
        prompts.push(JSON.parse(prompt));
        return 'By the model.';
      },
      'small',
      { tokens: 1_000, delegate: 0.3, soft: 0.35, hard: 0.4 },
    );
    const loads: unknown[] = [];
    const rows = Array.from({ length: 200 }, (_, row) => ({ row, rain: row / 7 }));
    const tell: Action = async ({ narrate, fact }) => {
      fact('short', await narrate('short', { rows: 2 }, 'Plain.'));
      fact('wide', await narrate('wide', rows.slice(0, 20), 'Plain.'));
      fact('long', await narrate('long', rows, 'Plain.'));
      fact('endless', await narrate('endless', { story: 'It rained. '.repeat(500) }, 'Plain.'));
    };
    const loaded = ({ outcome }: { outcome: string }) => void loads.push(outcome);
    const { ended } = await atWork([{ id: 'tell' }], { 'lab.tell': tell }, { model, loaded });
    const [, told] = await ended('WorkSubmitted');
    expect(told!.data).toMatchObject({
      facts: {
        ...{ short: 'By the model.', wide: 'By the model.', long: 'By the model.', endless: 'Plain.' },
        'tell.not-by-model': expect.stringMatching(/^endless \(\d+ tokens, and 400 may be used: give it fewer facts/),
      },
      usage: {
        loads: [
          { section: 'short', tokenizer: 'o200k_base', windowTokens: 1_000, outcome: 'whole' },
          { section: 'wide', outcome: 'part', summaryTokens: 4 },
          { section: 'wide', outcome: 'part', summaryTokens: 4 },
          { section: 'wide', outcome: 'part', summaryTokens: 4 },
          { section: 'wide', outcome: 'delegated' },
          { section: 'long', outcome: 'condensed' },
          { section: 'endless', outcome: 'refused' },
        ],
      },
    });
    expect(loads).toEqual(['whole', 'part', 'part', 'part', 'delegated', 'condensed', 'refused']);
    expect(prompts.map(({ section }) => section)).toEqual(['short', 'wide', 'wide', 'wide', 'wide', 'long']);
    expect(prompts[4]!.facts).toEqual({ summaries: ['By the model.', 'By the model.', 'By the model.'] });
    expect(prompts[5]!.facts).toEqual(expect.arrayContaining([expect.stringMatching(/^and \d+ more$/)]));
  });
});

describe('a task for a person', () => {
  it('is asked once, waited for, and completed by whom, with what they found', async () => {
    const ask = { role: 'sponsor', instructions: 'Read the statement of work.' };
    const { worker, ended, types, tenant, ticket } = await atWork([{ id: 'sign', tool: 'human', ask }]);
    await until(async () => (await listHumanTasks(workshop.service, tenant)).length === 1);
    await until(async () => (await types()).includes('ActionStarted'));
    const { trainId, ticketId } = ticket;
    const approvers = [{ role: 'sponsor', name: 'Ada' }];
    const answer = { tenant, trainId, ticketId, action: 'sign', by: 'Ada', facts: { pages: 4 }, approvers };
    await expect(completeHumanTask(workshop.service, { ...answer, by: 'Bo' })).rejects.toMatchObject({
      code: 'not-the-approver',
    });
    await completeHumanTask(workshop.service, answer);
    await completeHumanTask(workshop.service, answer);
    const other = completeHumanTask(workshop.service, { ...answer, by: 'Somebody else' });
    await expect(other).rejects.toMatchObject({ code: 'task-done', message: 'Ada has answered sign already' });
    worker.wake();
    const events = await ended('WorkSubmitted');
    expect(typesOf(events).filter((type) => type === 'ActionStarted')).toHaveLength(1);
    expect(events.at(-1)!.data).toMatchObject({ facts: { pages: 4, 'sign.by': 'Ada' } });
    await expect(listHumanTasks(workshop.service, tenant)).resolves.toEqual([]);
  });

  it('is nobody else’s to see or to answer', async () => {
    const { tenant, ticket, ended } = await atWork([{ id: 'sign', tool: 'human' }]);
    await until(async () => (await listHumanTasks(workshop.service, tenant)).length === 1);
    const stranger = TenantId.parse('stranger');
    await expect(listHumanTasks(workshop.service, stranger)).resolves.toEqual([]);
    const { trainId, ticketId } = ticket;
    const answer = { trainId, ticketId, action: 'sign', by: 'Eve', facts: {}, approvers: [] };
    await expect(completeHumanTask(workshop.service, { ...answer, tenant: stranger })).rejects.toThrow(
      'nobody was asked',
    );
    await completeHumanTask(workshop.service, { ...answer, tenant });
    await ended('WorkSubmitted');
  });
});

describe('another claimant', () => {
  it('makes the old one’s word count for nothing, and its work stop', async () => {
    const begun = Promise.withResolvers<void>();
    const slow: Action = (context) => {
      begun.resolve();
      return hangs(context);
    };
    const { worker, tenant, ticket, types } = await atWork([{ id: 'slow' }], { 'lab.slow': slow }, { sessionsMax: 1 });
    await begun.promise;
    await workshop.subscriber.query('update work.item set free_at = clock_timestamp() where ticket_id = $1', [
      ticket.ticketId,
    ]);
    const [claim] = await workshop.items.claim('other', 1);
    expect(claim).toMatchObject({ fence: 2, crashes: 1 });
    const execute = workshop.execute();
    const bundle = { bundle: digestOf(Buffer.from('')), sourceVersion: 1, tokenizer: 'x', tokens: 1, sourceTokens: 1 };
    await execute({ type: 'ResumeSession', ticketId: ticket.ticketId, bundle, fence: 2 }, envelope(tenant));
    const old = { type: 'Abandon', ticketId: ticket.ticketId, reasons: ['late'], fence: 1 } as const;
    await expect(execute(old, envelope(tenant))).rejects.toMatchObject({ code: 'fenced' });
    await worker.beat();
    await workshop.items.finish('other', claim!);
    await expect(types()).resolves.toEqual(['SessionStarted', 'BundleSaved', 'SessionResumed']);
  });
});
