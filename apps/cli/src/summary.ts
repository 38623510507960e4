import { GateRow, isInTheWay } from '@vt/value-train';
import { z } from 'zod';
import type { Api } from './api.ts';
import { bad, countOf, dim, duration, good, heading, tableLines, warn } from './output.ts';

const Facts = z.record(z.string(), z.union([z.number(), z.string(), z.boolean()]));
type Facts = z.infer<typeof Facts>;
const Money = z.object({ amount: z.string(), currency: z.string() });

const Train = z.object({
  trainId: z.string(),
  name: z.string(),
  client: z.string(),
  status: z.string(),
  outcome: z.string().nullable(),
  blockedFor: z.array(z.string()).nullable(),
  cycle: z.int(),
  pipeline: z.object({ id: z.string(), version: z.int() }),
});
const Gate = z.object({
  verdict: z.string(),
  evaluatedAt: z.string(),
  checks: GateRow.shape.checks,
});
const Phase = z.object({
  phase: z.string(),
  cycle: z.int(),
  attempts: z.int(),
  verdict: z.string().nullable(),
  durationMs: z.number().nullable(),
  facts: Facts,
  outcome: z.string().nullable(),
});
type Phase = z.infer<typeof Phase>;
const Approval = z.object({
  phase: z.string(),
  cycle: z.int(),
  role: z.string(),
  by: z.string().nullable(),
  status: z.string(),
  simulated: z.boolean(),
});
const Risk = z.object({
  riskId: z.string(),
  catalogue: z.string(),
  title: z.string(),
  score: z.int(),
  status: z.string(),
  reason: z.string(),
});
const Costs = z.object({
  budget: z.object({ budget: Money }).loose().nullable(),
  total: z.looseObject({ cost: z.array(Money), cpuMs: z.number(), unpriced: z.int() }),
  byPhase: z.array(z.looseObject({ phase: z.string(), cost: z.array(Money), cpuMs: z.number() })),
});
const Shelved = z.object({
  path: z.string(),
  digest: z.string(),
  size: z.int(),
  cycle: z.int(),
  phase: z.string().nullable(),
  accepted: z.boolean(),
});
const Verification = z.looseObject({
  ok: z.boolean(),
  events: z.int().optional(),
  problems: z.array(z.unknown()).optional(),
});

/** Everything that the demo tells at its end; with --json exactly this. */
export interface Summary {
  readonly trainId: string;
  readonly name: string;
  readonly client: string;
  readonly status: string;
  readonly outcome: string | null;
  readonly blockedFor: readonly string[] | null;
  /** What a gate waits for, of a train that has not ended. */
  readonly heldFor: readonly string[];
  readonly cycles: number;
  /** In the pipeline's order; attempts and time of all laps together, the verdict of the last. */
  readonly phases: readonly {
    id: string;
    attempts: number;
    verdict: string | null;
    durationMs: number | null;
    laps: number;
  }[];
  readonly model: {
    readonly family: string | null;
    readonly metrics: Readonly<Record<string, number>>;
    readonly baseline: Readonly<Record<string, number>>;
    readonly primary: string | null;
    readonly successMet: boolean | null;
    readonly calibrationError: number | null;
  };
  readonly drift: { readonly found: boolean; readonly features: string; readonly psiMax: number | null } | null;
  readonly retraining: {
    readonly champion: number;
    readonly challenger: number;
    readonly challengerBetter: boolean;
  } | null;
  readonly server: { readonly address: string; readonly version: string } | null;
  readonly approvals: readonly z.infer<typeof Approval>[];
  readonly risks: readonly z.infer<typeof Risk>[];
  readonly cost: z.infer<typeof Costs>;
  readonly artifacts: { readonly folder: string; readonly files: readonly string[] };
  readonly verified: boolean;
  readonly events: number | null;
}

