import { expect, it } from '@jest/globals';
import { Conflict, Rejection, Unavailable } from '@vt/kernel';
import { settlementOf } from './settle.ts';

const withCode = (code: string) => Object.assign(new Error(code), { code });

it.each([
  ['a refusal is final', new Rejection('no', 'no'), 1, { kind: 'done' }],
  ['an outage is tried again', new Unavailable('db'), 1, { kind: 'retry', delayMs: 50 }],
  ['each retry waits twice as long', new Conflict('s', 3), 4, { kind: 'retry', delayMs: 400 }],
  ['up to a limit, and in an outage never parks', new Unavailable('db'), 1_000, { kind: 'retry', delayMs: 2_000 }],
  ['PostgreSQL that shuts down is an outage', withCode('57P01'), 1, { kind: 'retry', delayMs: 50 }],
  ['a refused connection is an outage', withCode('ECONNREFUSED'), 1, { kind: 'retry', delayMs: 50 }],
  [
    'so is one below another error',
    new Error('query failed', { cause: new Error('Connection terminated unexpectedly') }),
    1,
    { kind: 'retry', delayMs: 50 },
  ],
  ['a violated constraint is a bug', withCode('23505'), 1, { kind: 'park', reason: 'Error: 23505' }],
  [
    'a bug is parked at once',
    new TypeError('x is not a function'),
    1,
    { kind: 'park', reason: 'TypeError: x is not a function' },
  ],
  ['so is what is not even an error', 'oops', 1, { kind: 'park', reason: 'oops' }],
])('%s', (_rule, error, tries, settlement) => {
  expect(settlementOf(error, tries, 0)).toEqual(settlement);
});

it.each([
  ['goes on being tried', 7, { kind: 'retry', delayMs: 2_000 }],
  ['is parked', 8, { kind: 'park', reason: 'Unavailable: no such key' }],
])('what fails %s after %i tries in which others came through', (_rule, against, settlement) => {
  expect(settlementOf(new Unavailable('no such key'), 100, against)).toEqual(settlement);
});
