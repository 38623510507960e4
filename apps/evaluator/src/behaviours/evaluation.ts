import type { Action, ActionContext } from '@vt/agent-runtime';
import { fillTemplate, formatMoney, formatNumber, formatPercent, table } from '@vt/documents';
import { baselineName, metricName, primaryMetric } from '@vt/value-train';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { baselineRange, gatherEvidence, metricsOf, predictRange, type Predictions } from '../evidence.ts';
import { sideBySide } from '../side-by-side.ts';

/** Which model serves, and how the ones before it did. */
export const logChampion: Action = async (context) => {
  const { charter, ticket } = context;
  const deployed = context.factsOf('deployment');
  const validated = context.factsOf('validation');
  const monitored = context.factsOf('monitoring');
  const metric = primaryMetric(charter);
  const champion = String(deployed['version']);
  const before = context.has(LOG) ? await context.read(LOG) : undefined;
  const kept = validated['challenger-better'] === false;
  const value = kept ? validated['champion-metric'] : (validated['challenger-metric'] ?? validated[`metric.${metric}`]);
  const row = `| ${ticket.cycle} | ${champion} | ${numberCell(value)} | ${numberCell(monitored[`later.${metric}`])} | ${decisionOf(validated)} |`;
  const name = metricName(metric);
  const head = table([], ['cycle', 'serves', `${name}, held out`, `${name}, later`, 'decision']);
  context.fact('champion', champion);
  await context.write(
    LOG,
    fillTemplate(
      await readFile(join(import.meta.dirname, 'champion-log.md'), 'utf8'),
      {
        name: charter.name,
        champion: `Version **${champion}**, trained in cycle ${String(deployed['model-cycle'])}, serves at ${String(deployed['address'])}.`,
        history: [head, ...rowsOf(before, ticket.cycle), row].join('\n'),
      },
      { agent: 'evaluator', date: ticket.openedOn, version: String(ticket.cycle), status: 'final' },
    ),
  );
};

const LOG = 'delivery/evaluation/champion-log.md';

const numberCell = (value: unknown) => (typeof value === 'number' ? formatNumber(value, 4) : '–');

const decisionOf = (validated: Readonly<Record<string, unknown>>): string => {
  if (validated['challenger-better'] === undefined) return 'first champion';
  return validated['challenger-better'] === true ? 'challenger replaced the champion' : 'champion kept';
};

/** The rows of the cycles before in the latest log; its history is append-only as well. */
const rowsOf = (log: Buffer | undefined, cycle: number): string[] =>
  (log?.toString() ?? '').split('\n').filter((line) => Number(/^\| (\d+) \|/.exec(line)?.[1]) < cycle);

interface Impact {
  readonly rows: number;
  readonly better: number;
  readonly worse: number;
  readonly net: number;
}

/** What would have been decided otherwise, on the rows that came after deployment. */
export const assessImpact: Action = async (context) => {
  const { charter, ticket } = context;
  const evidence = await gatherEvidence(context, Number(context.factsOf('deployment')['model-cycle']));
  const model = await predictRange(context, evidence, evidence.ranges.later);
  const baseline = baselineRange(context, evidence, charter.baseline, evidence.ranges.later);
  const impact = compareDecisions(context, model, baseline);
  const metrics = { model: metricsOf(context, model), [charter.baseline]: metricsOf(context, baseline) };
  const compared = sideBySide(metrics);
  const plain = sentenceOf(context, impact);
  context.fact('decisions', impact.rows);
  context.fact('net-better-decisions', impact.net);

  await context.write(
    'delivery/evaluation/business-impact.md',
    fillTemplate(
      await readFile(join(import.meta.dirname, 'business-impact.md'), 'utf8'),
      {
        name: charter.name,
        decision: charter.decision,
        summary: await context.narrate('business impact', { impact, metrics }, plain),
        comparison: table(compared.rows, compared.columns),
        value: valueOf(context, impact),
        confidence: confidenceOf(impact),
      },
      { agent: 'evaluator', date: ticket.openedOn, version: String(ticket.cycle), status: 'final' },
    ),
  );
};

function compareDecisions({ charter }: ActionContext, model: Predictions, baseline: Predictions): Impact {
  const classes = charter.data.task === 'classification';
  const error = (truth: number, score: number) =>
    classes ? Number(score >= 0.5 !== (truth === 1)) : Math.abs(score - truth);
  const pairs = model.truth.map(
    (truth, at) => [error(truth, model.score[at]!), error(truth, baseline.score[at]!)] as const,
  );
  const better = pairs.filter(([ours, theirs]) => ours < theirs).length;
  const worse = pairs.filter(([ours, theirs]) => ours > theirs).length;
  return { rows: pairs.length, better, worse, net: better - worse };
}

function sentenceOf({ charter, ticket }: ActionContext, { rows, better, worse, net }: Impact): string {
  const apart = charter.data.time === undefined ? 'kept apart from training' : 'later than those trained on';
  // A retraining cycle has learned from all that came before them: nothing later is left.
  const again = ticket.cycle > 1 ? ', the same that judged champion and challenger' : '';
  const classes = charter.data.task === 'classification';
  const [gained, lost] = classes ? ['better decisions', 'worse decisions'] : ['closer answers', 'answers further off'];
  const total = net === 0 ? 'no difference in total' : `${Math.abs(net)} ${net > 0 ? gained : lost} in total`;
  const did = classes
    ? `decided better than ${baselineName(charter.baseline)} ${timesWords(better)} and worse ${timesWords(worse)}`
    : `came closer than ${baselineName(charter.baseline)} ${timesWords(better)} and was further off ${timesWords(worse)}`;
  return `On ${rows} rows ${apart}${again}, the model ${did}: ${total}.`;
}

function valueOf({ charter }: ActionContext, { net }: Impact): string {
  if (!charter.valuePerCorrectDecision) {
    return 'The charter does not say what a correct decision is worth, so the effect is counted in decisions, not in money.';
  }
  const { amount, currency } = charter.valuePerCorrectDecision;
  const total = (Number(amount) * net).toFixed(2);
  const product = `${formatNumber(net)} × ${amount} = ${formatMoney({ amount: total, currency })}`;
  if (charter.data.task === 'regression') {
    return `A number is seldom simply right or wrong. If each row on which the model came closer counts as one correct decision, at the charter's ${formatMoney({ amount, currency })}, that is ${product} over these rows. Whether it does is for the client to say; nobody measured it.`;
  }
  return `The charter values a correct decision at ${formatMoney({ amount, currency })}: ${product} over these rows. The value of a decision is the client's estimate, not a measurement, and a false alarm counts here like a miss.`;
}

const timesWords = (count: number): string => (count === 1 ? 'once' : `${formatNumber(count)} times`);

/** A sign test: how often would as clear a difference come about if model and baseline were equally good? */
function confidenceOf({ better, worse, rows }: Impact): string {
  const differing = better + worse;
  if (differing === 0) return `Model and baseline decided alike on all ${rows} rows.`;
  // One less for the step from counts to a curve.
  const z = Math.max(0, Math.abs(better - worse) - 1) / Math.sqrt(differing);
  const share = formatPercent(better / differing);
  return z >= 1.96
    ? `Of ${differing} decisions in which they differ, the better one was the model's in ${share}. A difference as clear as this is rarely chance (sign test as if no row depended on another, z = ${formatNumber(z, 2)}).`
    : `Of ${differing} decisions in which they differ, the better one was the model's in ${share}. That may be chance (sign test as if no row depended on another, z = ${formatNumber(z, 2)}): these rows do not settle it.`;
}
