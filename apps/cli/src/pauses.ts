import type { Command } from 'commander';
import { z } from 'zod';
import { Pause } from './api.ts';
import { command, type Options } from './command.ts';
import { CliError, EXIT } from './errors.ts';
import { good, tableLines } from './output.ts';

/** What is paused and why, for somebody who wonders why nothing moves. */
export const pauseLine = (pause: Pause) =>
  `${scopeLine(pause)} is paused by ${pause.by} since ${pause.since}: ${pause.reason}`;

export const scopeLine = ({ scope, subject }: Pause) =>
  `the ${scope}${subject && scope !== 'train' ? ` ${subject}` : ''}`;

const SCOPES = {
  session: ['--session <ticket>', 'the work on a ticket, and not its gate'],
  ticket: ['--ticket <ticket>', 'a ticket: the work on it, and its gate'],
  train: ['--train <train>', 'a train'],
  agent: ['--agent <agent>', 'all agents of a kind'],
  tenant: ['--tenant', 'everything of your tenant'],
  fleet: ['--fleet', 'everything of every tenant (admins)'],
} as const;

/** Pauses of every scope. */
export function addPauses(vt: Command): void {
  for (const [verb, description, path, done] of [
    ['pause', 'begin nothing new in a scope', '/v1/pauses', 'paused'],
    ['resume', 'go on in a scope, where no other pause covers it', '/v1/pauses/lift', 'resumed'],
  ] as const) {
    const made = command(vt, verb, description, async ({ api, out }, options) => {
      const what = scopeOf(verb, options);
      const reason = options['reason'] === undefined ? {} : { reason: options['reason'] };
      await api.post(path, { ...what, ...reason });
      out.answer({ ...what, done: verb }, [good(`${what.scope} ${what.subject ?? ''}`.trim() + `: ${done}`)]);
    });
    for (const [flag, meaning] of Object.values(SCOPES)) made.option(flag, meaning);
    if (verb === 'pause') made.requiredOption('--reason <text>', 'why, for the record');
    else made.option('--reason <text>', 'why, for the record');
  }
  command(vt, 'pauses', 'list what is paused, by whom, why and since when', async ({ api, out }) => {
    const { items } = await api.get('/v1/pauses', z.object({ items: z.array(Pause) }));
    const rows = items.map(({ scope, subject, by, since, reason }) => [scope, subject, by, since, reason]);
    out.answer(items, tableLines(['scope', 'of', 'by', 'since', 'why'], rows));
  });
}

function scopeOf(verb: string, options: Options) {
  const [scope, ...more] = Object.keys(SCOPES).filter((each) => options[each] !== undefined);
  if (scope === undefined || more.length > 0) {
    const all = Object.values(SCOPES).map(([flag]) => flag);
    throw new CliError(EXIT.usage, `${verb} what? Say one scope`, `one of ${all.join(', ')}`);
  }
  const subject = options[scope];
  return typeof subject === 'string' ? { scope, subject } : { scope };
}
