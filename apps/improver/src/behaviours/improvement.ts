import type { Action, ActionContext } from '@vt/agent-runtime';
import { fillTemplate, formatNumber, formatPercent, table } from '@vt/documents';
import { readDataset, rowRanges } from '@vt/modeling';
import { baselineName, metricName, primaryMetric } from '@vt/value-train';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

interface Item {
  readonly title: string;
  readonly reason: string;
  /** 1 to 5 each. */
  readonly impact: number;
  readonly confidence: number;
  readonly effort: number;
}

const scoreOf = ({ impact, confidence, effort }: Item) => (impact * confidence) / effort;

/** Retraining is worth a lap when the new rows are at least this share of those that were trained on. */
const NEW_ROWS_SHARE = 0.2;

export interface Situation {
  readonly newRows: number;
  readonly trainedRows: number;
  readonly drifted: string;
  /** Not where validation sent the candidate here. */
  readonly inProduction: boolean;
}

/** Rows that came after training, and that a next cycle may learn from; none after the last cycle. */
async function situationOf(context: ActionContext): Promise<Situation> {
  const { charter, ticket } = context;
  const { rows } = await readDataset(await context.dataFile(), charter.data, charter.seed);
  const now = rowRanges(rows.length, charter.data.split, ticket.cycle).training[1];
  const next = rowRanges(rows.length, charter.data.split, ticket.cycle + 1).training[1];
  return {
    newRows: next - now,
    trainedRows: now,
    drifted: String(context.factsOf('monitoring')['drifted-features'] ?? ''),
    inProduction: context.factsOf('deployment')['version'] !== undefined,
  };
}

function itemsOf(context: ActionContext, { newRows, trainedRows, drifted }: Situation): readonly Item[] {
  const validation = context.factsOf('validation');
  const readiness = context.factsOf('readiness')['readiness-score'];
  const gap = Number(validation['worst-slice-gap'] ?? 0);
  const calibration = Number(validation['calibration-error'] ?? 0);
  const clusters = Number(context.factsOf('performance-analysis')['error-clusters'] ?? 0);
  return [
    newRows > 0 && {
      title: 'Train again with rows that it has not learned from',
      reason: `there are ${newRows} more of them, ${formatPercent(newRows / trainedRows)} of those trained on`,
      impact: drifted ? 5 : 4,
      confidence: 4,
      effort: 2,
    },
    drifted !== '' && {
      title: 'Watch the inputs that have moved',
      reason: `drift was found in ${drifted}`,
      impact: 3,
      confidence: 4,
      effort: 1,
    },
    gap > 0 && {
      title: `Look into ${String(validation['worst-slice'])}`,
      reason: `the weakest slice is ${formatNumber(gap, 3)} worse than all rows together`,
      impact: 3,
      confidence: 3,
      effort: 3,
    },
    clusters > 0 && {
      title: 'Find an input that tells the mispredicted groups apart',
      reason: `${clusters} ${clusters === 1 ? 'group' : 'groups'} of errors, with causes in root-cause.md`,
      impact: 4,
      confidence: 2,
      effort: 4,
    },
    {
      ...calibrationItem(context.charter.data.task, calibration),
      impact: 2,
      confidence: 4,
      effort: 2,
    },
    typeof readiness === 'number' &&
      readiness < 80 && {
        title: 'Close the gaps of the readiness assessment',
        reason: `the client's readiness is ${formatNumber(readiness)} of 100`,
        impact: 3,
        confidence: 3,
        effort: 3,
      },
  ]
    .filter((item) => item !== false)
    .toSorted((a, b) => scoreOf(b) - scoreOf(a));
}

const calibrationItem = (task: 'classification' | 'regression', error: number): Pick<Item, 'title' | 'reason'> =>
  task === 'classification'
    ? {
        title: 'Keep probabilities honest',
        reason: `on held-out rows they are off by ${formatNumber(error * 100, 1)} percentage points; measure it again each cycle`,
      }
    : {
        title: 'Keep predictions centred',
        reason: `on held-out rows the mean of a fifth is off by ${formatNumber(error)}; measure it again each cycle`,
      };

interface Roadmap {
  readonly situation: Situation;
  readonly items: readonly Item[];
}

