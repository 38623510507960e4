import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { EventOf } from '@vt/contracts';
import { Bundle } from '@vt/value-train';
import { readdir } from 'node:fs/promises';
import type { Action } from '../action.ts';
import { claimant } from '../testing/claimant.ts';
import { Workshop, type ActionInput } from '../testing/workshop.ts';
import { scriptedModel } from '../tools/model.ts';

jest.setTimeout(30_000);

let workshop: Workshop;
beforeAll(async () => {
  workshop = await Workshop.open();
});
afterAll(() => workshop.demolish());

const ACTIONS: readonly ActionInput[] = [
  { id: 'look', during: 'research', produces: ['research.md'], reports: ['rows'] },
  { id: 'plan', during: 'plan', produces: ['plan.md'], reports: ['families', 'agree'] },
  { id: 'fit', produces: ['model.json'] },
];
const atLeastOne = (fact: string) => ({
  ...{ id: fact, says: `There are ${fact}.`, check: { kind: 'fact' as const, fact, op: '>=' as const, value: 1 } },
});
const GATES = { research: [atLeastOne('rows')], plan: [atLeastOne('families')] };

/** What each action wrote, in order; those of `instead` do something else. */
const trainWith = async (
  instead: Record<string, Action> = {},
  {
    actions = ACTIONS,
    given = {},
    gates = GATES,
  }: { actions?: readonly ActionInput[]; given?: object; gates?: typeof GATES } = {},
) => {
  const done: string[] = [];
  const tools: Record<string, Action> = {
    'lab.look': async ({ write, fact, decide }) => {
      await write('research.md', 'What is so.');
      fact('rows', 731);
      decide('All rows', 'None is damaged');
    },
    'lab.plan': async ({ write, fact }) => {
      await write('plan.md', 'What shall be done.');
      fact('families', 4);
    },
    'lab.fit': async ({ write }) => void (await write('model.json', '{}')),
    ...instead,
  };
  const noted = Object.entries(tools).map(([tool, act]): [string, Action] => [
    tool,
    (context) => {
      done.push(tool);
      return act(context);
    },
  ]);
  const mode = { tools: ['lab.*', 'human', 'model', 'command:python3', 'Bash(ls:*)', 'Bash(touch:*)'] };
  const train = await claimant(workshop, actions, Object.fromEntries(noted), mode, given, gates);
  const entered = async () =>
    (await train.events()).flatMap(({ type, data }) => (type === 'WorkPhaseEntered' ? [data] : []));
  const abandoned = async () => ((await train.events()).at(-1) as EventOf<'WorkAbandoned'>).data.reasons;
  return { ...train, done, entered, abandoned };
};

it('goes from research by a plan to the implementation, with a gate and a bundle each time', async () => {
  const { work, types, entered, events } = await trainWith();
  await expect(work()).resolves.toBe('done');
  await expect(types()).resolves.toEqual([
    ...['SessionStarted', 'ActionCompleted', 'BundleSaved', 'WorkPhaseEntered'],
    ...['ActionCompleted', 'BundleSaved', 'WorkPhaseEntered', 'ActionCompleted', 'WorkSubmitted'],
  ]);
  await expect(entered()).resolves.toMatchObject([
    { workPhase: 'plan', from: 'research', checks: [{ id: 'research:rows', outcome: 'met' }] },
    { workPhase: 'implement', from: 'plan', checks: [{ id: 'plan:families', outcome: 'met' }] },
  ]);
  expect((await events()).at(-1)!.data).toMatchObject({ checklist: ['look', 'plan', 'fit'], facts: { rows: 731 } });
});

it('adds nothing where there is no plan', async () => {
  const { work, types } = await trainWith({}, { actions: [{ id: 'fit' }] });
  await work();
  await expect(types()).resolves.toEqual(['SessionStarted', 'ActionCompleted', 'WorkSubmitted']);
});

