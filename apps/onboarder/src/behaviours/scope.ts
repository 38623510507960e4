import type { Action, ActionContext } from '@vt/agent-runtime';
import { bulletList, escapeMarkdown, formatMoney, formatPercent, slides, type Slide, table } from '@vt/documents';
import { loadRiskCatalogue } from '@vt/profiles';
import { baselineName, type Charter, criterionWords, type PipelinePhase, targetWords } from '@vt/value-train';
import {
  deliverablesOf,
  deliveryPipeline,
  LEGAL_STANDING,
  type Milestone,
  milestonesOf,
  signaturesOf,
} from '../delivery-plan.ts';
import { writeMarkdown } from '../document.ts';
import { peopleOf } from '../people.ts';
import { scoreReadiness } from '../readiness-score.ts';
import { profileRisks } from '../risk-profile.ts';
import { decisionsToBreakEven, decisionWords, valueWords } from './opportunity.ts';

const oneLine = (text: string): string => text.trim().replace(/\s+/g, ' ');
const criteriaOf = ({ success, baseline }: Charter): string[] =>
  success.map((criterion) => criterionWords(criterion, baseline));
const gateWords = ({ exit, approvals }: PipelinePhase): string =>
  [...exit.map(({ says }) => says), ...approvals.map(({ role }) => `Approved by the ${role}.`)].join(' ');

const milestoneTable = (milestones: readonly Milestone[]): string =>
  table(
    milestones.map(({ title, phase }, index) => [`M${index + 1}`, title, phase.title, gateWords(phase)]),
    ['No.', 'Milestone', 'Phase', 'Reached when'],
  );

const outside = ({ data }: Charter): string[] => [
  `Predictions other than ${targetWords(data)}`,
  `Data other than \`${data.file}\``,
  ...(data.exclude.length === 0 ? [] : [`Use of the columns ${data.exclude.join(', ')}, which the charter excludes`]),
  'Changes to the systems of the client that call the model',
];

export const writeSow: Action = async (context): Promise<void> => {
  const { charter } = context;
  const { client, sponsor, data, budget } = charter;
  const pipeline = await deliveryPipeline();
  const target = targetWords(data);
  const background = `${client.name} works in ${client.industry}. ${oneLine(charter.problem)} With a prediction: ${oneLine(charter.decision)}`;
  const approvers = pipeline.phases.flatMap(({ title, approvals: roles }) =>
    roles.map(({ role }) => `${title} (${role})`),
  );
  await writeMarkdown(context, 'sow.md', 'planning/sow.md', {
    name: escapeMarkdown(charter.name),
    standing: LEGAL_STANDING,
    parties: bulletList([
      `Client: ${escapeMarkdown(client.name)}, ${escapeMarkdown(client.industry)}, represented by ${escapeMarkdown(sponsor.name)}, ${escapeMarkdown(sponsor.role)}`,
      'Contractor: whoever runs Value Train for the client. The charter names no contracting party; enter it before signing',
    ]),
    background: await context.narrate(
      'background of the statement of work',
      { client, problem: charter.problem, decision: charter.decision },
      background,
    ),
    objective: `A ${data.task} model in service that answers ${target}, compared with ${baselineName(charter.baseline)}.`,
    inside: bulletList([
      `Profiling, preparing and exploring \`${data.file}\``,
      `Features, and a model of ${target}, chosen among several families`,
      'Independent validation on held-out data, deployment as an HTTP service with a rehearsed rollback, and monitoring on later data',
      'One retraining cycle, where the first review asks for it',
    ]),
    outside: bulletList(outside(charter)),
    deliverables: `${table(deliverablesOf(pipeline, 'delivery'), ['Phase', 'File', 'Delivered'])}`,
    acceptance:
      `The model is accepted when the evaluator, who did not train it, measures on held-out data:\n\n${bulletList(criteriaOf(charter))}\n\n` +
      `Approvals are given at the gates of: ${approvers.join(', ')}. An approval holds for exactly the files that were seen.`,
    milestones: milestoneTable(milestonesOf(pipeline)),
    commercial: bulletList([
      `Ceiling: ${formatMoney(budget)}`,
      'Every action is metered, by phase; the spend is open to the client at any time',
      'At 80 % of the ceiling a warning is recorded; at 100 % work pauses, with what was done kept, until the ceiling is raised or the train ends',
      'Metered is what the price book prices: computing time and tokens. The work of people is not in it',
    ]),
    rights: `The data stay with ${escapeMarkdown(data.owner)} under their licence (${escapeMarkdown(data.licence)}) and are processed under the data-processing agreement.`,
    change: bulletList([
      'A change of target, data, success criteria or budget is a change of the charter and goes back to this phase',
      `The sponsor, ${escapeMarkdown(sponsor.name)}, decides on it by approving a new version of this statement`,
      'Until then the approved version holds; a fundamental change goes back to opportunity triage',
    ]),
    agreement: table(await signaturesOf(charter), ['Role', 'Name', 'How']),
  });
};

