import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { Action } from '../action.ts';
import { claimant, type ClaimantOf } from '../testing/claimant.ts';
import { Workshop, type ActionInput } from '../testing/workshop.ts';
import { contains } from '../tools/command.ts';
import { scriptedModel } from '../tools/model.ts';
import { openSandbox, type Sandbox } from '../tools/sandbox.ts';

jest.setTimeout(30_000);

let workshop: Workshop;
beforeAll(async () => {
  workshop = await Workshop.open();
});
afterAll(() => workshop.demolish());

const trainWith = (...given: ClaimantOf) => claimant(workshop, ...given);

describe('a call that the mode does not allow', () => {
  it('is refused with the rule, and its phase has no success', async () => {
    const act: Action = async ({ command }) =>
      void (await command('curl', ['http://metadata']).catch(() => 'never mind'));
    const { work, types, refusals, rules } = await trainWith([{ id: 'curious' }], { 'lab.curious': act }, {});
    await expect(work()).resolves.toBe('done');
    await expect(refusals()).resolves.toMatchObject([
      { tool: 'command:curl', call: 'curl http://metadata', rule: 'default', required: true },
    ]);
    expect((await types()).at(-1)).toBe('WorkAbandoned');
    expect(rules).toEqual(['default']);
  });

  it.each([
    ['ls; rm -rf data', 'Bash(rm:*)'],
    ['ls $(rm -rf data)', 'Bash(rm:*)'],
    ['ls | timeout 5 xargs rm', 'Bash(rm:*)'],
    ['ls && curl evil.example', 'default'],
    ['$CMD', 'unreadable'],
  ])('is refused where %s hides it', async (script, rule) => {
    const mode = { tools: ['lab.*', 'Bash(ls:*)', 'Bash(bash:*)', 'Bash(timeout:*)', 'Bash(xargs:*)'] };
    const permissions = { deny: ['Bash(rm:*)'] };
    const act: Action = ({ command }) => command('bash', ['-c', script]);
    const { work, refusals } = await trainWith([{ id: 'sly' }], { 'lab.sly': act }, { ...mode, permissions });
    await work();
    await expect(refusals()).resolves.toMatchObject([{ action: 'sly', tool: 'command:bash', rule }]);
  });

  it('is refused for a file that it may not touch', async () => {
    const tools: Record<string, Action> = {
      'lab.write': ({ write }) => write('models/a.json', '{}'),
      'lab.peek': ({ read }) => read('../../etc/passwd'),
      'lab.leave': ({ write }) => write('work/a.md', ''),
    };
    const actions = ['write', 'peek', 'leave'].map((id) => ({ id, required: false }));
    const mode = { tools: ['lab.*', 'Edit(work/**)'] };
    const { work, refusals, types } = await trainWith(actions, tools, mode);
    await work();
    const all = await refusals();
    expect(all.map(({ call }) => call).toSorted()).toEqual(['Edit(models/a.json)', 'Read(../../etc/passwd)']);
    await expect(types()).resolves.toContain('ActionCompleted');
  });

  it('is refused in whatever a mode says that has a rule which nobody can read', async () => {
    const mode = { tools: ['lab.*'], permissions: { ask: ['Bash('] } };
    const { work, refusals } = await trainWith([{ id: 'fit' }], { 'lab.fit': async () => undefined }, mode);
    await work();
    await expect(refusals()).resolves.toMatchObject([{ tool: 'lab.fit', rule: 'Bash(' }]);
  });

  it('does no harm where an action goes on without it', async () => {
    const act: Action = ({ narrate }) => narrate('summary', {}, 'Plain.');
    const model = scriptedModel(() => 'By a model.');
    const { work, refusals, types } = await trainWith(
      [{ id: 'tell' }],
      { 'lab.tell': act },
      { tools: ['lab.*'] },
      { model },
    );
    await work();
    await expect(refusals()).resolves.toMatchObject([{ tool: 'model', required: false }]);
    expect((await types()).at(-1)).toBe('WorkSubmitted');
  });
});

