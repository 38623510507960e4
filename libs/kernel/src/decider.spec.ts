import { expect, it } from '@jest/globals';
import { fold } from './decider.ts';
import { Digest } from '@vt/kernel';

it('folds events from the initial state, in order', () => {
  const evolve = (sum: string, event: string) => sum + event;
  expect(fold({ initial: '', evolve }, ['a', 'b'])).toBe('ab');
  expect(Digest.safeParse('x').success).toBe(false);
  expect(import.meta.dirname).toContain('kernel');
});
