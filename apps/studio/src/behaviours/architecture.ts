import type { Action, ActionContext } from '@vt/agent-runtime';
import { bulletList, escapeMarkdown, fillTemplate, formatNumber, slides, type Slide, table } from '@vt/documents';
import { type Dataset, readDataset } from '@vt/modeling';
import { baselineName, type Charter, criterionWords, targetWords } from '@vt/value-train';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Alternative, weighAlternatives } from '../alternatives.ts';
import { type Circumstances, circumstancesOf, type Requirement, requirementsOf } from '../requirements.ts';

interface InputColumn {
  readonly name: string;
  readonly kind: string;
}

export interface Architecture {
  readonly approach: string;
  readonly circumstances: Circumstances;
  readonly requirements: readonly Requirement[];
  /** The chosen one first. */
  readonly alternatives: readonly Alternative[];
  /** What a caller sends for each row. */
  readonly input: readonly InputColumn[];
}

const JSON_TYPES: Readonly<Record<string, string>> = {
  number: 'number or null',
  boolean: 'true, false or null',
  category: 'text or null',
  time: 'text, ISO 8601',
};

const inputOf = ({ data }: Charter, { columns }: Dataset): InputColumn[] => {
  // A column that holds the answer itself is not there yet when the question is asked.
  const answer =
    typeof data.target === 'string' ? data.target : data.target.ahead === 0 ? data.target.column : undefined;
  return columns.filter(({ name }) => name !== answer).map(({ name, kind }) => ({ name, kind }));
};

const matrixTable = ({ alternatives, requirements }: Architecture) => ({
  columns: ['Alternative', ...requirements.map(({ id, weight }) => `${id} (${weight})`), 'Score'],
  rows: alternatives.map(({ title, ratings, score }) => [title, ...requirements.map(({ id }) => ratings[id]), score]),
});

const decisionWords = ({ alternatives }: Architecture): string => {
  const [chosen, second] = alternatives;
  if (chosen === undefined || second === undefined) return '';
  return (
    `${chosen.title}, with ${chosen.score} of 100 before ${second.title} with ${second.score}: ${chosen.strength}. ` +
    'The other families are trained beside it under the same search, and the cross-validated metric has the last word.'
  );
};

const exampleRow = (input: readonly InputColumn[]): string => {
  const example: Readonly<Record<string, unknown>> = { number: 0, boolean: true, category: 'text', time: '2015-12-31' };
  return JSON.stringify({ rows: [Object.fromEntries(input.map(({ name, kind }) => [name, example[kind] ?? null]))] });
};

const predictWords = ({ input }: Architecture, { task, time }: Charter['data']): string =>
  [
    `\`POST /predict\` takes rows${time === undefined ? '' : ' in order of time'}, and answers each with a ${task === 'classification' ? 'probability of yes' : 'number'}:`,
    `\`\`\`json\n${exampleRow(input)}\n\`\`\``,
    'The answer is `{ "version": text, "predictions": [{ "score": number }] }`, in the order of the rows. A row that does not fit is refused with its index and field.',
  ].join('\n\n');

const matrixRows = (architecture: Architecture): string => {
  const { rows, columns } = matrixTable(architecture);
  return table(rows, columns);
};

const decisionRecord = async (context: ActionContext, architecture: Architecture): Promise<Record<string, string>> => {
  const { charter } = context;
  const { circumstances, requirements, alternatives, input } = architecture;
  const [chosen] = alternatives;
  const criteria = charter.success.map((criterion) => criterionWords(criterion, charter.baseline));
  const plain =
    `${charter.client.name} needs an answer to ${targetWords(charter.data)}. There are ${formatNumber(circumstances.trainRows)} rows to train on and ` +
    `${formatNumber(circumstances.features)} features. Success means ${criteria.join(', and ')}.`;
  return {
    name: escapeMarkdown(charter.name),
    decision: await context.narrate('architecture decision', architecture, decisionWords(architecture)),
    context: plain,
    requirements: table(
      requirements.map(({ title, weight, because }) => [title, `${weight} %`, because]),
      ['Requirement', 'Weight', 'Because'],
    ),
    alternatives: table(
      alternatives.map(({ title, strength, weakness, excluded }) => [title, strength, weakness, excluded ?? 'yes']),
      ['Alternative', 'For it', 'Against it', 'Can be chosen'],
    ),
    matrix: matrixRows(architecture),
    method:
      'Ratings go from 1 to 5. How a method fares with the rows at hand is computed from rows per feature; the others are properties of the method. ' +
      'A weight is a share of points that the charter and the data give. The score is the weighed sum, as a percentage of the most there is.',
    consequences: bulletList([
      `Against ${chosen?.title ?? 'it'}: ${chosen?.weakness ?? 'nothing was found'}.`,
      `${baselineName(charter.baseline)} stays the way back when the model does not answer.`,
    ]),
    predict: predictWords(architecture, charter.data),
    input: table(
      input.map(({ name, kind }) => [`\`${name}\``, kind, JSON_TYPES[kind] ?? kind]),
      ['Column', 'Kind', 'In JSON'],
    ),
    operation: bulletList([
      '`GET /health`: whether it serves, and which version',
      '`GET /version`: the version in service, bound to the digest of its package',
      '`GET /metrics`: counters of requests and failures',
    ]),
    tests: bulletList([
      'The same code computes features in training and in service; parity is checked on the training rows',
      'The evaluator recomputes every metric on held-out rows, without the code that trained',
      'The package is started and asked before it replaces what runs, and the way back is rehearsed',
    ]),
    review: bulletList([
      'A family with another strength wins the search by more than its folds differ',
      'Monitoring finds drift that retraining of the same family does not answer',
      'The rows per feature change by a factor of four, which changes the ratings above',
    ]),
  };
};

