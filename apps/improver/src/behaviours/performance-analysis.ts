import type { Action, ActionContext } from '@vt/agent-runtime';
import { fillTemplate, formatNumber, formatPercent, table } from '@vt/documents';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { analyseErrors, type Cluster, type ErrorAnalysis } from '../errors.ts';

export const clusterErrors: Action = async (context): Promise<Omit<ErrorAnalysis, 'errors'> & { errors: number }> => {
  const { rows, errors, clusters } = await analyseErrors(context);
  context.fact('errors', errors.length);
  context.fact('error-rate', errors.length / rows);
  context.fact('error-clusters', clusters.length);
  await context.write(
    'delivery/performance/error-log.json',
    JSON.stringify({ model: context.factsOf('deployment')['version'], rows, clusters, errors }, rounded, 2),
  );
  return { rows, errors: errors.length, clusters };
};

/** Six decimals say more than any model knows. */
const rounded = (_: string, value: unknown) =>
  typeof value === 'number' ? Math.round(value * 1_000_000) / 1_000_000 : value;

export interface Cause {
  readonly cluster: number;
  readonly size: number;
  readonly cause: string;
  readonly evidence: string;
  readonly remedy: string;
}

/** Half of a cluster close to undecided means that the inputs do not tell the cases apart. */
const MOSTLY = 0.5;
const LOPSIDED = 0.8;

export const findCauses: Action = async (context): Promise<readonly Cause[]> => {
  const { charter, ticket } = context;
  const { rows, errors, clusters } = await context.result<{ rows: number; errors: number; clusters: Cluster[] }>(
    'cluster-errors',
  );
  const causes = clusters.map((cluster) => causeOf(context, cluster));
  const classes = charter.data.task === 'classification';
  const plain = classes
    ? `The model was wrong in ${errors} of ${rows} rows (${formatPercent(errors / rows)}). They fall into ${clusters.length} ${clusters.length === 1 ? 'group' : 'groups'}.`
    : `Looked at are the ${errors} of ${rows} rows on which the model was furthest off. They fall into ${clusters.length} ${clusters.length === 1 ? 'group' : 'groups'}.`;
  for (const { cause, evidence } of causes) context.learn(cause, evidence);
  context.fact('causes', causes.length);
  await context.write(
    'delivery/performance/root-cause.md',
    fillTemplate(
      await readFile(join(import.meta.dirname, 'root-cause.md'), 'utf8'),
      {
        name: charter.name,
        summary: await context.narrate('root causes', { rows, errors, causes }, plain),
        clusters: clusters.length > 0 ? clusterTable(clusters, classes) : 'None: no row was mispredicted.',
        causes:
          causes.length === 0
            ? 'None to look for.'
            : causes
                .map(
                  ({ cluster, size, cause, evidence, remedy }) =>
                    `### Group ${cluster}, ${size} rows\n\n${cause} ${evidence}\n\nRemedy: ${remedy}`,
                )
                .join('\n\n'),
      },
      { agent: 'improver', date: ticket.openedOn, version: String(ticket.cycle), status: 'final' },
    ),
  );
  return causes;
};

/** Only a probability can be undecided. */
const clusterTable = (clusters: readonly Cluster[], classes: boolean): string =>
  table(
    clusters.map(({ id, size, traits, undecided, tooLow }) => [
      id,
      size,
      describe(traits),
      ...(classes ? [formatPercent(undecided)] : []),
      formatPercent(tooLow),
    ]),
    [
      'group',
      'rows',
      'what its inputs have in common',
      ...(classes ? ['close to undecided'] : []),
      'model said too little',
    ],
  );

const describe = (traits: Cluster['traits']) =>
  traits.length === 0
    ? 'nothing that sets them apart'
    : traits
        .map(
          ({ feature, deviation }) =>
            `${feature} ${deviation >= 0 ? 'above' : 'below'} usual by ${formatNumber(Math.abs(deviation), 1)} σ`,
        )
        .join('; ');

function causeOf(context: ActionContext, { id, size, traits, undecided, tooLow }: Cluster): Cause {
  const drifted = String(context.factsOf('monitoring')['drifted-features'] ?? '')
    .split(', ')
    .filter(Boolean);
  const moved = [...new Set(traits.map(({ column }) => column))].filter((column) => drifted.includes(column));
  const evidence = `Its inputs: ${describe(traits)}.`;
  const base = { cluster: id, size, evidence };
  if (moved.length > 0) {
    return {
      ...base,
      cause: `What its inputs have in common has moved since training: ${moved.join(', ')} drifted.`,
      remedy: 'train again with rows that it has not learned from.',
    };
  }
  if (context.charter.data.task === 'classification' && undecided >= MOSTLY) {
    return {
      ...base,
      cause: 'The inputs do not tell these cases apart: the model was close to undecided in most of them.',
      remedy: 'look for an input that separates them; more rows of the same kind will help little.',
    };
  }
  if (tooLow >= LOPSIDED || tooLow <= 1 - LOPSIDED) {
    return {
      ...base,
      cause: `The model is off to one side here: it said too ${tooLow >= LOPSIDED ? 'little' : 'much'} nearly every time.`,
      remedy: 'give the model a feature for this regime, or train on more rows from it.',
    };
  }
  return {
    ...base,
    cause: 'The model was off in both directions: the relation that it learned does not hold here.',
    remedy: 'review these rows with the client, and train again with rows that it has not learned from.',
  };
}
