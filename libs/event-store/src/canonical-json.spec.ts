import { describe, expect, it } from '@jest/globals';
import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { canonicalJson } from './canonical-json.ts';

describe('canonicalJson', () => {
  it('writes what the reference implementation writes', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue()), (value) => {
        expect(canonicalJson(value)).toBe(canonicalize(value));
      }),
    );
  });

  // The example of RFC 8785, section 3.2.2, and its order of keys, section 3.2.3.
  it('writes the examples of the RFC', () => {
    const numbers = [333333333.33333329, 1e30, 4.5, 2e-3, 0.000000000000000000000000001];
    expect(canonicalJson({ numbers, string: '€$\u000f\nA\'B"\\\\"/', literals: [null, true, false] })).toBe(
      String.raw`{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`,
    );
    expect(canonicalJson({ '€': 5, '\r': 1, '\ufb33': 7, '1': 2, '😀': 6, '\u0080': 3, ö: 4 })).toBe(
      '{"\\r":1,"1":2,"\u0080":3,"ö":4,"€":5,"😀":6,"\ufb33":7}',
    );
  });

  it.each([2, 32, 33, 500])('sorts %d keys', (count) => {
    const value = Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${(index * 37) % 501}`, index]));
    expect(canonicalJson(value)).toBe(canonicalize(value));
  });

  it.each([
    ['keys like integers', { b: 1, '10': 2, '9': 3 }],
    ['a key named __proto__', JSON.parse('{"a":1,"__proto__":{"b":2}}') as object],
    ['a date', { at: new Date(0) }],
    ['a text that looks like an escaped surrogate', { text: '\\ud800' }],
    ['what JSON leaves out', { a: undefined, b: [undefined], c: () => 1 }],
  ])('leaves %s to the reference implementation', (_, value) => {
    expect(canonicalJson(value)).toBe(canonicalize(value));
  });

  it.each([
    ['NaN', { a: Number.NaN }],
    ['an infinity', { a: [Number.NEGATIVE_INFINITY] }],
    ['a lone surrogate', { a: 'x\udfff' }],
    ['a lone surrogate in a key', { '\ud800': 1 }],
    ['a bigint', { a: 1n }],
  ])('throws at %s', (_, value) => {
    expect(() => canonicalJson(value)).toThrow();
  });
});
