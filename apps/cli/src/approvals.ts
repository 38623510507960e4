import { confirm, isCancel } from '@clack/prompts';
import { after, Duration, Instant } from '@vt/kernel';
import type { Command } from 'commander';
import { z } from 'zod';
import type { Api } from './api.ts';
import { listFiles } from './artifacts.ts';
import { command, type Options } from './command.ts';
import { surroundings } from './config.ts';
import { CliError, EXIT } from './errors.ts';
import { bad, countOf, dim, good, heading, tableLines, warn } from './output.ts';

export const AS = 'whose word you pass on (admins only)';

const Word = z.looseObject({ by: z.string(), standsInFor: z.string().nullable(), at: z.string() });
const Request = z.looseObject({
  trainId: z.string(),
  ticketId: z.string(),
  phase: z.string(),
  cycle: z.int(),
  attempt: z.int(),
  role: z.string(),
  evidence: z.array(z.string()),
  quote: z.string(),
  count: z.int(),
  people: z.array(z.string()),
  brings: z.record(z.string(), z.string()),
  words: z.array(Word),
  stale: z.array(z.object({ by: z.string(), cause: z.string(), reason: z.string(), at: z.string() })),
  level: z.int(),
  escalatesAt: z.array(z.string()),
  deniedAt: z.string().nullable(),
  requestedAt: z.string(),
});
type Request = z.infer<typeof Request>;

/** What gates wait for people to agree to, of one train or of all. */
export const approvalsOf = (api: Api, trainId: string | undefined) =>
  api.list(`/v1/approvals?${trainId === undefined ? '' : `trainId=${trainId}&`}status=pending`, Request);

/** What people are asked to agree to, and what they say. */
export function addApprovals(vt: Command): void {
  command<[string | undefined, string | undefined]>(
    vt,
    'approvals [train] [phase]',
    'list what gates ask people to agree to; with a phase, show it whole, and how to answer',
    async ({ api, out }, options, id, phase) => {
      const pending = await approvalsOf(api, id);
      if (id !== undefined && phase !== undefined) {
        const wanted = theOne(pending, phase, options);
        return out.answer(wanted, await requestLines(api, wanted));
      }
      const rows = pending.map((each) => [
        ...(id === undefined ? [each.trainId] : []),
        ...[each.phase, each.role, `${each.words.length} of ${each.count}`, each.quote, each.requestedAt],
        ...[each.level, each.deniedAt ?? '–', each.stale.map(({ by }) => by).join(', ')],
      ]);
      const columns = ['phase', 'role', 'agreed', 'evidence', 'asked at', 'escalated', 'means no at', 'stale'];
      out.answer(pending, tableLines([...(id === undefined ? ['train'] : []), ...columns], rows));
    },
  ).option('--role <role>', 'which role, when several are asked');

  addAnswers(vt);
  addOffices(vt);
}

function addAnswers(vt: Command): void {
  for (const [name, verb, description] of [
    ['approve', 'grant', 'agree to what you were shown'],
    ['reject', 'refuse', 'do not agree; the phase is worked again, by what you say'],
    ['revise', 'refuse', 'ask for changes; the phase is worked again, by what you say, and it is no strike'],
  ] as const) {
    const answer = command<[string, string]>(
      vt,
      `${name} <train> <phase>`,
      description,
      async ({ api, out }, options, id, phase) => {
        const wanted = theOne(await approvalsOf(api, id), phase, options);
        await assertSeen(api, wanted, options, name);
        const { role, evidence } = wanted;
        await api.post(`/v1/trains/${id}/approvals/${verb}`, {
          ...{ phase, role, evidence },
          comment: options['comment'] ?? options['reason'] ?? '',
          ...(name === 'revise' ? { revise: true } : {}),
          ...(options['for'] ? { standsInFor: options['for'] } : {}),
          ...passedOn(options),
        });
        out.answer({ trainId: id, phase, role, done: name }, [good(`${phase}: ${name} as ${role}: done`)]);
      },
    )
      .option('--evidence <digest>', 'what you were shown, as `vt approvals <train> <phase>` says at its end')
      .option('--role <role>', 'which role, when several are asked')
      .option('--for <name>', 'whose voice it is, when several people delegated theirs to you')
      .option('--as <name>', AS);
    if (name === 'approve') answer.option('--comment <text>', 'a comment for the record');
    else answer.requiredOption('--reason <text>', 'why: the agent works by it');
  }
}

function addOffices(vt: Command): void {
  command<[string, string, string]>(
    vt,
    'delegate <train> <role> <to>',
    'let another person speak in your stead, for a while',
    async ({ api, out }, options, id, role, to) => {
      if (options['end']) {
        await api.post(`/v1/trains/${id}/delegations/end`, { role, to, ...passedOn(options) });
        return out.answer({ trainId: id, role, to, done: 'end' }, [
          good(`${to} does not speak in your stead any more`),
        ]);
      }
      const until = untilOf(options);
      const { reason = '' } = options;
      if (until === null || reason === '') {
        throw new CliError(EXIT.usage, 'a delegation has an end and a reason', 'give --until 2d and --reason "…"');
      }
      await api.post(`/v1/trains/${id}/delegations`, { role, to, until, reason, ...passedOn(options) });
      out.answer({ trainId: id, role, to, until, done: 'delegate' }, [
        good(`${to} may speak as ${role} until ${until}`),
      ]);
    },
  )
    .option('--until <moment>', UNTIL)
    .option('--reason <text>', 'why, for the record')
    .option('--end', 'speak for yourself again')
    .option('--as <name>', AS);

  const approver = vt.command('approver').description('change who has which role on a train');
  for (const [verb, description] of [
    ['appoint', 'give a person a role on a train'],
    ['dismiss', 'take a role from a person; what they agreed to at its gate becomes stale'],
  ] as const) {
    const change = command<[string, string, string]>(
      approver,
      `${verb} <train> <role> <name>`,
      description,
      async ({ api, out }, { reason }, id, role, name) => {
        await api.post(`/v1/trains/${id}/approvers/${verb}`, { role, name, ...(reason ? { reason } : {}) });
        out.answer({ trainId: id, role, name, done: verb }, [good(`${verb} ${name} as ${role}: done`)]);
      },
    );
    if (verb === 'dismiss') change.requiredOption('--reason <text>', 'why, for the record');
  }
}