export const writeRoadmap: Action = async (context): Promise<Roadmap> => {
  const { charter, ticket } = context;
  const situation = await situationOf(context);
  const items = itemsOf(context, situation);
  const plain = `${items.length} ${items.length === 1 ? 'improvement' : 'improvements'}, in the order of impact times confidence over effort. First: ${items[0]!.title.toLowerCase()}, because ${items[0]!.reason}.`;
  // Ours go from 1 to 5.
  for (const { title, reason, impact, effort } of items) {
    context.improve(title, reason, { impact: 2 * impact, effort: 2 * effort });
  }
  context.fact('roadmap-items', items.length);
  await context.write(
    'delivery/improvement/improvement-roadmap.md',
    fillTemplate(
      await readFile(join(import.meta.dirname, 'improvement-roadmap.md'), 'utf8'),
      {
        name: charter.name,
        summary: await context.narrate('roadmap', items, plain),
        items: table(
          items.map((item, at) => [
            at + 1,
            item.title,
            item.reason,
            item.impact,
            item.confidence,
            item.effort,
            scoreOf(item),
          ]),
          ['rank', 'improvement', 'because', 'impact', 'confidence', 'effort', 'score'],
        ),
      },
      { agent: 'improver', date: ticket.openedOn, version: String(ticket.cycle), status: 'final' },
    ),
  );
  return { situation, items };
};

export interface Decision {
  readonly decision: 'retrain' | 'close' | 'no-go';
  readonly reason: string;
}

/**
 * The rule was fixed beforehand, so that the same facts lead to the same decision. It never says operate: monitoring
 * replays all later rows of the client's one file at once, and would see the same rows again, lap after lap.
 */
export function decide({ newRows, trainedRows, drifted, inProduction }: Situation): Decision {
  if (!inProduction) {
    return newRows === 0
      ? { decision: 'no-go', reason: 'no candidate passed validation, and no rows are left to learn from' }
      : {
          decision: 'retrain',
          reason: `validation sent the candidate back, and there are ${newRows} rows that it has not learned from`,
        };
  }
  if (newRows === 0) {
    return {
      decision: 'close',
      reason: 'every row that the client gave has been learned from or judged by; the model is handed over',
    };
  }
  if (drifted !== '') return { decision: 'retrain', reason: `drift was found in ${drifted}` };
  if (newRows >= NEW_ROWS_SHARE * trainedRows) {
    return {
      decision: 'retrain',
      reason: `${newRows} new rows are at least ${formatPercent(NEW_ROWS_SHARE, 0)} of the ${trainedRows} trained on`,
    };
  }
  return { decision: 'close', reason: `${newRows} new rows are too few to learn from, and no drift was found` };
}

export const decideNext: Action = async (context): Promise<Decision> => {
  const { charter, ticket } = context;
  const { situation } = await context.result<Roadmap>('write-roadmap');
  const chosen = decide(situation);
  context.decide(chosen.decision, chosen.reason);
  context.fact('decision', chosen.decision);
  context.fact('in-production', situation.inProduction);
  context.fact('decision-reason', chosen.reason);
  context.outcome(chosen.decision);
  if (chosen.decision !== 'retrain') return chosen;

  await context.write(
    'delivery/improvement/retraining-plan.md',
    fillTemplate(
      await readFile(join(import.meta.dirname, 'retraining-plan.md'), 'utf8'),
      {
        name: charter.name,
        reason: `${chosen.reason.charAt(0).toUpperCase()}${chosen.reason.slice(1)}`,
        cycle: ticket.cycle + 1,
        trained: situation.trainedRows,
        'new-rows': situation.newRows,
        rival: situation.inProduction
          ? `the champion, version ${String(context.factsOf('deployment')['version'])}`
          : `${baselineName(charter.baseline)}, because no model is in production`,
        way: situation.inProduction
          ? `It replaces the champion only if its ${metricName(primaryMetric(charter))} on those rows is better. Otherwise the champion stays, and both results stay on record.`
          : 'It is deployed only if it meets every criterion of the charter on those rows.',
      },
      { agent: 'improver', date: ticket.openedOn, version: String(ticket.cycle), status: 'final' },
    ),
  );
  return chosen;
};