describe('before the plan is accepted', () => {
  it('a write is refused with its rule, and the phase has no success', async () => {
    const sly: Action = async ({ write, fact }) => {
      fact('rows', 731);
      await write('model.json', '{}').catch(() => 'never mind');
    };
    const { work, refusals, types, done, rules } = await trainWith({ 'lab.look': sly });
    await expect(work()).resolves.toBe('done');
    await expect(refusals()).resolves.toMatchObject([
      { action: 'look', call: 'Edit(model.json)', rule: 'work-phase:research', required: true },
    ]);
    expect(rules).toEqual(['work-phase:research']);
    expect((await types()).at(-1)).toBe('WorkAbandoned');
    expect(done).toEqual(['lab.look']);
  });

  it('a program of the implementation is refused, also hidden in another', async () => {
    const act: Action = async ({ command }) => void (await command('touch', ['model.json']));
    const hidden: ActionInput = { id: 'fit', tool: 'command:touch', run: ['model.json'] };
    const { work, refusals } = await trainWith({ 'lab.look': act }, { actions: [...ACTIONS.slice(0, 2), hidden] });
    await work();
    await expect(refusals()).resolves.toMatchObject([{ call: 'touch model.json', rule: 'work-phase:research' }]);
  });

  it('what a program leaves in its workspace is gone with it', async () => {
    const seen: (readonly string[])[] = [];
    const look: Action = async ({ command, workspace, fact, write }) => {
      await command('touch', ['left-behind']);
      seen.push(await readdir(workspace));
      await write('research.md', 'Seen.');
      fact('rows', 1);
    };
    const fit: Action = async ({ workspace }) => void seen.push(await readdir(workspace));
    const { work, types } = await trainWith({ 'lab.look': look, 'lab.fit': fit });
    await work();
    expect((await types()).at(-1)).toBe('WorkSubmitted');
    expect(seen).toEqual([['left-behind'], []]);
  });
});

describe('a gate that does not hold', () => {
  it('ends the work with the reason, and nothing is implemented', async () => {
    const { work, abandoned, done } = await trainWith({ 'lab.plan': async ({ fact }) => fact('families', 0) });
    await expect(work()).resolves.toBe('done');
    await expect(abandoned()).resolves.toEqual([
      'the gate plan:families does not hold: There are families: families is 0, asked for is >= 1',
    ]);
    expect(done).toEqual(['lab.look', 'lab.plan']);
  });

  it('may be that a person does not agree', async () => {
    const ask = { role: 'operator', instructions: 'Is the plan good? Answer granted=true or granted=false.' };
    const agree: ActionInput = {
      id: 'agree',
      during: 'plan',
      tool: 'human',
      needs: ['plan'],
      ask,
      reports: ['granted'],
    };
    const check = { kind: 'fact' as const, fact: 'granted', op: '==' as const, value: true };
    const gates = { ...GATES, plan: [{ id: 'accepted', says: 'A person accepts the plan.', check }] };
    const given = { actions: [...ACTIONS, agree], gates: gates as never };
    const yes = await trainWith({}, given);
    await expect(yes.work()).resolves.toBe('waiting');
    expect(yes.done).toEqual(['lab.look', 'lab.plan']);
    await yes.answer(true);
    await expect(yes.work()).resolves.toBe('done');
    expect(yes.done).toEqual(['lab.look', 'lab.plan', 'lab.fit']);

    const no = await trainWith({}, given);
    await no.work();
    await no.answer(false);
    await no.work();
    await expect(no.abandoned()).resolves.toEqual([expect.stringContaining('the gate plan:accepted does not hold')]);
    expect(no.done).not.toContain('lab.fit');
  });
});

