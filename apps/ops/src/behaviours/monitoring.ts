import type { Action, ActionContext } from '@vt/agent-runtime';
import {
  advantage,
  baselineOf,
  driftOf,
  evaluate,
  instantOf,
  lookback,
  openInferencePackage,
  readDataset,
  rowRanges,
  targetRule,
  type ColumnDrift,
  type Dataset,
  type Row,
  type RowRange,
  type Scores,
} from '@vt/modeling';
import { criterionWords, type Charter } from '@vt/value-train';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { z } from 'zod';

const BATCH_ROWS = 20;
const ANSWER_MS_MAX = 10_000;
/** From here on a column has shifted, by the usual reading of the population stability index. */
const SHIFTED = 0.25;

const Answer = z.object({ version: z.string(), predictions: z.array(z.object({ score: z.number() })) });

const Health = z.object({ status: z.string(), version: z.string() });

export interface Replay {
  /** What the server said of itself after the last row. */
  readonly health: z.infer<typeof Health>;
  readonly rows: number;
  /** First and last moment of the rows, where there is time. */
  readonly period: readonly [from: string, to: string] | null;
  readonly drift: readonly ColumnDrift[];
  readonly latencyMs: { readonly p50: number; readonly p95: number; readonly requests: number };
  readonly quality: Scores;
  /** The charter's baseline on the same rows. */
  readonly baseline: Scores;
}

/** Sends the rows that came after deployment through the running server, as its callers would. */
export const replayLaterData: Action = async (context): Promise<Replay> => {
  const { charter, ticket } = context;
  const deployed = context.factsOf('deployment');
  const dataset = await readDataset(await context.dataFile(), charter.data, charter.seed);
  const { training, later } = rowRanges(dataset.rows.length, charter.data.split, ticket.cycle);
  const archive = await context.read('delivery/model/inference-package.tgz', Number(deployed['model-cycle']));
  const { config } = await openInferencePackage(archive, join(context.workspace, 'package'));

  const { scores, latencies } = await replay(
    context,
    String(deployed['address']),
    dataset.rows,
    later,
    lookback(config),
  );
  const known = scores.map((_, at) => at).filter((at) => dataset.target[later[0] + at] !== null);
  const judged = (answers: readonly number[]) =>
    evaluate(
      charter.data.task,
      known.map((at) => dataset.target[later[0] + at]!),
      known.map((at) => answers[at]!),
    );
  const quality = judged(scores);
  const baseline = judged(baselineOf(charter.baseline, dataset, training, later, targetRule(charter.data).ahead));
  const used = config.columns.filter(({ name }) => config.features.some(({ column }) => column === name));
  const drift = driftOf(used, dataset.rows.slice(...training), dataset.rows.slice(...later));
  const shifted = drift.filter(({ psi }) => psi >= SHIFTED).map(({ column }) => column);
  const ordered = latencies.toSorted((a, b) => a - b);
  const latencyMs = { p50: at(ordered, 0.5), p95: at(ordered, 0.95), requests: ordered.length };

  for (const { column, psi } of drift) {
    if (psi >= SHIFTED)
      context.learn(`${column} has moved since training`, `PSI ${psi.toFixed(3)}, ${SHIFTED} and more is drift`);
  }
  context.fact('later-rows', known.length);
  context.fact('drift-found', shifted.length > 0);
  context.fact('drifted-features', shifted.join(', '));
  context.fact('psi-max', Math.max(0, ...drift.map(({ psi }) => psi)));
  context.fact('latency-p50-ms', latencyMs.p50);
  context.fact('latency-p95-ms', latencyMs.p95);
  for (const [name, value] of Object.entries(quality)) context.fact(`later.${name}`, value);
  return {
    health: await healthOf(context, String(deployed['address'])),
    rows: known.length,
    period: periodOf(dataset, charter.data.time, later),
    drift,
    latencyMs,
    quality,
    baseline,
  };
};

async function healthOf({ signal }: ActionContext, address: string): Promise<Replay['health']> {
  const limits = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS_MAX)]);
  const response = await fetch(`${address}/health`, { signal: limits });
  return Health.parse(await response.json());
}

/** Nothing can be said where the time is not among the columns that may be used. */
function periodOf({ rows }: Dataset, time: string | undefined, [from, to]: RowRange): Replay['period'] {
  const [first, last] = time === undefined ? [] : [rows[from]?.[time], rows[to - 1]?.[time]];
  return typeof first === 'string' && typeof last === 'string' ? [first, last] : null;
}

const at = (sorted: readonly number[], share: number) =>
  sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;