export async function summaryOf(api: Api, trainId: string, folder: string): Promise<Summary> {
  const of = `/v1/trains/${trainId}`;
  const [train, gates, phases, approvals, risks, cost, files, verification] = await Promise.all([
    api.get(of, Train),
    api.get(`${of}/gates`, z.object({ items: z.array(Gate) })),
    api.get(`${of}/phases`, z.object({ items: z.array(Phase) })),
    api.list(`/v1/approvals?trainId=${trainId}`, Approval),
    api.list(`/v1/risks?trainId=${trainId}`, Risk),
    api.get(`${of}/costs`, Costs),
    api.get(`${of}/artifacts`, z.object({ items: z.array(Shelved) })),
    api.post('/v1/audit/verification', {}).then((answer) => Verification.parse(answer)),
  ]);
  const pipeline = await api.get(
    `/v1/pipelines/${train.pipeline.id}`,
    z.object({ phases: z.array(z.object({ id: z.string() })) }),
  );
  const factsOf = (phase: string, cycle?: number): Facts =>
    phases.items.findLast((item) => item.phase === phase && (cycle === undefined || item.cycle === cycle))?.facts ?? {};
  const first = factsOf('validation', 1);
  const last = factsOf('validation');
  const deployed = factsOf('deployment');
  const monitored = factsOf('monitoring', 1);
  return {
    trainId,
    name: train.name,
    client: train.client,
    status: train.status,
    outcome: train.outcome,
    blockedFor: train.blockedFor,
    heldFor: train.status === 'running' || train.status === 'paused' ? waitedFor(gates.items) : [],
    cycles: train.cycle,
    phases: pipeline.phases.map(({ id }) =>
      phaseSummary(
        id,
        phases.items.filter(({ phase }) => phase === id),
      ),
    ),
    model: {
      family: textOf(factsOf('training')['best-family']),
      metrics: named(first, 'metric.'),
      baseline: named(first, 'baseline.'),
      primary: textOf(first['primary-metric']),
      successMet: flagOf(first['success-met']),
      calibrationError: numberOf(first['calibration-error']),
    },
    drift:
      flagOf(monitored['drift-found']) === null
        ? null
        : {
            found: monitored['drift-found'] === true,
            features: textOf(monitored['drifted-features']) ?? '',
            psiMax: numberOf(monitored['psi-max']),
          },
    retraining:
      flagOf(last['challenger-better']) === null
        ? null
        : {
            champion: Number(last['champion-metric']),
            challenger: Number(last['challenger-metric']),
            challengerBetter: last['challenger-better'] === true,
          },
    server:
      textOf(deployed['address']) === null
        ? null
        : { address: String(deployed['address']), version: String(deployed['version']) },
    approvals,
    risks,
    cost,
    artifacts: {
      folder,
      files: files.items
        .filter(({ accepted, phase }) => accepted && phase !== null)
        .map(({ cycle, path }) => `cycle-${cycle}/${path}`),
    },
    verified: verification.ok,
    events: verification.events ?? null,
  };
}

/** Reasons of the last gate, where it is held. */
function waitedFor(gates: readonly z.infer<typeof Gate>[]): string[] {
  const last = gates.toSorted((a, b) => a.evaluatedAt.localeCompare(b.evaluatedAt)).at(-1);
  return last?.verdict === 'held' ? last.checks.filter(isInTheWay).map(({ reason }) => reason) : [];
}

const textOf = (value: unknown) => (typeof value === 'string' && value !== '' ? value : null);
const numberOf = (value: unknown) => (typeof value === 'number' ? value : null);
const flagOf = (value: unknown) => (typeof value === 'boolean' ? value : null);
const named = (facts: Facts, prefix: string) =>
  Object.fromEntries(
    Object.entries(facts).flatMap(([name, value]) =>
      name.startsWith(prefix) && typeof value === 'number' ? [[name.slice(prefix.length), value]] : [],
    ),
  );

function phaseSummary(id: string, laps: readonly Phase[]) {
  const times = laps.map(({ durationMs }) => durationMs).filter((ms) => ms !== null);
  return {
    id,
    attempts: laps.reduce((sum, { attempts }) => sum + attempts, 0),
    verdict: laps.at(-1)?.verdict ?? null,
    durationMs: times.length > 0 ? times.reduce((sum, ms) => sum + ms, 0) : null,
    laps: laps.length,
  };
}

const number = (value: number | null | undefined) => (value == null ? '–' : value.toFixed(3));
const price = (sums: readonly z.infer<typeof Money>[]) =>
  sums.map(({ amount, currency }) => `${currency} ${millionths(Number(amount))}`).join(', ') || '–';