export const writeMvpPlan: Action = async (context): Promise<void> => {
  const { charter } = context;
  const pipeline = await deliveryPipeline();
  const { gaps } = scoreReadiness(charter);
  const criteria = criteriaOf(charter);
  const target = targetWords(charter.data);
  await writeMarkdown(context, 'mvp-plan.md', 'planning/mvp-plan.md', {
    name: escapeMarkdown(charter.name),
    goal: await context.narrate(
      'goal of the first version',
      { target, decision: charter.decision, criteria },
      `A service answers ${target}, so that this can be done: ${oneLine(charter.decision)}`,
    ),
    now: bulletList([
      `One model, from one file (\`${charter.data.file}\`), for one question: ${target}`,
      `A comparison with ${baselineName(charter.baseline)}`,
      'An HTTP service with health, version and rollback',
      'Monitoring of drift, latency and quality on later data, and one review of what to do next',
    ]),
    later: bulletList([
      'More sources than the one file',
      ...(charter.data.time === undefined ? ['A record of time, without which change cannot be watched'] : []),
      ...(charter.valuePerCorrectDecision === undefined
        ? ['A value per correct decision, to state the return in money']
        : []),
      'What the improvement roadmap ranks first after the first cycle',
    ]),
    criteria: bulletList(criteria),
    phases: table(
      pipeline.phases.map((phase, index) => [index + 1, phase.title, phase.owner, gateWords(phase)]),
      ['No.', 'Phase', 'Agent', 'Done when'],
    ),
    team: table(
      peopleOf(charter).map(({ name, role, responsibility }) => [name, role, responsibility].map(escapeMarkdown)),
      ['Name', 'Role', 'Part'],
    ),
    gaps:
      gaps.length === 0
        ? 'The questionnaire shows no gap.'
        : table(
            gaps.map((gap) => [escapeMarkdown(gap.question), gap.mitigation, escapeMarkdown(gap.owner), gap.before]),
            ['Gap', 'Mitigation', 'Owner', 'Before phase'],
          ),
  });
  context.fact('success-criteria', criteria.length);
};

const problemSlide = (charter: Charter): Slide => {
  const { client, sponsor, problem, baseline, valuePerCorrectDecision: value } = charter;
  return {
    title: 'The problem',
    body: [
      oneLine(problem),
      {
        table: {
          columns: ['At a glance', ''],
          rows: [
            ['Client', `${client.name}, ${client.industry}`],
            ['Sponsor', `${sponsor.name}, ${sponsor.role}`],
            ['Question', targetWords(charter.data)],
            ...(value === undefined ? [] : [['A correct decision is worth', formatMoney(value)]]),
          ],
        },
      },
    ],
    message: `The yardstick to beat: ${baselineName(baseline)}.`,
  };
};

const proposal = ({ data, decision }: Charter): Slide => ({
  title: 'The proposal',
  body: [
    {
      flow: {
        nodes: [
          { id: 'data', label: 'Data', note: data.file, column: 0, row: 0, shape: 'store' },
          { id: 'model', label: 'Model', note: data.task, column: 1, row: 0 },
          { id: 'service', label: 'HTTP service', note: 'health, version, rollback', column: 2, row: 0 },
          { id: 'decision', label: 'Decision', note: 'made by people', column: 3, row: 0 },
          { id: 'monitor', label: 'Monitoring', note: 'drift, latency, quality', column: 2, row: 1 },
        ],
        arrows: [
          { from: 'data', to: 'model', label: 'training' },
          { from: 'model', to: 'service', label: 'package' },
          { from: 'service', to: 'decision', label: 'prediction' },
          { from: 'service', to: 'monitor', label: 'what it answered' },
          { from: 'monitor', to: 'model', label: 'retraining' },
        ],
      },
    },
  ],
  message: oneLine(decision),
});

