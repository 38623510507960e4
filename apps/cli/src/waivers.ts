import type { Command } from 'commander';
import { AS, passedOn, UNTIL, untilOf } from './approvals.ts';
import { command, type Options } from './command.ts';
import { bad, dim, good, warn } from './output.ts';

export interface Waiver {
  readonly waiverId: string;
  readonly phase: string;
  readonly cycle: number;
  readonly checks: readonly string[];
  readonly reason: string;
  readonly owner: string;
  readonly until: string;
  readonly role: string;
  readonly by: string;
  readonly forced: boolean;
  readonly state: 'active' | 'ended' | 'mended' | 'accepted';
}

const terms = (sub: Command) =>
  sub
    .requiredOption('--role <role>', 'in which role, one that the pipeline lets waive')
    .option('--reason <text>', 'why')
    .option('--owner <name>', 'who sees to it that it is not needed any more')
    .option('--until <moment>', UNTIL)
    .option('--as <name>', AS);

/** What is missing is refused by the rule that asks for it. */
const wishOf = (phase: string, options: Options) => ({
  phase,
  role: options['role'],
  reason: options['reason'] ?? '',
  owner: options['owner'] ?? '',
  until: untilOf(options),
  ...passedOn(options),
});

/** How people let a gate pass what is not met, and answer for it. */
export function addWaivers(vt: Command): void {
  terms(
    command<[string, string, string[]]>(
      vt,
      'waive <train> <phase> <checks...>',
      'let checks of a gate be unmet, until an end; a blocked train gets another try',
      async ({ api, out }, options, id, phase, checks) => {
        const wish = wishOf(phase, options);
        await api.post(`/v1/trains/${id}/waivers`, { ...wish, checks });
        out.answer({ trainId: id, ...wish, checks, done: 'waive' }, [good(`${phase}: waived until ${wish.until}`)]);
      },
    ),
  );
  terms(
    command<[string, string]>(
      vt,
      'force <train> <phase>',
      'waive everything that is unmet at a gate, as far as it may be',
      async ({ api, out }, options, id, phase) => {
        const wish = wishOf(phase, options);
        await api.post(`/v1/trains/${id}/waivers/force`, wish);
        out.answer({ trainId: id, ...wish, done: 'force' }, [good(`${phase}: forced, until ${wish.until}`)]);
      },
    ),
  );
  command<[string, string, string]>(
    vt,
    'settle <train> <waiver> <how>',
    'say that what a waiver covered is mended, or accepted as it is',
    async ({ api, out }, options, id, waiverId, how) => {
      const body = { as: how, role: options['role'], reason: options['reason'] ?? '', ...passedOn(options) };
      await api.post(`/v1/trains/${id}/waivers/${waiverId}/settle`, body);
      out.answer({ trainId: id, waiverId, ...body, done: 'settle' }, [good(`${waiverId}: ${how}`)]);
    },
  )
    .requiredOption('--role <role>', 'in which role, one that the pipeline lets waive')
    .option('--reason <text>', 'why')
    .option('--as <name>', AS);
}

/** A waiver as it is shown on its train, for ever. */
export const waiverLines = (waivers: readonly Waiver[]): string[] =>
  waivers.flatMap(({ waiverId, phase, cycle, checks, reason, owner, until, role, by, forced, state }) => {
    const colour = state === 'active' ? warn : state === 'ended' ? bad : dim;
    const what = `${forced ? 'forced' : 'waived'}: ${checks.join(', ')}`;
    return [
      colour(`  ${waiverId} ${state}: ${phase}, lap ${cycle}, ${what}`),
      dim(`     until ${until}, by ${by} as ${role}, owned by ${owner}: ${reason}`),
    ];
  });
