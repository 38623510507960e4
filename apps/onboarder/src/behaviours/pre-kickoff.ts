import type { Action, ActionContext } from '@vt/agent-runtime';
import {
  bulletList,
  escapeMarkdown,
  formatNumber,
  proseBlocks,
  type Section,
  table,
  wordDocument,
} from '@vt/documents';
import { type ColumnSummary, type DataSummary, inspectData } from '@vt/modeling';
import { loadRiskCatalogue } from '@vt/profiles';
import { type Charter, criterionWords, targetWords } from '@vt/value-train';
import { deliveryPipeline, LEGAL_STANDING, signaturesOf } from '../delivery-plan.ts';
import { writeMarkdown } from '../document.ts';
import { peopleOf } from '../people.ts';

/** Words in a column's name that point to a person. */
const PERSONAL =
  /(^|_|\b)(first|last|full|sur|family)?_?(name|e?mail|phone|mobile|address|street|birth(day|date)?|dob|age|gender|sex|ssn|passport|iban|ip)($|_|\b)|(customer|patient|user|employee|person)_?id/i;

export const personalColumns = (columns: readonly Pick<ColumnSummary, 'name'>[]): string[] =>
  columns.filter(({ name }) => PERSONAL.test(name.replace(/([a-z])([A-Z])/g, '$1_$2'))).map(({ name }) => name);

const summaryOf = async ({ charter, dataFile }: ActionContext): Promise<DataSummary | undefined> =>
  (await inspectData(await dataFile(), charter.data)).summary;

/** Mitigations of the catalogue that protect data and are in place. */
const MEASURES = ['M005', 'M012', 'M018', 'M019'];

const securityMeasures = async (): Promise<string[]> => {
  const { mitigations } = await loadRiskCatalogue();
  return mitigations
    .filter(({ id, status }) => MEASURES.includes(id) && status === 'Implemented')
    .map(({ title, strategy }) => `**${title}**: ${strategy.charAt(0).toLowerCase()}${strategy.slice(1)}`);
};

const categories = (charter: Charter, summary: DataSummary | undefined): Section => {
  const personal = personalColumns(summary?.columns ?? []);
  const judgement =
    personal.length === 0
      ? 'Going by their names alone, no column points to a person. Nobody looked at what the columns hold: the client says before kick-off whether that is so.'
      : `By their names, these columns may hold data about persons, and are processed for the purpose above only: ${personal.join(', ')}.`;
  return {
    heading: '4. Categories of data',
    body: [
      `${charter.data.description.trim()} ${judgement}`,
      {
        table: {
          title: charter.data.file,
          columns: ['Column', 'Kind', 'Used', 'Name points to a person'],
          rows: (summary?.columns ?? []).map(({ name, kind }) => [
            name,
            kind,
            !charter.data.exclude.includes(name),
            personal.includes(name),
          ]),
        },
      },
    ],
  };
};

const agreementSections = async (context: ActionContext): Promise<Section[]> => {
  const { charter } = context;
  const { client, sponsor, data } = charter;
  const purpose = `The processor builds, validates, deploys and watches a model that answers ${targetWords(data)}, so that ${client.name} can act on it.`;
  return [
    { heading: 'Standing of this draft', body: [LEGAL_STANDING] },
    {
      heading: '1. Parties',
      body: [
        {
          bullets: [
            `**Controller**: ${client.name}, represented by ${sponsor.name}, ${sponsor.role} (${sponsor.email})`,
            '**Processor**: whoever runs Value Train for the controller. The charter names no contracting party; enter it before signing',
          ],
        },
      ],
    },
    {
      heading: '2. Purpose',
      body: proseBlocks(
        await context.narrate('purpose of the data processing', { target: targetWords(data), client }, purpose),
      ),
    },
    {
      heading: '3. Instructions',
      body: [
        `The processor works on the controller's documented instructions: the charter and the approved statement of work. The data come from ${data.owner} under the licence ${data.licence}.`,
      ],
    },
    categories(charter, await summaryOf(context)),
    {
      heading: '5. Security measures',
      body: ['The processor keeps these measures in place:', { bullets: await securityMeasures() }],
    },
    {
      heading: '6. Sub-processors',
      body: [
        'None by default: every step runs on the processor’s own machines. Where a language model is configured, its provider receives what sections of documents are written from: texts and names of the charter, names of columns and of values that recur, counts and measures. Rows of the data are not sent.',
      ],
    },
    {
      heading: '7. Retention and deletion',
      body: [
        {
          bullets: [
            'The data file and the prepared rows are kept for the engagement, so that every result can be repeated.',
            'At its end they are returned or deleted, as the controller chooses.',
            'The log of events keeps digests, numbers and decisions, and no rows of the data; it is not changed.',
          ],
        },
      ],
    },
    {
      heading: '8. Incidents and audit',
      body: [
        'The processor tells the controller without delay of any breach that touches the data. The controller may read the log of events and verify its hash chain at any time.',
      ],
    },
    {
      heading: '9. Agreement',
      body: [
        {
          table: {
            columns: ['Role', 'Name', 'How'],
            rows: await signaturesOf(charter),
          },
        },
      ],
    },
  ];
};

export const writeDpa: Action = async (context): Promise<void> => {
  const { charter, ticket } = context;
  const document = await wordDocument({
    title: 'Data-processing agreement',
    subtitle: `${charter.client.name}: ${charter.name}`,
    author: 'onboarder, Value Train',
    date: ticket.openedOn,
    sections: await agreementSections(context),
  });
  await context.write('legal/dpa.docx', document);
};

