import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Rejection } from '@vt/kernel';
import fc from 'fast-check';
import type { Action } from '../action.ts';
import { Circuits, FAILURES_MAX } from '../circuit-breaker.ts';
import { claimant } from '../testing/claimant.ts';
import { Workshop } from '../testing/workshop.ts';
import { backoffMs } from './performer.ts';
import { failuresBefore } from './session-record.ts';

jest.setTimeout(30_000);

let workshop: Workshop;
beforeAll(async () => {
  workshop = await Workshop.open();
});
afterAll(() => workshop.demolish());

const failing = (reason: (nth: number) => string): Action => {
  let tries = 0;
  return async () => {
    tries += 1;
    throw new Error(reason(tries));
  };
};

it('pauses between tries for longer and longer, and not for as long as others', () =>
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), fc.double({ min: 0, max: 1, noNaN: true }), (tries, chance) => {
      const whole = 250 * 4 ** (tries - 1);
      expect(backoffMs(tries, chance)).toBeGreaterThanOrEqual(whole / 2);
      expect(backoffMs(tries, chance)).toBeLessThanOrEqual(whole);
    }),
  ));

it.each<[kind: string, error: () => Error, tries: number]>([
  ['permanent', () => new Rejection('no-such-column', 'there is no column rain'), 1],
  ['transient', () => new Error('connection reset'), 3],
])('a failure that is %s is tried %#', async (kind, error, tries) => {
  const act: Action = () => Promise.reject(error());
  const { work, events } = await claimant(workshop, [{ id: 'fit' }], { 'lab.fit': act }, {});
  await expect(work()).resolves.toBe('done');
  const failed = (await events()).flatMap(({ type, data }) => (type === 'ActionFailed' ? [data.kind] : []));
  expect(failed).toEqual(Array.from({ length: tries }, () => kind));
});

describe('a spiral', () => {
  it('ends an action that fails the same way three times in a row, and its ticket with the finding', async () => {
    const act = failing((nth) => `no table t${nth} in /tmp/run-${nth}/db`);
    const { work, types, events } = await claimant(workshop, [{ id: 'fit' }], { 'lab.fit': act }, {});
    await work();
    await expect(types()).resolves.toEqual([
      ...['SessionStarted', 'ActionFailed', 'ActionFailed', 'ActionFailed', 'SpiralDetected', 'WorkAbandoned'],
    ]);
    expect((await events()).at(-1)!.data).toMatchObject({
      reasons: [
        expect.stringContaining('the same failed 3 times in a row, so it is not tried again: no table t* in *'),
      ],
    });
  });

  it('is known to the attempts that follow, which try no more than they must', async () => {
    const actions = [{ id: 'fit' }, { id: 'score' }];
    const act = failing(() => 'no licence');
    const tools = { 'lab.fit': act, 'lab.score': async () => undefined };
    const first = await claimant(workshop, actions, tools, {});
    await first.work();
    const { ticket } = first;
    const next = { ...ticket, attempt: 2 };
    await expect(failuresBefore(workshop.store, next)).resolves.toEqual(['no licence', 'no licence', 'no licence']);
    await expect(failuresBefore(workshop.store, ticket)).resolves.toEqual([]);
  });
});

describe('a circuit that is open', () => {
  it('fails an action at once, costs it no strike, and is asked again later', async () => {
    const clock = { ms: 0 };
    const circuits = new Circuits(undefined, () => clock.ms);
    const fail = () =>
      circuits.call(
        'command:sleep',
        () => Promise.reject(new Error('no memory')),
        () => true,
      );
    for (let nth = 0; nth < FAILURES_MAX; nth += 1) await expect(fail()).rejects.toThrow('no memory');
    // Half a minute is nearly over.
    clock.ms = 29_990;
    const act: Action = async ({ command }) => {
      const tried = command('sleep', ['0']);
      await tried.catch(() => undefined);
      clock.ms = 30_000;
      return tried;
    };
    const { work, types, events } = await claimant(workshop, [{ id: 'nap' }], { 'lab.nap': act }, {}, { circuits });
    await expect(work()).resolves.toBe('done');
    await expect(types()).resolves.toEqual(['SessionStarted', 'ActionFailed', 'ActionCompleted', 'WorkSubmitted']);
    expect((await events())[1]!.data).toMatchObject({
      kind: 'unavailable',
      reason: 'command:sleep failed 5 times in a row, the last time with: no memory; it is not called for a while',
    });
  });

  it('of a program is opened by those that do not end, not by what they answer', async () => {
    const circuits = new Circuits();
    const answers: Action = async ({ command }) => {
      for (let nth = 0; nth < FAILURES_MAX + 1; nth += 1) await command('python3', ['-c', 'exit(1)']);
    };
    const hangs: Action = async ({ command }) => {
      const run = () => command('sleep', ['60'], { timeoutMs: 20 }).catch((error: Error) => error.name);
      const all: unknown[] = [];
      for (let nth = 0; nth < FAILURES_MAX; nth += 1) all.push(await run());
      return command('sleep', ['60']).catch((error: Error) => [...all, error.name]);
    };
    const tools = { 'lab.answers': answers, 'lab.hangs': hangs };
    const actions = [{ id: 'answers' }, { id: 'hangs' }, { id: 'says', needs: ['hangs'] }];
    const says: Action = async ({ result, fact }) => fact('heard', (await result<string[]>('hangs')).join());
    const { work, events } = await claimant(workshop, actions, { ...tools, 'lab.says': says }, {}, { circuits });
    await work();
    expect((await events()).at(-1)).toMatchObject({
      type: 'WorkSubmitted',
      data: { facts: { heard: 'TimeoutError,TimeoutError,TimeoutError,TimeoutError,TimeoutError,Unavailable' } },
    });
  });
});
