import { describe, expect, it } from '@jest/globals';
import type { Command } from 'commander';
import { stripVTControlCharacters } from 'node:util';
import { bytes, duration, tableLines } from './output.ts';
import { program } from './program.ts';

const leavesOf = (command: Command): readonly Command[] =>
  command.commands.length === 0 ? [command] : command.commands.flatMap(leavesOf);
const pathOf = (command: Command): string =>
  command.parent?.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name();
const commands = new Map(leavesOf(program()).map((command) => [pathOf(command), command]));

it.each([
  'up',
  'demo',
  ...['start', 'list', 'show', 'watch', 'pause', 'resume', 'abort', 'unblock'].map((verb) => `train ${verb}`),
  'approve',
  'reject',
  'events tail',
  'artifacts list',
  'artifacts get',
  'risks',
  'costs',
  'audit verify',
  'pipeline validate',
  ...['issue', 'revoke', 'list'].map((verb) => `keys ${verb}`),
])('there is vt %s, described, and it speaks JSON', (path) => {
  const command = commands.get(path);
  expect(command?.description()).toBeTruthy();
  // `up` says nothing that a script could want: it ends when it is told to.
  if (path !== 'up') expect(command?.options.map(({ long }) => long)).toContain('--json');
});

describe('wrong use', () => {
  const use = (...args: string[]) => {
    const vt = program();
    for (const command of [vt, ...leavesOf(vt)]) command.configureOutput({ writeErr: () => {} }).exitOverride();
    return vt.parseAsync(args, { from: 'user' });
  };

  it.each([
    [['trian'], 'commander.unknownCommand'],
    [['train', 'show'], 'commander.missingArgument'],
    [['train', 'pause', 'x'], 'commander.missingMandatoryOptionValue'],
    [['train', 'list', '--jsno'], 'commander.unknownOption'],
  ])('%j is refused before anything is asked', async (args, code) => {
    await expect(use(...args)).rejects.toMatchObject({ code });
  });
});

it.each([
  [null, '–'],
  [0, '0 ms'],
  [850.4, '850 ms'],
  [12_340, '12.3 s'],
  [125_000, '2 min 05 s'],
])('%p milliseconds are %p', (ms, text) => {
  expect(duration(ms)).toBe(text);
});

it.each([
  [7, '7 B'],
  [2_048, '2.0 KiB'],
  [3 * 1_048_576, '3.0 MiB'],
])('%p bytes are %p', (size, text) => {
  expect(bytes(size)).toBe(text);
});

it('writes tables without a frame, and says when there is nothing', () => {
  const lines = tableLines(
    ['train', 'lap'],
    [
      ['rain', 1],
      ['a longer name', 12],
    ],
  ).map(stripVTControlCharacters);
  expect(lines).toEqual(['train          lap', 'rain           1', 'a longer name  12']);
  expect(tableLines(['train'], []).map(stripVTControlCharacters)).toEqual(['none']);
});