const dataSlide = ({ charter, factsOf }: ActionContext): Slide => {
  const { score, band, dimensions } = scoreReadiness(charter);
  const found = factsOf('discovery');
  const rows = [
    ['File', charter.data.file],
    ['Rows', found['rows'] ?? null],
    ['Columns', found['columns'] ?? null],
    [
      'Outcome missing',
      typeof found['target-missing-share'] === 'number' ? formatPercent(found['target-missing-share']) : null,
    ],
    ['Owner', charter.data.owner],
    ['Licence', charter.data.licence],
  ].filter(([, value]) => value !== null);
  const asked = dimensions.filter((one) => one.score !== null);
  return {
    title: 'Data and readiness',
    body: [
      { table: { title: 'The data', columns: ['What', 'Found'], rows } },
      {
        chart: {
          kind: 'bar',
          title: 'Readiness by dimension',
          categories: asked.map(({ dimension }) => dimension),
          y: { label: 'of 100', min: 0, max: 100 },
          series: [{ name: 'readiness', values: asked.map((one) => one.score ?? 0) }],
        },
      },
    ],
    message: `Readiness ${score} of 100: ${band}.`,
  };
};

const planSlide = (milestones: readonly Milestone[]): Slide => ({
  title: `${milestones.length} milestones, each behind a gate`,
  body: [
    {
      flow: {
        nodes: milestones.map(({ title, phase }, index) => ({
          id: phase.id,
          label: `${index + 1} ${title}`,
          note: phase.title,
          // Like a snake, so that the arrow between two rows is short.
          column: Math.floor(index / 4) % 2 === 0 ? index % 4 : 3 - (index % 4),
          row: Math.floor(index / 4),
        })),
        arrows: milestones
          .slice(1)
          .map(({ phase }, index) => ({ from: milestones[index]?.phase.id ?? phase.id, to: phase.id })),
      },
    },
  ],
  message: 'A gate opens the files, checks its criteria, and asks the named person where one must agree.',
});

const moneySlide = async (charter: Charter): Promise<Slide> => {
  const risks = profileRisks(await loadRiskCatalogue(), scoreReadiness(charter)).slice(0, 5);
  const decisions = decisionsToBreakEven(charter);
  return {
    title: 'Budget and risks',
    body: [
      {
        bullets: [
          `Ceiling of **${formatMoney(charter.budget)}**`,
          decisions === null
            ? valueWords(charter)
            : `Paid back after **${decisionWords(decisions)}** that would have been wrong before`,
          'A warning at 80 %, a pause at 100 %, nothing lost',
        ],
      },
      {
        table: {
          title: 'Gravest risks',
          columns: ['Risk', 'Score of 25', 'Because'],
          rows: risks.map(({ title, score, basis }) => [title, score, basis]),
        },
      },
    ],
  };
};

export const writePitchDeck: Action = async (context): Promise<void> => {
  const { charter, ticket } = context;
  const target = targetWords(charter.data);
  const milestones = milestonesOf(await deliveryPipeline());
  const lead = await context.narrate(
    'one sentence for the pitch deck',
    { problem: charter.problem, target, decision: charter.decision },
    `A model answers ${target}.`,
  );
  const deck = await slides({
    title: charter.name,
    subtitle: `For ${charter.client.name}: ${oneLine(lead)}`,
    author: 'Value Train',
    date: ticket.openedOn,
    slides: [
      problemSlide(charter),
      proposal(charter),
      dataSlide(context),
      {
        title: 'What success means',
        body: [
          {
            table: {
              columns: ['Criterion', 'Measured by'],
              rows: criteriaOf(charter).map((criterion) => [criterion, 'the evaluator, on held-out data']),
            },
          },
        ],
        message: 'Fixed before work begins; whoever trains the model does not judge it.',
      },
      planSlide(milestones),
      await moneySlide(charter),
      {
        title: 'What we ask for today',
        body: [
          {
            bullets: [
              `${charter.sponsor.name} approves scope, statement of work and plan`,
              `${charter.data.owner} keeps the data at hand`,
              ...charter.approvals
                .filter(({ role }) => role !== 'sponsor')
                .map(({ role, name }) => `${name} stands ready as ${role}`),
            ],
          },
        ],
        message: 'Next: agreement on data processing, access, and kick-off.',
      },
    ],
  });
  await context.write('pitch/pitch-deck.pptx', deck);
};