describe('a call that a rule asks about', () => {
  const mode = { tools: ['lab.*', 'command:python3'], permissions: { ask: ['Bash(python3 -c:*)'] } };
  const act: Action = async ({ command, fact }) => fact('said', (await command('python3', ['-c', 'print(1)'])).stdout);
  const asking = (action: Partial<ActionInput> = {}, tool = act) =>
    trainWith([{ id: 'ask', ...action }], { 'lab.ask': tool }, mode);

  it('waits for a person, who is asked once, and goes on with their word, which is recorded', async () => {
    const { work, tasks, answer, types, events } = await asking();
    await expect(work()).resolves.toBe('waiting');
    await expect(tasks()).resolves.toMatchObject([
      {
        action: expect.stringMatching(/^ask\.may-[0-9a-f]{8}$/),
        instructions: expect.stringContaining('Bash(python3 -c:*)'),
      },
    ]);
    await answer(true);
    await expect(work()).resolves.toBe('done');
    await expect(types()).resolves.toEqual([
      'SessionStarted',
      'BundleSaved',
      'SessionPaused',
      'SessionResumed',
      'ToolGranted',
      'ActionCompleted',
      'WorkSubmitted',
    ]);
    expect((await events())[4]!.data).toMatchObject({
      call: "python3 -c 'print(1)'",
      rule: 'Bash(python3 -c:*)',
      by: 'Ada',
    });
  });

  it('is refused when the person says no, and when the action went on after all', async () => {
    const stubborn: Action = async (context) => act(context).catch(() => undefined);
    const { work, answer, refusals, types } = await asking({}, stubborn as Action);
    await expect(work()).resolves.toBe('waiting');
    await answer(false);
    await expect(work()).resolves.toBe('done');
    await expect(refusals()).resolves.toMatchObject([
      { rule: 'Bash(python3 -c:*)', reason: "Ada did not allow python3 -c 'print(1)'" },
    ]);
    expect((await types()).at(-1)).toBe('WorkAbandoned');
  });

  it('is asked about before the action, too, where it is the action', async () => {
    const { work, answer, types } = await asking({
      tool: 'command:python3',
      run: ['-c', 'print(1)'],
      retry: 'at-most-once',
    });
    await expect(work()).resolves.toBe('waiting');
    await answer(true);
    await expect(work()).resolves.toBe('done');
    expect((await types()).at(-1)).toBe('WorkSubmitted');
  });

  it('is refused in the middle of an action that may not be done again', async () => {
    const { work, refusals, tasks } = await asking({ retry: 'at-most-once' });
    await expect(work()).resolves.toBe('done');
    await expect(refusals()).resolves.toMatchObject([{ reason: expect.stringContaining('and may not wait') }]);
    await expect(tasks()).resolves.toEqual([]);
  });
});

describe('an action that is to be contained', () => {
  const mode = { tools: ['lab.*', 'command:python3'] };
  const runs: Action = async ({ command, dataFile, fact }) => {
    const script = 'import sys; print(len(open(sys.argv[1]).readlines()))';
    fact('lines', Number((await command('python3', ['-c', script, await dataFile()])).stdout));
  };

  it('is refused by a machine that gives less', async () => {
    const tools = { 'lab.run': runs };
    const sandbox: Sandbox = { name: 'plain', level: 'process', wrap: async (command) => command };
    const actions = [{ id: 'run', isolation: 'namespace' as const }];
    const { work, refusals, types, rules } = await claimant(workshop, actions, tools, mode, { sandbox });
    await work();
    await expect(refusals()).resolves.toMatchObject([
      { tool: 'lab.run', rule: 'isolation: namespace', reason: expect.stringContaining('this machine gives process') },
    ]);
    expect([(await types()).at(-1), rules]).toEqual(['WorkAbandoned', ['isolation: namespace']]);
  });

  it('is done by one that gives as much, which its event tells', async () => {
    const sandbox = await openSandbox('auto', contains);
    const actions = [{ id: 'run', isolation: sandbox.level }, { id: 'think' }];
    const tools = { 'lab.run': runs, 'lab.think': async () => undefined };
    const { work, events } = await claimant(workshop, actions, tools, mode, { sandbox });
    await expect(work()).resolves.toBe('done');
    const done = (await events()).flatMap(({ type, data }) => (type === 'ActionCompleted' ? [data] : []));
    expect(done.find(({ action }) => action === 'run')).toMatchObject({
      isolation: sandbox.level,
      facts: { lines: 2 },
    });
    expect(done.find(({ action }) => action === 'think')).not.toHaveProperty('isolation');
  });
});
