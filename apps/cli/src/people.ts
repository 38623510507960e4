import type { Command } from 'commander';
import { z } from 'zod';
import type { Api } from './api.ts';
import { addApprovals, AS } from './approvals.ts';
import { command } from './command.ts';
import { CliError, EXIT } from './errors.ts';
import { good, tableLines } from './output.ts';
import { addWaivers } from './waivers.ts';

/** What people are asked for: to agree, and to do. */
export function addPeople(vt: Command): void {
  addApprovals(vt);
  addWaivers(vt);
  command<[string | undefined]>(
    vt,
    'tasks [train]',
    'list what sessions wait for people to do',
    async ({ api, out }, _, train) => {
      const tasks = await tasksOf(api, train);
      const rows = tasks.map(({ trainId, phase, action, role, askedAt, instructions }) => [
        ...(train === undefined ? [trainId] : []),
        ...[phase, action, role, askedAt, instructions],
      ]);
      const columns = ['phase', 'action', 'role', 'asked at', 'what to do'];
      out.answer(tasks, tableLines([...(train === undefined ? ['train'] : []), ...columns], rows));
    },
  );
  const task = vt.command('task').description('complete a task that a session waits for');
  command<[string, string]>(
    task,
    'complete <train> <action>',
    'say that a task is done, and what you found; the session goes on with it',
    async ({ api, out }, options, trainId, action) => {
      const facts = Object.fromEntries(((options['fact'] ?? []) as readonly string[]).map(factOf));
      const asked = (await tasksOf(api, trainId)).find((each) => each.action === action);
      if (!asked)
        throw new CliError(EXIT.notFound, `nobody is asked for ${action}`, `vt tasks ${trainId} lists what is`);
      await api.post(`/v1/trains/${trainId}/tasks/${asked.ticketId}/${action}/complete`, {
        facts,
        ...(options['as'] ? { onBehalfOf: options['as'] } : {}),
      });
      out.answer({ trainId, action, ticketId: asked.ticketId, facts, done: 'complete' }, [good(`${action}: done`)]);
    },
  )
    .option('--fact <name=value...>', 'what you found: a number, true or false, or words')
    .option('--as <name>', AS);
}

const Task = z.looseObject({
  trainId: z.string(),
  ticketId: z.string(),
  phase: z.string(),
  action: z.string(),
  role: z.string(),
  instructions: z.string(),
  askedAt: z.string(),
});

/** What sessions wait for people to do, of one train or of all. */
export const tasksOf = async (api: Api, trainId: string | undefined) => {
  const { items } = await api.get(
    `/v1/tasks${trainId ? `?trainId=${trainId}` : ''}`,
    z.object({ items: z.array(Task) }),
  );
  return items;
};

/** `rows=120`: a name, and a number, a truth value or words. */
export function factOf(text: string): readonly [string, string | number | boolean] {
  const [, name, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined) {
    throw new CliError(EXIT.usage, `--fact ${text}: no value`, 'give it as name=value, such as --fact pages=4');
  }
  if (value === 'true' || value === 'false') return [name, value === 'true'];
  return [name, value.trim() !== '' && Number.isFinite(Number(value)) ? Number(value) : value];
}
