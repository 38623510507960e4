import type { Command } from 'commander';
import { z } from 'zod';
import type { Api } from './api.ts';
import { command } from './command.ts';
import { CliError, EXIT } from './errors.ts';
import { bad, dim, duration, good, heading, tableLines } from './output.ts';

const Session = z.looseObject({
  ticketId: z.string(),
  phase: z.string(),
  cycle: z.int(),
  attempt: z.int(),
  agent: z.string(),
  status: z.string(),
  ended: z.string().nullable(),
  workPhase: z.string().nullable(),
  resumptions: z.int(),
  actions: z.array(z.looseObject({ state: z.string() })),
  handedOff: z.looseObject({ action: z.string(), from: z.string() }).nullable(),
  reasons: z.array(z.string()),
});

const Kept = z.object({ kept: z.int(), of: z.int() });
const Measured = z.looseObject({
  phase: z.string(),
  cycle: z.int(),
  attempt: z.int(),
  tokenizer: z.string(),
  logTokens: z.int(),
  sourceTokens: z.int(),
  tokens: z.int(),
  ratio: z.number(),
  retention: z.object({ decisions: Kept, questions: Kept, parameters: Kept }),
  digest: z.string(),
  archived: z.boolean(),
  problems: z.array(z.string()),
  bundle: z.looseObject({
    summary: z.string().optional(),
    mission: z.object({ goal: z.string(), success: z.array(z.string()) }),
    decisions: z.array(
      z.looseObject({
        decision: z.string(),
        rationale: z.string(),
        alternatives: z.array(z.object({ option: z.string(), because: z.string() })),
      }),
    ),
    questions: z.array(z.looseObject({ question: z.string(), impact: z.string(), neededBy: z.string() })),
    parameters: z.record(z.string(), z.unknown()),
    next: z.array(z.looseObject({ action: z.string(), does: z.string() })),
  }),
});
type Measured = z.infer<typeof Measured>;

const Reported = z.object({
  phase: z.string(),
  cycle: z.int(),
  attempt: z.int(),
  waves: z.int(),
  wallMs: z.number(),
  sequentialMs: z.number(),
  criticalMs: z.number(),
  criticalPath: z.array(z.string()),
  actions: z.array(
    z.object({
      ...{ action: z.string(), by: z.string(), wave: z.int() },
      ...{ wallMs: z.number(), lostMs: z.number(), handoffMs: z.number() },
    }),
  ),
});
type Reported = z.infer<typeof Reported>;

const Compliance = z.object({
  laws: z.array(
    z.object({
      law: z.string(),
      says: z.string(),
      policy: z.string(),
      checked: z.int(),
      waived: z.int(),
      violations: z.array(z.object({ where: z.string(), reason: z.string() })),
      mend: z.string(),
    }),
  ),
  suggestions: z.array(
    z.object({ proposal: z.string(), because: z.string(), impact: z.int().nullable(), effort: z.int().nullable() }),
  ),
});

const LogEntry = z.object({
  version: z.int(),
  at: z.string(),
  actor: z.string(),
  type: z.string(),
  data: z.record(z.string(), z.unknown()),
});

const Loaded = z.looseObject({ usage: z.looseObject({ loads: z.array(z.looseObject({ outcome: z.string() })) }) });

/** What an action gave to a model, by outcome. */
export const loadWords = (data: unknown): string => {
  const loaded = Loaded.safeParse(data);
  if (!loaded.success) return '';
  const byOutcome = Map.groupBy(loaded.data.usage.loads, ({ outcome }) => outcome);
  return ` (to a model: ${[...byOutcome].map(([outcome, loads]) => `${loads.length} ${outcome}`).join(', ')})`;
};

const items = <Item extends z.ZodType>(item: Item) => z.object({ items: z.array(item) });

const sessionsOf = async (api: Api, train: string) =>
  (await api.get(`/v1/trains/${train}/sessions`, items(Session))).items;

/** The latest session of a phase, or that of the agent which an action of it was handed off to. */
async function sessionAt(api: Api, train: string, phase: string, action?: string) {
  const found = (await sessionsOf(api, train)).findLast(
    (session) => session.phase === phase && session.handedOff?.action === action,
  );
  if (found) return found;
  throw new CliError(EXIT.notFound, `nobody has begun with ${phase}`, `vt session list ${train} shows what was begun`);
}

