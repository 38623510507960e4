import type { Command } from 'commander';
import { z } from 'zod';
import type { Api } from './api.ts';
import { command } from './command.ts';
import { CliError, EXIT } from './errors.ts';
import { good, tableLines } from './output.ts';

const AS = 'whose word you pass on (admins only)';

const Pending = z.looseObject({
  trainId: z.string(),
  phase: z.string(),
  role: z.string(),
  evidence: z.array(z.string()),
  requestedAt: z.string(),
});

/** What gates of a train wait for people to agree to. */
export const approvalsOf = (api: Api, trainId: string) =>
  api.list(`/v1/approvals?trainId=${trainId}&status=pending`, Pending);

/** What people are asked for: to agree, and to do. */
export function addPeople(vt: Command): void {
  for (const [name, verb, description] of [
    ['approve', 'grant', 'agree to what a gate shows; without a phase, list what waits'],
    ['reject', 'refuse', 'do not agree to what a gate shows; the phase is worked again'],
  ] as const) {
    command<[string, string | undefined]>(
      vt,
      `${name} <train> [phase]`,
      description,
      async ({ api, out }, options, id, phase) => {
        const pending = (await approvalsOf(api, id)).filter(
          (each) =>
            (phase === undefined || each.phase === phase) &&
            (options['role'] === undefined || each.role === options['role']),
        );
        if (phase === undefined) {
          const rows = pending.map((each) => [each.phase, each.role, each.evidence.length, each.requestedAt]);
          return out.answer(pending, tableLines(['phase', 'role', 'files', 'asked at'], rows));
        }
        const [wanted, ...more] = pending;
        if (!wanted) throw new CliError(EXIT.notFound, `nothing waits for an approval in ${phase}`);
        if (more.length > 0)
          throw new CliError(
            EXIT.usage,
            `${phase} waits for several roles`,
            `say which: ${pending.map(({ role }) => `--role ${role}`).join(' or ')}`,
          );
        await api.post(`/v1/trains/${id}/approvals/${verb}`, {
          phase,
          role: wanted.role,
          evidence: wanted.evidence,
          comment: options['comment'] ?? '',
          ...(options['as'] ? { onBehalfOf: options['as'] } : {}),
        });
        out.answer({ trainId: id, phase, role: wanted.role, done: name }, [
          good(`${phase}: ${name} as ${wanted.role}: done`),
        ]);
      },
    )
      .option('--role <role>', 'which role, when several are asked')
      .option('--as <name>', AS)
      .option('--comment <text>', 'a comment for the record');
  }

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
