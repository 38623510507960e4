import { expect, it, jest } from '@jest/globals';
import type { Model } from './inference.ts';
import { fit, type Recipe } from './models/families.ts';
import { inThread } from './thread.ts';

// A thread starts in a tenth of a second, on a busy machine in many.
jest.setTimeout(60_000);

const never = new AbortController().signal;
const x = Array.from({ length: 60 }, (_, row) => [row % 7, row % 5]);
const y = x.map(([first]) => Number(first! > 3));
const forest: Recipe = {
  task: 'classification',
  family: 'random-forest',
  params: { trees: 3, depth: 4, leafRows: 2, features: 0.5 },
  seed: 1,
};

it('fits the same model as here, while this thread goes on', async () => {
  let turns = 0;
  let turning = setImmediate(function turn() {
    turns += 1;
    turning = setImmediate(turn);
  });
  const model = await inThread(never, 'fit', forest, x, y);
  clearImmediate(turning);
  expect(JSON.stringify(model)).toBe(JSON.stringify(fit(forest, x, y)));
  expect(turns).toBeGreaterThan(0);
});

it('fails as the job fails', async () => {
  await expect(inThread(never, 'fit', { ...forest, params: {} }, x, y)).rejects.toThrow(
    'random-forest needs the parameter',
  );
});

it('ends in the middle of a job that would take hours, with the reason', async () => {
  const points = Array.from({ length: 5_000 }, () => Array.from({ length: 60 }, () => 0));
  const slow: Model = { family: 'nearest-neighbours', k: 1, points, targets: points.map(() => 1) };
  const [point] = points;
  const stop = new AbortController();
  const predicted = inThread(stop.signal, 'predict', slow, new Array<number[]>(2_000_000).fill(point!));
  stop.abort(new Error('called off'));
  await expect(predicted).rejects.toThrow('called off');
});
