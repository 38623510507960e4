import { expect, it } from '@jest/globals';
import { joined, type Replay } from './gates.ts';

const page = (trainId: string, changes: Record<string, number>, next: number | null): Replay => ({
  ...{ trains: 2, judged: 3, elsewhere: 1, flipped: 1, changes, next },
  flips: [
    {
      ...{ trainId, phase: 'scope', cycle: 1, attempt: 1, decision: '4', at: '2026-11-21T09:00:00.000Z' },
      ...{ from: 'passed', to: 'failed', because: [] },
    },
  ],
});

it('adds up the pages of a replay, and lists all that would flip', () => {
  const [one, other] = [page('a', { up: 1 }, 7), page('b', { up: 2, down: 1 }, null)];
  expect(joined(one, other)).toEqual({
    ...{ trains: 4, judged: 6, elsewhere: 2, flipped: 2, changes: { up: 3, down: 1 }, next: null },
    flips: [...one.flips, ...other.flips],
  });
});