export const passedOn = (options: Options) => (options['as'] ? { onBehalfOf: options['as'] } : {});

export const UNTIL = 'until when: a moment such as 2026-12-24T18:00:00Z, or from now on, such as 2d';

/** The moment that --until means; null when it is not given. */
export function untilOf({ until }: Options): Instant | null {
  if (typeof until !== 'string') return null;
  const length = Duration.safeParse(until);
  if (length.success) return after(Instant.parse(new Date().toISOString()), length.data);
  const moment = Date.parse(until);
  if (!Number.isNaN(moment)) return Instant.parse(new Date(moment).toISOString());
  throw new CliError(EXIT.usage, `--until ${until}: not a moment`, 'write 2026-12-24T18:00:00Z, or 2d from now');
}

function theOne(pending: readonly Request[], phase: string, { role }: Options): Request {
  const [wanted, ...more] = pending.filter(
    (each) => each.phase === phase && (role === undefined || each.role === role),
  );
  if (!wanted) throw new CliError(EXIT.notFound, `nothing waits for an approval in ${phase}`);
  if (more.length === 0) return wanted;
  const roles = [wanted, ...more].map((each) => `--role ${each.role}`).join(' or ');
  throw new CliError(EXIT.usage, `${phase} waits for several roles`, `say which: ${roles}`);
}

/** Nobody answers what they were not shown: they quote it, or see it now. */
async function assertSeen(api: Api, wanted: Request, { evidence }: Options, verb: string): Promise<void> {
  const { trainId, phase, role, quote } = wanted;
  const look = `look at it: vt approvals ${trainId} ${phase} --role ${role}`;
  if (evidence !== undefined) {
    if (evidence === quote) return;
    throw new CliError(
      EXIT.refused,
      `what lies at the gate of ${phase} now is ${quote}, not ${String(evidence)}`,
      look,
    );
  }
  if (!surroundings.isTerminal || process.stdin.isTTY !== true) {
    throw new CliError(EXIT.usage, `say what you were shown, by --evidence`, look);
  }
  for (const line of await requestLines(api, wanted)) process.stderr.write(`${line}\n`);
  const yes = await confirm({ message: `${verb} this as ${role}?` });
  if (isCancel(yes) || !yes) throw new CliError(EXIT.failure, 'not decided');
}

const Gates = z.object({
  items: z.array(
    z.looseObject({
      ticketId: z.string(),
      checks: z.array(z.object({ id: z.string(), outcome: z.string(), reason: z.string() })),
    }),
  ),
});

/** All that whoever agrees should have seen. */
async function requestLines(api: Api, request: Request): Promise<string[]> {
  const { trainId, ticketId, phase, role, count, people, quote, level, escalatesAt, deniedAt } = request;
  const [files, { items }] = await Promise.all([
    listFiles(api, trainId),
    api.get(`/v1/trains/${trainId}/gates`, Gates),
  ]);
  const checks = items.find((gate) => gate.ticketId === ticketId)?.checks ?? [];
  const shown = files.filter(({ digest, cycle }) => request.evidence.includes(digest) && cycle === request.cycle);
  const met = checks.filter(({ outcome }) => outcome === 'met').length;
  return [
    `${heading(phase)} asks the ${role}: ${count} of ${people.join(', ')}`,
    dim(`train ${trainId}, lap ${request.cycle}, attempt ${request.attempt}, asked at ${request.requestedAt}`),
    ...(level === 0
      ? []
      : [warn(`  nobody has answered: escalated ${countOf(level, 'time')}, last at ${escalatesAt[level - 1]}`)]),
    ...(deniedAt === null ? [] : [warn(`  silence means no at ${deniedAt}`)]),
    ...tableLines(
      ['file', 'digest'],
      shown.map(({ path, digest }) => [path, dim(digest.slice(0, 19))]),
    ),
    ...Object.entries(request.brings).map(([what, where]) => `  ${what}: ${where}`),
    `  ${countOf(met, 'check')} of ${checks.length} met`,
    ...checks.filter(({ outcome }) => outcome !== 'met').map(({ outcome, reason }) => warn(`  ${outcome}: ${reason}`)),
    ...request.words.map(({ by, standsInFor, at }) =>
      good(`  ${by}${standsInFor ? ` for ${standsInFor}` : ''} agreed at ${at}`),
    ),
    ...request.stale.map(({ by, cause, reason }) => bad(`  the word of ${by} is void, ${cause}: ${reason}`)),
    `evidence ${quote}`,
    dim(`agree: vt approve ${trainId} ${phase} --role ${role} --evidence ${quote}`),
  ];
}
