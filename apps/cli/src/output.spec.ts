import { expect, it } from '@jest/globals';
import { stripVTControlCharacters } from 'node:util';
import { bad, bytes, duration, fitted, tableLines } from './output.ts';

it.each([
  [null, '–'],
  [undefined, '–'],
  [0, '0 ms'],
  [999, '999 ms'],
  [1_000, '1.0 s'],
  [12_340, '12.3 s'],
  [59_999, '1 min 00 s'],
  [125_000, '2 min 05 s'],
  [3_600_000, '60 min 00 s'],
])('says %s ms as a person would: %s', (ms, said) => {
  expect(duration(ms)).toBe(said);
});

it.each([
  [0, '0 B'],
  [1_023, '1023 B'],
  [1_024, '1.0 KiB'],
  [1_048_576, '1.0 MiB'],
])('says %s bytes as %s', (size, said) => {
  expect(bytes(size)).toBe(said);
});

it('sets columns under their names, whatever their colours', () => {
  const lines = tableLines(
    ['train', 'lap'],
    [
      ['a', 1],
      [bad('much longer'), 22],
    ],
  ).map(stripVTControlCharacters);
  expect(lines).toEqual(['train        lap', 'a            1', 'much longer  22']);
  expect(tableLines(['train'], []).map(stripVTControlCharacters)).toEqual(['none']);
});

it('cuts a line by its letters, and not by its colours', () => {
  expect(fitted('twelve signs', 12)).toBe('twelve signs');
  expect(fitted('twelve signs', 8)).toBe('twelve …');
  const cut = fitted(`${bad('red')} and black`, 6);
  expect(stripVTControlCharacters(cut)).toBe('red a…');
  expect(cut).toContain('\u001b[31m');
  expect(fitted(bad('red'), 3)).toBe(bad('red'));
});