describe('work that is sent back', () => {
  it('is done anew from there on, knows why, and asks people again', async () => {
    const told: (readonly string[])[] = [];
    let times = 0;
    const plan: Action = async ({ fact, feedback }) => {
      told.push(feedback);
      fact('families', 4);
    };
    const fit: Action = async ({ sendBack }) => {
      if (++times === 1)
        await Promise.resolve()
          .then(() => sendBack('plan', 'nobody told of gaps'))
          .catch(() => 'never mind');
    };
    const ask = { role: 'operator', instructions: 'Answer granted=true.' };
    const agree: ActionInput = { id: 'agree', during: 'plan', tool: 'human', needs: ['plan'], ask };
    const { work, done, entered, answer, tasks, types } = await trainWith(
      { 'lab.plan': plan, 'lab.fit': fit },
      { actions: [...ACTIONS, agree] },
    );
    await work();
    await answer(true);
    await expect(work()).resolves.toBe('waiting');
    await expect(tasks()).resolves.toMatchObject([{ action: 'agree.2' }]);
    await answer(true);
    await expect(work()).resolves.toBe('done');
    expect(done).toEqual(['lab.look', 'lab.plan', 'lab.fit', 'lab.plan', 'lab.fit']);
    expect(told).toEqual([[], ['nobody told of gaps']]);
    const [, , back] = await entered();
    expect(back).toMatchObject({
      ...{ workPhase: 'plan', from: 'implement' },
      sentBack: { by: 'fit', reason: 'nobody told of gaps', undone: ['plan', 'agree'] },
    });
    expect((await types()).at(-1)).toBe('WorkSubmitted');
  });

  it('is abandoned with the reasons when that does not end', async () => {
    const { work, abandoned, done } = await trainWith({ 'lab.fit': ({ sendBack }) => sendBack('research', 'not so') });
    await expect(work()).resolves.toBe('done');
    await expect(abandoned()).resolves.toEqual(['the work was sent back 4 times', ...Array<string>(4).fill('not so')]);
    expect(done).toHaveLength(12);
  });

  it('is not sent forth, nor where there is no plan', async () => {
    const forth = await trainWith({ 'lab.look': ({ sendBack }) => sendBack('plan', 'now') });
    await forth.work();
    await expect(forth.abandoned()).resolves.toEqual([expect.stringContaining('can not be sent back to plan')]);
    const plain = await trainWith(
      { 'lab.fit': ({ sendBack }) => sendBack('plan', 'now') },
      { actions: [{ id: 'fit' }] },
    );
    await plain.work();
    await expect(plain.abandoned()).resolves.toEqual([expect.stringContaining('a phase without a plan')]);
  });

  it('is not done anew over what took effect outside', async () => {
    const published: ActionInput = { id: 'publish', retry: 'at-most-once' };
    const fit: ActionInput = { id: 'fit', needs: ['publish'] };
    const { work, abandoned } = await trainWith(
      { 'lab.publish': async () => undefined, 'lab.fit': ({ sendBack }) => sendBack('plan', 'now') },
      { actions: [...ACTIONS.slice(0, 2), published, fit] },
    );
    await work();
    await expect(abandoned()).resolves.toEqual([expect.stringContaining('some took effect outside')]);
  });
});

describe('a fresh context', () => {
  it('gives a model what the bundle says, and nothing else of what came before', async () => {
    const prompts: string[] = [];
    const model = scriptedModel((prompt) => {
      prompts.push(prompt);
      return 'By a model.';
    });
    const look: Action = async ({ narrate, fact, decide }) => {
      await narrate('what is so', { draft: 'only-in-research' }, 'Plain.');
      fact('rows', 731);
      decide('All rows', 'None is damaged');
    };
    const plan: Action = async ({ narrate, fact }) => {
      await narrate('what shall be done', {}, 'Plain.');
      fact('families', 4);
    };
    const { work, entered } = await trainWith({ 'lab.look': look, 'lab.plan': plan }, { given: { model } });
    await work();
    expect(prompts).toHaveLength(2);
    expect(JSON.parse(prompts[0]!)).not.toHaveProperty('before');
    expect(prompts[1]).not.toContain('only-in-research');
    const bundle = Bundle.parse(JSON.parse(String(await workshop.artifacts.read((await entered())[0]!.bundle))));
    const { mission, decisions, questions, parameters } = bundle;
    expect(bundle.metadata.workPhase).toBe('research');
    expect(decisions).toMatchObject([{ decision: 'All rows' }]);
    expect(JSON.parse(prompts[1]!).before).toEqual({ mission, decisions, questions, parameters });
  });

  it('has no answers of actions of an earlier work phase, only the files that they left', async () => {
    const plan: Action = async ({ result, read, fact }) => {
      fact('families', String(await read('research.md')).length);
      await result('look');
    };
    const { work, abandoned } = await trainWith({ 'lab.plan': plan });
    await work();
    await expect(abandoned()).resolves.toEqual([expect.stringContaining('look is not an action of plan')]);
  });
});
