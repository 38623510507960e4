import { expect, it } from '@jest/globals';
import type { Command } from 'commander';
import { program } from './program.ts';

/** Every command with its parents' names, as it is typed. */
const typed = (command: Command, before = ''): string[] =>
  command.commands.flatMap((sub) => [`${before}${sub.name()}`, ...typed(sub, `${before}${sub.name()} `)]);

/** What a command line ends with, and what it says on the way. */
async function run(...args: readonly string[]) {
  const said = { out: '', err: '' };
  const configured = (command: Command): Command => {
    command.configureOutput({
      writeOut: (text) => void (said.out += text),
      writeErr: (text) => void (said.err += text),
    });
    command.commands.forEach(configured);
    return command;
  };
  const ended: unknown = await configured(program())
    .parseAsync(args, { from: 'user' })
    .catch((error: unknown) => error);
  return { ...said, ended };
}

it('has every command that an operator needs', () => {
  const commands = typed(program());
  for (const name of [
    ...['up', 'demo', 'approvals', 'approve', 'reject', 'revise', 'delegate', 'waive', 'force', 'settle'],
    ...['approver appoint', 'approver dismiss', 'events tail', 'artifacts', 'risks', 'costs', 'audit verify'],
    ...['start', 'list', 'show', 'watch', 'pause', 'resume', 'abort'].map((verb) => `train ${verb}`),
    ...['pipeline validate', 'train export', 'gate show', 'gate verdict', 'gate replay', 'gate verify'],
    ...['tasks', 'task complete', 'pause', 'resume', 'pauses'],
  ]) {
    expect(commands).toContain(name);
  }
});

it('lists them in its help, with the exit codes', async () => {
  const { out, err } = await run('--help');
  for (const name of program().commands.map((command) => command.name()))
    expect(out).toMatch(new RegExp(`^ +${name}\\b`, 'm'));
  expect(out).toContain('Exit codes: 0 done, 1 failed, 2 wrong use or input');
  expect(err).toBe('');
});

it('gives every command that talks or answers --json and a description', () => {
  const all = (command: Command): Command[] => [command, ...command.commands.flatMap(all)];
  for (const command of all(program()).filter(({ commands }) => commands.length === 0)) {
    expect(command.description()).not.toBe('');
    if (command.name() !== 'up') expect(command.options.map(({ long }) => long)).toContain('--json');
  }
});

it.each([
  [['bogus'], "error: unknown command 'bogus'"],
  [['train', 'bogus'], "error: unknown command 'bogus'"],
  [['train', 'list', '--bogus'], "error: unknown option '--bogus'"],
  [['train', 'start'], "error: missing required argument 'charter'"],
  [['pause', '--tenant'], "error: required option '--reason <text>' not specified"],
  [['train', 'pause', 'some-train'], "error: required option '--reason <text>' not specified"],
])('says in a line what is wrong with %j', async (args, says) => {
  const { out, err, ended } = await run(...args);
  expect(err.split('\n')[0]).toBe(says);
  expect(err.trimEnd().split('\n')).toHaveLength(2);
  expect(out).toBe('');
  expect(ended).toMatchObject({ name: 'CommanderError', exitCode: 1 });
});
