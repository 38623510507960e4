import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { CONSECUTIVE_MAX, signatureOf, SIMILAR_MAX, spiralIn } from './spiral.ts';

describe('the signature of a failure', () => {
  it.each([
    ['connect ECONNREFUSED 10.0.0.7:5432', 'connect ECONNREFUSED 10.0.0.9:5433'],
    ['no file /tmp/value-train-action-x1/data.csv', 'no file /tmp/value-train-action-y2/other.csv'],
    ['no file ./a/b', 'no file ../c'],
    ['GET https://api.example.com/v1/x failed: 503', 'GET http://other.example.com/ failed: 502'],
    ['train 0191b2c4-6f3e-4a75-9d4e-2f1c0a9b8d7e is gone', 'train 0191b2c4-6f3e-4a75-9d4e-000000000000 is gone'],
    ['sha256:4f5a6b7c8d9e is damaged', 'sha256:00aa11bb22cc is damaged'],
    ['not done after 30 s', 'not done after 1.5 s'],
    ['no such column: "rain"', 'no such column: "wind"'],
    ['Exit code 1:\n  boom', 'exit code 137: boom'],
  ])('of %j and %j is one', (one, other) => {
    expect(signatureOf(one)).toBe(signatureOf(other));
  });

  it.each([
    ['connection refused', 'connection reset'],
    ['no such column', 'no such table'],
    ['deadbeef feedface', 'deadbeef'],
  ])('of %j and %j are two', (one, other) => {
    expect(signatureOf(one)).not.toBe(signatureOf(other));
  });

  it('is short', () => {
    expect(signatureOf('a '.repeat(1_000))).toHaveLength(200);
  });
});

describe('a spiral', () => {
  it('is the same failure of an action three times in a row', () => {
    expect(spiralIn('a', ['b', 'a', 'a'], [])).toEqual({ signature: 'a', consecutive: 3, similar: 3 });
    expect(spiralIn('a', ['a', 'a', 'b'], [])).toBeUndefined();
    expect(spiralIn('a', ['a'], ['a', 'a'])).toBeUndefined();
  });

  it('is the same failure five times at all, of other actions and in attempts before, too', () => {
    expect(spiralIn('a', ['a', 'b'], ['b', 'a', 'a', 'a'])).toEqual({ signature: 'a', consecutive: 1, similar: 5 });
  });

  it('is found where it is, and nowhere else', () =>
    fc.assert(
      fc.property(fc.array(fc.constantFrom('a', 'b', 'c')), fc.array(fc.constantFrom('a', 'b')), (own, others) => {
        const inRow = [...own, 'a'].slice(-CONSECUTIVE_MAX).join() === 'a'.repeat(CONSECUTIVE_MAX).split('').join();
        const atAll = ['a', ...own, ...others].filter((each) => each === 'a').length >= SIMILAR_MAX;
        expect(spiralIn('a', own, others) !== undefined).toBe(inRow || atAll);
      }),
    ));
});