/** What is there is never shown as nothing. */
const millionths = (amount: number): string => (amount > 0 && amount < 5e-7 ? '<0.000001' : amount.toFixed(6));
const section = (title: string, lines: readonly string[]) => ['', heading(title), ...lines.map((line) => `  ${line}`)];

const modelLines = ({ family, metrics, baseline, primary, successMet, calibrationError }: Summary['model']) => [
  ...tableLines(
    ['metric', 'model', 'baseline'],
    Object.keys(metrics).map((metric) => [
      metric === primary ? heading(metric) : metric,
      number(metrics[metric]),
      number(baseline[metric]),
    ]),
  ),
  `${family ?? 'a model'}; success criteria ${successMet ? good('met') : bad('not met')}; calibration error ${number(calibrationError)}`,
];

/** The same for people. */
export function summaryLines(summary: Summary): string[] {
  const { model, drift, retraining, server, cost } = summary;
  const passed = summary.phases.filter(({ verdict }) => verdict === 'passed').length;
  const status = summary.heldFor.length > 0 ? 'held' : summary.status;
  const ended = status === 'completed' ? good(status) : bad(status);
  return [
    '',
    heading(`${summary.name}, for ${summary.client}`),
    `${ended}: ${passed} of ${summary.phases.length} phases passed, ${countOf(summary.cycles, 'lap')} ${dim(summary.trainId)}`,
    ...[...(summary.blockedFor ?? []), ...summary.heldFor].map((reason) => bad(`  ${reason}`)),
    ...(summary.heldFor.length > 0 ? [`  it goes on when somebody acts: vt risks ${summary.trainId}`] : []),
    ...section(
      'Phases',
      tableLines(
        ['', 'phase', 'attempts', 'verdict', 'time'],
        summary.phases.map(({ id, attempts, verdict, durationMs, laps }, at) => [
          at + 1,
          laps > 1 ? `${id} ${dim(`(${laps} laps)`)}` : id,
          attempts,
          verdict === 'passed' ? good(verdict) : verdict === null ? dim('not reached') : bad(verdict),
          duration(durationMs),
        ]),
      ),
    ),
    ...section(
      'Model against baseline, on held-out data',
      model.successMet === null ? ['no model was validated'] : modelLines(model),
    ),
    ...section('After deployment', [
      drift
        ? `drift: ${drift.found ? warn(`found in ${drift.features}`) : 'none found'} (largest index ${number(drift.psiMax)})`
        : 'not monitored',
      retraining
        ? `retraining: challenger ${number(retraining.challenger)}, champion ${number(retraining.champion)} by ${model.primary}: ${retraining.challengerBetter ? good('the challenger replaced the champion') : 'the champion stays'}`
        : 'retraining: none',
      server ? `model server: ${server.address}, version ${server.version}` : 'model server: none',
    ]),
    ...section(
      'Approvals',
      tableLines(
        ['phase', 'role', 'by', ''],
        summary.approvals.map(({ phase, cycle, role, by, status, simulated }) => [
          cycle > 1 ? `${phase} ${dim(`lap ${cycle}`)}` : phase,
          role,
          by ?? '–',
          `${status}${simulated ? dim(' (simulated by the demo)') : ''}`,
        ]),
      ),
    ),
    ...section(
      'Risks',
      tableLines(
        ['', 'risk', 'score', 'status', 'because'],
        summary.risks.map(({ catalogue, title, score, status, reason }) => [catalogue, title, score, status, reason]),
      ),
    ),
    ...section('Cost', [
      ...tableLines(
        ['phase', 'CPU', 'cost'],
        cost.byPhase.map((row) => [row.phase, duration(row.cpuMs), price(row.cost)]),
      ),
      `in total ${price(cost.total.cost)}${cost.budget ? ` of ${cost.budget.budget.currency} ${cost.budget.budget.amount}` : ''}${cost.total.unpriced > 0 ? warn(`, and ${cost.total.unpriced} actions of unknown cost`) : ''}`,
    ]),
    ...section('Artifacts', [`${countOf(summary.artifacts.files.length, 'file')} in ${summary.artifacts.folder}`]),
    '',
    summary.verified
      ? good(
          `✓ the event store verifies${summary.events === null ? '' : `: ${summary.events} events, every chain whole`}`,
        )
      : bad('✗ the event store does NOT verify: run `vt audit verify`'),
    '',
  ];
}