/** A request a batch; each brings the rows before it that its features look back at. */
async function replay(
  { signal }: ActionContext,
  address: string,
  rows: readonly Row[],
  [from, to]: readonly [number, number],
  history: number,
): Promise<{ scores: number[]; latencies: number[] }> {
  const scores: number[] = [];
  const latencies: number[] = [];
  for (let first = from; first < to; first += BATCH_ROWS) {
    const start = Math.max(0, first - history);
    const started = performance.now();
    const response = await fetch(`${address}/predict`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ rows: rows.slice(start, Math.min(to, first + BATCH_ROWS)) }),
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS_MAX)]),
    });
    if (!response.ok) throw new Error(`the model server answered ${response.status}: ${await response.text()}`);
    const { predictions } = Answer.parse(await response.json());
    latencies.push(performance.now() - started);
    scores.push(...predictions.slice(first - start).map(({ score }) => score));
  }
  return { scores, latencies };
}

export const writeMonitoring: Action = async (context) => {
  const { charter, ticket } = context;
  const replayed = await context.result<Replay>('replay-later-data');
  const address = String(context.factsOf('deployment')['address']);
  await context.write(
    'delivery/monitor/dashboard-link.txt',
    [
      `Model server, health and counters: ${address}/health and ${address}/metrics`,
      `Train: vt train show ${ticket.trainId}`,
      `Costs: vt costs ${ticket.trainId}`,
      `Risks: vt risks ${ticket.trainId}`,
      '',
    ].join('\n'),
  );
  await context.write(
    'delivery/monitor/monitoring-config.yaml',
    stringify({
      model: charter.name,
      cycle: ticket.cycle,
      replayed: {
        rows: replayed.rows,
        ...(replayed.period && { from: replayed.period[0], to: replayed.period[1] }),
        requests: replayed.latencyMs.requests,
        on: ticket.openedOn,
        ...(ticket.cycle > 1 && { note: 'the rows that judged champion and challenger; nothing later was given' }),
      },
      health: {
        path: '/health',
        answered: replayed.health,
        supervision: 'ops looks twice a second, starts again what is gone, and writes ModelServerRevived',
      },
      latency: {
        limitMs: { p95: 500 },
        measuredMs: { p50: round(replayed.latencyMs.p50), p95: round(replayed.latencyMs.p95) },
      },
      quality: charter.success.map((criterion) => qualityOf(criterion, charter.baseline, replayed)),
      drift: {
        index: 'population stability index against the training rows',
        ...(isPartOfYear(replayed.period) && {
          note: 'the replayed rows are less than a year: where a column follows the seasons, that shows as drift',
        }),
        limits: { moving: 0.1, shifted: SHIFTED },
        columns: replayed.drift.map(({ column, psi, reading, missing, unseen }) => ({
          column,
          psi: round(psi),
          reading,
          missing: { training: round(missing[0]), later: round(missing[1]) },
          unseen: round(unseen),
        })),
      },
      alerts: [
        { name: 'health', when: 'ModelServerRevived is written', then: 'read server.log; roll back where it goes on' },
        { name: 'drift', when: `a column's index reaches ${SHIFTED}`, then: 'review retraining' },
        { name: 'quality', when: 'a success criterion is no longer met', then: 'review retraining' },
        { name: 'latency', when: 'p95 above 500 ms', then: 'runbook of the deployment' },
      ],
    }),
  );
};

/** What the charter asks, and how the model does by it on the replayed rows. */
function qualityOf(
  criterion: Charter['success'][number],
  baselineName: Charter['baseline'],
  { quality, baseline }: Pick<Replay, 'quality' | 'baseline'>,
) {
  const { metric } = criterion;
  const [ours, theirs] = [quality[metric], baseline[metric]];
  const criterionSays = criterionWords(criterion, baselineName);
  if (ours === undefined || theirs === undefined) return { criterion: criterionSays, measured: null, met: false };
  const measured = 'betterThanBaselineBy' in criterion ? advantage(metric, ours, theirs) : ours;
  const met =
    'atLeast' in criterion
      ? measured >= criterion.atLeast
      : 'atMost' in criterion
        ? measured <= criterion.atMost
        : measured >= criterion.betterThanBaselineBy;
  return { criterion: criterionSays, measured: round(measured), met };
}

/** From the first of January to the last of December, and a little less where days are missing at the ends. */
const YEAR_MS = 362 * 86_400_000;

const isPartOfYear = (period: Replay['period']): boolean =>
  period !== null && instantOf(period[1])! - instantOf(period[0])! < YEAR_MS;

const round = (value: number) => Math.round(value * 1_000) / 1_000;