export const writeAccessChecklist: Action = async (context): Promise<void> => {
  const { charter, ticket } = context;
  const { data, approvals } = charter;
  const summary = await summaryOf(context);
  const read =
    summary === undefined ? 'not readable yet' : `verified ${ticket.openedOn}: ${formatNumber(summary.rows)} rows read`;
  const pipeline = await deliveryPipeline();
  const rolesAsked = [...new Set(pipeline.phases.flatMap((phase) => phase.approvals.map(({ role }) => role)))];
  await writeMarkdown(context, 'access-checklist.md', 'planning/access-checklist.md', {
    name: escapeMarkdown(charter.name),
    data: table(
      [[`\`${data.file}\``, 'read', escapeMarkdown(data.owner), escapeMarkdown(data.licence), read]],
      ['Source', 'Access', 'Granted by', 'Licence', 'State'],
    ),
    people: table(
      rolesAsked.map((role) => {
        const holders = approvals.filter((approval) => approval.role === role).map(({ name }) => escapeMarkdown(name));
        const gates = pipeline.phases
          .filter((phase) => phase.approvals.some((one) => one.role === role))
          .map(({ title }) => title);
        return [role, holders.length === 0 ? 'nobody yet' : holders.join(', '), gates.join(', ')];
      }),
      ['Role', 'Held by', 'Approves the gate of'],
    ),
    programs: table(
      pipeline.modes.map(({ title, agents, tools }) => [
        title,
        agents.join(', '),
        tools
          .filter((tool) => tool.startsWith('command:'))
          .map((tool) => tool.slice('command:'.length))
          .join(', ') || 'no program',
      ]),
      ['Mode', 'Agents', 'Programs they may run'],
    ),
    rules: bulletList([
      'Access is for this engagement and for the purpose of the data-processing agreement only',
      'No password or key is written into a file of the train',
      'What a mode does not list is refused and recorded',
    ]),
  });
};

export const writeContactSheet: Action = async (context): Promise<void> => {
  const { client, approvals } = context.charter;
  const pipeline = await deliveryPipeline();
  const people = peopleOf(context.charter);
  const agents = [...new Set(pipeline.phases.map(({ owner }) => owner))];
  await writeMarkdown(context, 'contact-sheet.md', 'planning/contact-sheet.md', {
    client: escapeMarkdown(client.name),
    people: table(
      people.map(({ name, role, email, responsibility }) => [
        escapeMarkdown(name),
        escapeMarkdown(role),
        email,
        escapeMarkdown(responsibility),
      ]),
      ['Name', 'Role', 'Email', 'Responsible for'],
    ),
    approvals: table(
      approvals.map(({ role, name }) => [role, escapeMarkdown(name)]),
      ['Role', 'Name'],
    ),
    agents: table(
      agents.map((agent) => [
        agent,
        pipeline.phases
          .filter(({ owner }) => owner === agent)
          .map(({ title }) => title)
          .join(', '),
      ]),
      ['Agent', 'Phases'],
    ),
  });
  context.fact('contacts', people.length);
};

const clientEmail = ({ charter, has }: ActionContext, opening: string): string => {
  const enclosed = ['planning/sow.md', 'planning/mvp-plan.md', 'legal/dpa.docx'].filter((path) => has(path));
  return [
    `To: ${charter.sponsor.name} <${charter.sponsor.email}>`,
    `Cc: ${peopleOf(charter)
      .slice(1)
      .map(({ name, email }) => `${name} <${email}>`)
      .join(', ')}`,
    `Subject: ${charter.name}: ready for kick-off`,
    '',
    `Dear ${charter.sponsor.name},`,
    '',
    opening,
    '',
    ...(enclosed.length === 0 ? [] : ['Please read:', ...enclosed.map((path) => `- ${path}`), '']),
    'Both the statement of work and the data-processing agreement are drafts that a lawyer must check first. Your approval at the gate records that you agree to them, in exactly the version you saw.',
    '',
    'With kind regards',
    'The onboarder, Value Train',
    '',
  ].join('\n');
};

const internalEmail = (charter: Charter, agents: readonly string[]): string =>
  [
    `To: ${agents.join(', ')}`,
    `Subject: Kick-off: ${charter.name}`,
    '',
    `Client: ${charter.client.name} (${charter.client.industry})`,
    `Question: ${targetWords(charter.data)}`,
    `Data: ${charter.data.file}, owner ${charter.data.owner}, licence ${charter.data.licence}`,
    `Excluded columns: ${charter.data.exclude.length === 0 ? 'none' : charter.data.exclude.join(', ')}`,
    'Success:',
    ...charter.success.map((criterion) => `- ${criterionWords(criterion, charter.baseline)}`),
    `Budget: ${charter.budget.amount} ${charter.budget.currency}`,
    '',
    'The lab begins with the map of sources once the sponsor has approved.',
    '',
  ].join('\n');

export const writeEmails: Action = async (context): Promise<void> => {
  const { charter } = context;
  const pipeline = await deliveryPipeline();
  const opening = await context.narrate(
    'opening of the email to the sponsor',
    { sponsor: charter.sponsor.name, target: targetWords(charter.data), decision: charter.decision },
    `The papers for the work on ${targetWords(charter.data)} are ready. After your approval we begin with the data sources.`,
  );
  await context.write('communication/client-email.txt', clientEmail(context, opening));
  const agents = [...new Set(pipeline.phases.filter(({ group }) => group === 'delivery').map(({ owner }) => owner))];
  await context.write('communication/internal-email.txt', internalEmail(charter, agents));
};
