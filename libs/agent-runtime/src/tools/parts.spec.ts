import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { partsOf } from './parts.ts';

/** A token a character. */
const count = (text: string) => text.length;
const rows = (from: number, to: number) => Array.from({ length: to - from }, (_, row) => ({ row: from + row }));

/** What is at the end of each path, in order: a list's items have no names of their own. */
const leavesOf = (value: unknown, path = ''): readonly string[] => {
  if (Array.isArray(value) && value.length > 0) return value.flatMap((item) => leavesOf(item, `${path}/`));
  if (typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length > 0)
    return Object.entries(value).flatMap(([name, each]) => leavesOf(each, `${path}/${name}`));
  return [`${path}=${JSON.stringify(value)}`];
};

describe('parts of facts', () => {
  it('are one where everything fits', () => {
    const facts = { rows: rows(0, 3) };
    expect(partsOf(facts, 100, count)).toEqual([facts]);
  });

  it('are lists and objects of the same shape, and no row is in two', () => {
    expect(partsOf({ title: 'Rain', rows: rows(0, 10), of: { deep: rows(10, 12) } }, 60, count)).toEqual([
      { title: 'Rain' },
      { rows: rows(0, 4) },
      { rows: rows(4, 8) },
      { rows: rows(8, 10) },
      { of: { deep: rows(10, 12) } },
    ]);
  });

  it('are none where a text alone is too much', () => {
    expect(partsOf({ rows: rows(0, 3), story: 'It rained. '.repeat(9) }, 60, count)).toBeUndefined();
    expect(partsOf('It rained. '.repeat(9), 60, count)).toBeUndefined();
    expect(partsOf({ '': {} }, 5, count)).toBeUndefined();
    expect(partsOf(undefined, 0, count)).toEqual([undefined]);
  });

  it('lose nothing, add nothing, keep the order, and none is too large', () => {
    let parted = 0;
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), fc.integer({ min: 5, max: 200 }), (written, most) => {
        // As it is sent: what JSON does not know is nothing.
        const value: unknown = JSON.parse(JSON.stringify(written));
        const parts = partsOf(value, most, count);
        if (parts === undefined) return;
        if (parts.length > 1) parted += 1;
        expect(parts.flatMap((part) => leavesOf(part))).toEqual(leavesOf(value));
        if (parts.length > 1) for (const part of parts) expect(JSON.stringify(part).length).toBeLessThanOrEqual(most);
      }),
      { numRuns: 2_000 },
    );
    expect(parted).toBeGreaterThan(100);
  });
});
