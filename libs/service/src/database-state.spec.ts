import { expect, it } from '@jest/globals';
import { certainLead } from './database-state.ts';

it.each([
  ['a clock that may be right', 1_000, 1_010, 1_040, 0],
  ['a clock that is ahead', 9_000, 1_000, 9_040, 8_000],
  ['a clock that is behind', 1_000, 9_000, 1_040, -7_960],
  ['a clock that may be right, by a slow answer', 1_000, 3_000, 5_000, 0],
])('takes the least lead that %s can have', (_, asked, theirs, answered, lead) => {
  expect(certainLead(asked, theirs, answered)).toBe(lead);
});