/** The work of agents on tickets: what it knows, what it did, and back to an earlier point of it. */
export function addSessions(vt: Command): void {
  const session = vt
    .command('session')
    .description('look into the work of agents, and take it back to an earlier point');
  command<[string]>(session, 'list <train>', 'list the sessions of a train', async ({ api, out }, _, train) => {
    const sessions = await sessionsOf(api, train);
    const rows = sessions.map(
      ({ phase, cycle, attempt, agent, ended, actions, resumptions, reasons, handedOff, workPhase, ...row }) => {
        const done = actions.filter(({ state }) => state === 'completed').length;
        const status = row.status === 'archived' ? `archived (${ended})` : row.status;
        const about = handedOff ? `${phase}: ${handedOff.action}, of ${handedOff.from}` : phase;
        const of = `${done} of ${actions.length}`;
        return [about, cycle, attempt, agent, status, workPhase ?? '', of, resumptions, reasons.join('; ')];
      },
    );
    const columns = [
      'phase',
      'lap',
      'attempt',
      'agent',
      'status',
      'work phase',
      'actions done',
      'taken up again',
      'because',
    ];
    out.answer(sessions, tableLines(columns, rows));
  });
  command<[string, string]>(
    session,
    'log <train> <phase>',
    'list the events of the latest session of a phase, by version',
    async ({ api, out }, options, train, phase) => {
      const action = options['handedOff'];
      const { ticketId } = await sessionAt(api, train, phase, typeof action === 'string' ? action : undefined);
      const log = await api.get(`/v1/trains/${train}/sessions/${ticketId}/log`, items(LogEntry));
      const rows = log.items.map(({ version, at, actor, type, data }) => {
        const about = String(data['action'] ?? data['workPhase'] ?? data['reason'] ?? data['outcome'] ?? '');
        const other = data['to'] ?? (data['handoff'] === undefined ? undefined : data['agent']);
        const whose =
          typeof other === 'string' ? `${about}, ${type === 'HandoffOffered' ? 'to' : 'by'} ${other}` : about;
        return [version, at, type, `${whose}${loadWords(data)}`, actor];
      });
      out.answer(log.items, tableLines(['version', 'at', 'event', 'about', 'by'], rows));
    },
  ).option('--handed-off <action>', 'of the agent that this action was handed off to');
  command<[string, string | undefined]>(
    session,
    'bundle <train> [phase]',
    'condense sessions to what the next claimant has to know, and measure what was kept',
    async ({ api, out }, _, train, phase) => {
      const query = phase === undefined ? '' : `?phase=${encodeURIComponent(phase)}`;
      const bundles = await api.get(`/v1/trains/${train}/bundles${query}`, items(Measured));
      const details = phase === undefined ? [] : bundles.items.flatMap(bundleLines);
      const tokenizer = bundles.items[0]?.tokenizer;
      out.answer(bundles.items, [
        ...tableLines(MEASURES, bundles.items.map(measuresOf)),
        ...(tokenizer ? [dim(`tokens by ${tokenizer}; kept: decisions, open questions, parameters`)] : []),
        ...bundles.items.flatMap(({ problems }) => problems.map((problem) => bad(problem))),
        ...details,
      ]);
    },
  );
  command<[string, string | undefined]>(
    session,
    'report <train> [phase]',
    'compare the time of sessions with one action after the other, and with the longest way through them',
    async ({ api, out }, _, train, phase) => {
      const query = phase === undefined ? '' : `?phase=${encodeURIComponent(phase)}`;
      const reports = (await api.get(`/v1/trains/${train}/orchestration${query}`, items(Reported))).items;
      out.answer(reports, [
        ...tableLines(TIMES, reports.map(timesOf)),
        ...(phase === undefined ? [] : reports.flatMap(waveLines)),
      ]);
    },
  );
  command<[string, string]>(
    session,
    'rollback <train> <phase>',
    'make the open session of a phase what it was at an earlier version',
    async ({ api, out }, options, train, phase) => {
      const { ticketId } = await sessionAt(api, train, phase);
      const to = Number(options['to']);
      await api.post(`/v1/trains/${train}/sessions/${ticketId}/rollback`, { to, reason: options['reason'] });
      out.answer({ trainId: train, ticketId, to, done: 'rollback' }, [good(`${phase}: back at version ${to}`)]);
    },
  )
    .requiredOption('--to <version>', 'which version, as `vt session log` lists them')
    .requiredOption('--reason <text>', 'why, for the record');
}

