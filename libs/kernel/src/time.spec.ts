import { expect, it } from '@jest/globals';
import { Instant } from './ids.ts';
import { after, Duration, earliest, isOver, msOf } from './time.ts';

const at = (text: string) => Instant.parse(text);

it.each([
  ['4h', 14_400],
  ['30m', 1_800],
  ['2d', 172_800],
  ['2s', 2],
  ['PT4H', 14_400],
  ['P1DT12H', 129_600],
  ['PT1M30S', 90],
])('%s is a duration of %i seconds', (text, seconds) => {
  expect(msOf(Duration.parse(text))).toBe(seconds * 1_000);
});

it.each(['', '4', 'h', '0h', '4 hours', '-4h', 'P', 'PT', 'PT0S', 'P1M', 'P1W', 'P1Y', '4H', '1h30m', '9999999d'])(
  '"%s" is none',
  (text) => {
    expect(Duration.safeParse(text).error?.issues).toMatchObject([{ code: 'invalid_format' }]);
  },
);

it('counts from a moment, and knows what comes first and what is over', () => {
  const noon = at('2026-11-21T12:00:00.000Z');
  const later = after(noon, Duration.parse('PT1H30M'));
  expect(later).toBe('2026-11-21T13:30:00.000Z');
  expect(earliest([later, noon, later])).toBe(noon);
  expect(earliest([])).toBeUndefined();
  // The same moment, written shorter.
  expect([isOver(at('2026-11-21T12:00:00Z'), noon), isOver(noon, noon), isOver(later, noon)]).toEqual([
    true,
    true,
    false,
  ]);
});
