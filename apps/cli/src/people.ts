import type { Command } from 'commander';
import { z } from 'zod';
import { command } from './command.ts';
import { CliError, EXIT } from './errors.ts';
import { good, tableLines } from './output.ts';

const Pending = z.looseObject({
  trainId: z.string(),
  phase: z.string(),
  role: z.string(),
  evidence: z.array(z.string()),
  requestedAt: z.string(),
});

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
        const pending = (await api.list(`/v1/approvals?trainId=${id}&status=pending`, Pending)).filter(
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
      .option('--as <name>', 'whose word you pass on (admins only)')
      .option('--comment <text>', 'a comment for the record');
  }
}