/** Whether a train keeps the laws. */
export function addLaws(vt: Command): void {
  command<[string]>(
    vt,
    'laws <train>',
    'judge a train by the laws, and list what its sessions propose',
    async ({ api, out }, _, train) => {
      const { laws, suggestions } = await api.get(`/v1/trains/${train}/laws`, Compliance);
      const rows = laws.map(({ law, policy, checked, waived, violations }) => {
        const verdict = policy === 'off' ? dim('not looked at') : violations.length > 0 ? bad('broken') : good('kept');
        return [law, policy, checked, waived, violations.length, verdict];
      });
      const broken = laws.filter(({ violations }) => violations.length > 0);
      out.answer({ laws, suggestions }, [
        ...tableLines(['law', 'policy', 'looked at', 'waived', 'broken', ''], rows),
        ...broken.flatMap(({ says, mend, violations }) => [
          bad(says),
          ...violations.map(({ where, reason }) => `  ${where}: ${reason}`),
          `  to mend it: ${mend}`,
        ]),
        ...(suggestions.length > 0 ? ['', heading('Proposed, and not begun')] : []),
        ...suggestions.map(({ proposal, because, impact, effort }) => {
          const estimate = impact === null ? '' : ` (impact ${impact} of 10, effort ${effort ?? 'unknown'})`;
          return `  ${proposal}: ${because}${dim(estimate)}`;
        }),
      ]);
      if (broken.some(({ policy }) => policy === 'enforce')) process.exitCode = EXIT.failure;
    },
  );
}

const TIMES = ['phase', 'lap', 'attempt', 'actions', 'waves', 'took', 'one by one', 'longest way', 'speed-up'];

const timesOf = (report: Reported) => {
  const { phase, cycle, attempt, actions, waves, wallMs, sequentialMs, criticalMs } = report;
  const times = [wallMs, sequentialMs, criticalMs].map((ms) => duration(ms));
  return [phase, cycle, attempt, actions.length, waves, ...times, `${(sequentialMs / wallMs).toFixed(2)}×`];
};

const waveLines = ({ waves, actions, criticalPath, cycle, attempt }: Reported): string[] => [
  '',
  heading(`lap ${cycle}, attempt ${attempt}: ${criticalPath.join(' → ')}`),
  ...Array.from({ length: waves }, (_, index) => {
    const of = actions.filter(({ wave }) => wave === index + 1);
    const said = of.map(({ action, by, wallMs, lostMs, handoffMs }) => {
      const lost = lostMs > 0 ? `, ${duration(lostMs)} in vain before` : '';
      const away = handoffMs > 0 ? ` by ${by}, and ${duration(handoffMs)} on the way` : '';
      return `${action} (${duration(wallMs)}${lost}${away})`;
    });
    return `  ${index + 1}: ${said.join(', ')}`;
  }),
];

const MEASURES = ['phase', 'lap', 'attempt', 'log', 'with documents', 'bundle', 'ratio', 'kept'];

const measuresOf = ({ phase, cycle, attempt, logTokens, sourceTokens, tokens, ratio, retention }: Measured) => {
  const { decisions, questions, parameters } = retention;
  const kept = [decisions, questions, parameters].map((each) => `${each.kept}/${each.of}`).join(' ');
  return [phase, cycle, attempt, logTokens, sourceTokens, tokens, `${ratio.toFixed(1)}:1`, kept];
};

const bundleLines = ({ bundle, cycle, attempt, archived, digest }: Measured): string[] => [
  '',
  heading(`${bundle.mission.goal} (lap ${cycle}, attempt ${attempt})`),
  dim(`  ${archived ? 'archived as' : 'made just now:'} ${digest}`),
  ...(bundle.summary === undefined ? [] : [`  ${bundle.summary.trim().replaceAll('\n', '\n  ')}`]),
  ...bundle.mission.success.map((criterion) => `  success: ${criterion}`),
  ...bundle.decisions.flatMap(({ decision, rationale, alternatives }) => [
    `  decided: ${decision}`,
    `    because: ${rationale}`,
    ...alternatives.map(({ option, because }) => dim(`    not ${option}: ${because}`)),
  ]),
  ...bundle.questions.map(({ question, neededBy }) => `  open: ${question} ${dim(`(needed by ${neededBy})`)}`),
  ...Object.entries(bundle.parameters).map(([name, value]) => `  ${name}: ${String(value)}`),
  ...bundle.next.map(({ does }) => `  next: ${does}`),
];
