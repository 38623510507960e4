import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { CircuitOpen, Circuits, FAILURES_MAX } from './circuit-breaker.ts';

const setUp = () => {
  const clock = { ms: 0 };
  const heard: string[] = [];
  const circuits = new Circuits(
    (name, state, reason) => void heard.push(`${name} ${state}: ${reason}`),
    () => clock.ms,
  );
  let calls = 0;
  const call = (works: boolean | 'refuses', name = 'model') =>
    circuits
      .call(
        name,
        async () => {
          calls += 1;
          if (works !== true) throw new Error(works === 'refuses' ? 'refused' : 'away');
          return 'done';
        },
        (error) => (error as Error).message === 'away',
      )
      .catch((error: Error) => (error instanceof CircuitOpen ? 'open' : error.message));
  const failing = async (times: number) => {
    for (let nth = 0; nth < times; nth += 1) await call(false);
  };
  return { clock, heard, circuits, call, failing, calls: () => calls };
};

it('opens after five failures in a row, and makes no call then', async () => {
  const { call, failing, heard, calls } = setUp();
  await failing(FAILURES_MAX - 1);
  expect([await call('refuses'), heard]).toEqual(['refused', []]);
  await call(false);
  expect(heard).toEqual(['model open: away']);
  expect([await call(true), await call(true)]).toEqual(['open', 'open']);
  expect(calls()).toBe(FAILURES_MAX + 1);
  await expect(call(true, 's3')).resolves.toBe('done');
});

it('is closed by a success in between', async () => {
  const { call, failing, heard } = setUp();
  await failing(FAILURES_MAX - 1);
  await call(true);
  await failing(FAILURES_MAX - 1);
  expect([await call(true), heard]).toEqual(['done', []]);
});

it('makes one call after half a minute, which closes it or opens it for as long again', async () => {
  const { call, failing, heard, clock, circuits } = setUp();
  await failing(FAILURES_MAX);
  clock.ms = 29_999;
  await expect(call(true)).resolves.toBe('open');
  clock.ms = 30_000;
  await expect(call(false)).resolves.toBe('away');
  clock.ms = 59_999;
  await expect(call(true)).resolves.toBe('open');
  clock.ms = 60_000;
  const probe = Promise.withResolvers<string>();
  const probing = circuits.call(
    'model',
    () => probe.promise,
    () => true,
  );
  await expect(call(true)).resolves.toBe('open');
  probe.resolve('back');
  await expect(probing).resolves.toBe('back');
  await expect(call(true)).resolves.toBe('done');
  expect(heard).toEqual(['model open: away', 'model closed: it answers again']);
});

it('tries again when the one call was called off', async () => {
  const { call, failing, clock } = setUp();
  await failing(FAILURES_MAX);
  clock.ms = 30_000;
  await expect(call('refuses')).resolves.toBe('refused');
  await expect(call(true)).resolves.toBe('done');
});

it('says why, and when to come back', async () => {
  const { failing, circuits, clock } = setUp();
  await failing(FAILURES_MAX);
  clock.ms = 10_000;
  const call = circuits.call(
    'model',
    async () => 'done',
    () => true,
  );
  await expect(call).rejects.toMatchObject({ retryInMs: 20_000, message: expect.stringContaining('with: away') });
});

it('never makes more than one call in a rest, whatever comes', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 20_000 })), { maxLength: 60 }),
      async (all) => {
        const { call, clock, heard, calls } = setUp();
        let inRow = 0;
        let restsUntil = 0;
        for (const [works, ms] of all) {
          clock.ms += ms;
          const before = calls();
          const said = await call(works);
          const resting = inRow >= FAILURES_MAX && clock.ms < restsUntil;
          expect(said === 'open').toBe(resting);
          expect(calls() - before).toBe(resting ? 0 : 1);
          if (resting) continue;
          inRow = works ? 0 : inRow + 1;
          if (inRow >= FAILURES_MAX) restsUntil = clock.ms + 30_000;
        }
        const states = heard.map((line) => /open|closed/.exec(line)![0]);
        expect(states.every((state, index) => state === (index % 2 === 0 ? 'open' : 'closed'))).toBe(true);
      },
    ),
  ));