const flowSlide = ({ data }: Charter, { title }: Alternative): Slide => ({
  title: 'How data become a decision',
  body: [
    {
      flow: {
        nodes: [
          { id: 'file', label: 'Snapshot', note: data.file, column: 0, row: 0, shape: 'store' },
          { id: 'prepare', label: 'Preparation', note: 'schema, split', column: 1, row: 0 },
          { id: 'features', label: 'Features', note: 'one code, two uses', column: 2, row: 0 },
          { id: 'train', label: 'Training', note: title, column: 3, row: 0 },
          { id: 'runs', label: 'Runs', note: 'seed, parameters, metrics', column: 4, row: 0, shape: 'store' },
          { id: 'package', label: 'Package', note: 'model, features, server', column: 3, row: 1, shape: 'store' },
          { id: 'server', label: 'Model server', note: 'POST /predict', column: 2, row: 1 },
          { id: 'caller', label: 'Caller', note: 'decides', column: 1, row: 1 },
          { id: 'monitor', label: 'Monitoring', note: 'drift, latency, quality', column: 2, row: 2 },
        ],
        arrows: [
          { from: 'file', to: 'prepare' },
          { from: 'prepare', to: 'features' },
          { from: 'features', to: 'train' },
          { from: 'train', to: 'runs' },
          { from: 'train', to: 'package', label: 'best run' },
          { from: 'package', to: 'server', label: 'deploy' },
          { from: 'server', to: 'caller', label: 'scores' },
          { from: 'server', to: 'monitor', label: 'answers' },
        ],
      },
    },
  ],
});

const deckOf = (charter: Charter, date: string, architecture: Architecture) => {
  const { alternatives, requirements, input, circumstances } = architecture;
  const [chosen] = alternatives;
  if (chosen === undefined) throw new Error('no family can be trained for this task');
  return slides({
    title: `Model architecture: ${charter.name}`,
    subtitle: `${chosen.title}, for ${targetWords(charter.data)}`,
    author: 'studio, Value Train',
    date,
    slides: [
      flowSlide(charter, chosen),
      {
        title: 'What is required, and how much it counts',
        body: [
          {
            table: {
              columns: ['Requirement', 'Weight in %', 'Because'],
              rows: requirements.map(({ title, weight, because }) => [title, weight, because]),
            },
          },
        ],
        message: `${formatNumber(circumstances.trainRows)} rows to train on, ${formatNumber(circumstances.features)} features.`,
      },
      {
        title: 'Alternatives, weighed',
        body: [{ table: matrixTable(architecture) }],
        message: `${chosen.title} leads with ${chosen.score} of 100.`,
      },
      {
        title: 'Scores',
        body: [
          {
            chart: {
              kind: 'bar',
              horizontal: true,
              title: 'Weighed score, of 100',
              categories: alternatives.map(({ title }) => title),
              y: { label: 'score', min: 0, max: 100 },
              series: [{ name: 'score', values: alternatives.map(({ score }) => score) }],
            },
          },
          {
            table: {
              columns: ['Alternative', 'Against it'],
              rows: alternatives.map(({ title, excluded, weakness }) => [title, excluded ?? weakness]),
            },
          },
        ],
      },
      {
        title: 'Interface of the model server',
        body: [
          {
            bullets: [
              '**POST /predict**: rows in, one score a row out',
              '**GET /health**: whether it serves, and which version',
              '**GET /version**: bound to the digest of the package',
              '**GET /metrics**: requests and failures',
            ],
          },
          {
            table: {
              title: 'Each row',
              columns: ['Column', 'In JSON'],
              rows: input.slice(0, 14).map(({ name, kind }) => [name, JSON_TYPES[kind] ?? kind]),
            },
          },
        ],
        message:
          input.length > 14
            ? `${input.length} columns in all; the decision record lists them.`
            : 'A row that does not fit is refused, with its index and field.',
      },
    ],
  });
};

/** Weighs every family that can be trained against what the charter and the data require, and records the choice. */
export const chooseArchitecture: Action = async (context): Promise<Architecture> => {
  const { charter, ticket } = context;
  const dataset = await readDataset(await context.dataFile(), charter.data, charter.seed);
  const circumstances = circumstancesOf(context.factsOf, dataset, charter.data, ticket.cycle);
  const requirements = requirementsOf(charter, circumstances);
  const alternatives = weighAlternatives(charter, circumstances, requirements);
  const architecture = {
    approach: alternatives[0]?.id ?? '',
    circumstances,
    requirements,
    alternatives,
    input: inputOf(charter, dataset),
  };
  const template = await readFile(join(import.meta.dirname, 'architecture-decision.md'), 'utf8');
  const stamp = { agent: 'studio', date: ticket.openedOn, version: String(ticket.cycle), status: 'final' };
  await context.write(
    'delivery/model/architecture-decision.md',
    fillTemplate(template, await decisionRecord(context, architecture), stamp),
  );
  await context.write('delivery/model/architecture.pptx', await deckOf(charter, ticket.openedOn, architecture));

  const [chosen, ...others] = alternatives;
  if (chosen) {
    context.decide(
      `Approach: ${chosen.id}`,
      `${chosen.score} of 100 by the weighed requirements: ${chosen.strength}`,
      others.map(({ id, score, excluded, weakness }) => ({ option: id, because: `${score}: ${excluded ?? weakness}` })),
    );
  }
  context.fact('approach', architecture.approach);
  context.fact('alternatives', alternatives.length);
  return architecture;
};
