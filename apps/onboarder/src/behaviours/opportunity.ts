import type { Action, ActionContext } from '@vt/agent-runtime';
import { bulletList, escapeMarkdown, formatMoney, formatNumber, table } from '@vt/documents';
import { baselineName, type Charter, criterionWords, targetWords } from '@vt/value-train';
import { stat } from 'node:fs/promises';
import { writeMarkdown } from '../document.ts';
import { peopleOf } from '../people.ts';
import { type DataAtHand, type Opportunity, weighOpportunity } from '../qualification.ts';

/** Looks at the file only: whether its rows can be used is found out in discovery. */
const dataAtHand = async ({ dataFile }: ActionContext): Promise<DataAtHand | null> => {
  try {
    return { bytes: (await stat(await dataFile())).size };
  } catch (error) {
    // A file that is not there is a finding, not a failure of the work.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
};

/** How many decisions must come out better before the budget has paid for itself; null where nobody put a value on one. */
export const decisionsToBreakEven = ({ budget, valuePerCorrectDecision }: Charter): number | null => {
  if (valuePerCorrectDecision === undefined || valuePerCorrectDecision.currency !== budget.currency) return null;
  const value = Number(valuePerCorrectDecision.amount);
  return value > 0 ? Math.ceil(Number(budget.amount) / value) : null;
};

export const decisionWords = (count: number): string =>
  count === 1 ? '1 decision' : `${formatNumber(count)} decisions`;

export const valueWords = (charter: Charter): string => {
  const decisions = decisionsToBreakEven(charter);
  const { budget, valuePerCorrectDecision } = charter;
  if (decisions === null || valuePerCorrectDecision === undefined) {
    return `The budget is ${formatMoney(budget)}. The charter puts no value on a single correct decision, so its return is not computed here.`;
  }
  return (
    `The client values a correct decision at ${formatMoney(valuePerCorrectDecision)}. The budget of ${formatMoney(budget)} ` +
    `has paid for itself after ${decisionWords(decisions)} that would have been wrong before.`
  );
};

const qualificationTable = ({ qualifications }: Opportunity): string =>
  table(
    qualifications.map(({ question, met, finding }) => [question, met ? 'met' : 'not met', escapeMarkdown(finding)]),
    ['Question', 'Met', 'Finding'],
  );

const CONSEQUENCES: Readonly<Record<Opportunity['decision'], string>> = {
  go: 'Discovery begins: the data are profiled and the use case is described.',
  conditional: 'The opportunity is weighed again once the conditions below are met.',
  'no-go': 'The train is archived with this record as the lesson.',
};

const nextSteps = ({ decision, qualifications }: Opportunity): string => {
  const mends = qualifications.filter(({ met }) => !met).map(({ mend }) => mend);
  return bulletList([CONSEQUENCES[decision], ...mends.map((mend) => `To be mended: ${mend}.`)]);
};

const firstRisks = ({ questionnaire, data }: Charter): string => {
  const weak = questionnaire
    .filter(({ score }) => score <= 2)
    .map(({ dimension, question, answer }) => `${dimension}: ${escapeMarkdown(question)} ${escapeMarkdown(answer)}`);
  const order =
    data.time === undefined ? ['The data have no time column, so change over time cannot be seen in them.'] : [];
  const found = [...weak, ...order];
  return found.length === 0 ? 'No answer of the questionnaire points to a gap.' : bulletList(found);
};

export const writeBrief: Action = async (context): Promise<Opportunity> => {
  const { charter } = context;
  const opportunity = weighOpportunity(charter, await dataAtHand(context));
  const met = (id: string): boolean => opportunity.qualifications.some((one) => one.id === id && one.met);
  const criteria = charter.success.map((criterion) => criterionWords(criterion, charter.baseline));
  const plain =
    `${charter.client.name} (${charter.client.industry}) wants to predict ${targetWords(charter.data)}. ` +
    `Success means ${criteria.join(', and ')}. ${opportunity.rationale} The decision is **${opportunity.decision}**.`;
  const facts = { client: charter.client, problem: charter.problem, decision: charter.decision, criteria, opportunity };

  await writeMarkdown(context, 'opportunity-brief.md', 'preengagement/framing/opportunity-brief.md', {
    name: escapeMarkdown(charter.name),
    summary: await context.narrate('summary of the opportunity', facts, plain),
    problem: charter.problem,
    decision: charter.decision,
    target: `A ${charter.data.task}: ${targetWords(charter.data)}. The model is compared with ${baselineName(charter.baseline)}.`,
    value: valueWords(charter),
    data: bulletList([
      `${escapeMarkdown(charter.data.description)}`,
      `File: \`${charter.data.file}\`; owner: ${escapeMarkdown(charter.data.owner)}; licence: ${escapeMarkdown(charter.data.licence)}`,
    ]),
    criteria: bulletList(criteria),
    stakeholders: table(
      peopleOf(charter).map(({ name, role, email }) => [escapeMarkdown(name), escapeMarkdown(role), email]),
      ['Name', 'Role', 'Email'],
    ),
    constraints: bulletList([
      `Budget: ${formatMoney(charter.budget)}`,
      `Columns that must not be used: ${charter.data.exclude.length === 0 ? 'none' : charter.data.exclude.join(', ')}`,
      `Approvals: ${charter.approvals.map(({ role, name }) => `${role} (${escapeMarkdown(name)})`).join(', ')}`,
    ]),
    risks: firstRisks(charter),
    qualification: qualificationTable(opportunity),
    outcome: `**${opportunity.decision}**. ${escapeMarkdown(opportunity.rationale)}`,
    next: nextSteps(opportunity),
  });

  context.decide(opportunity.decision, opportunity.rationale);
  for (const { met: isMet, question, otherwise, mend } of opportunity.qualifications) {
    if (!isMet) context.ask(question, `Without it the opportunity is ${otherwise}: ${mend}`, 'discovery');
  }
  context.fact('decision', opportunity.decision);
  context.fact('problem-measurable', met('problem-measurable'));
  context.fact('sponsor-named', met('sponsor-named'));
  return opportunity;
};

export const recordDecision: Action = async (context): Promise<void> => {
  const opportunity = await context.result<Opportunity>('write-brief');
  const { charter, ticket } = context;
  await writeMarkdown(context, 'decision-record.md', 'preengagement/framing/decision-record.md', {
    name: escapeMarkdown(charter.name),
    decision: opportunity.decision,
    date: ticket.openedOn,
    rationale: escapeMarkdown(opportunity.rationale),
    qualification: qualificationTable(opportunity),
    rules: bulletList(
      opportunity.qualifications.map(({ question, otherwise }) => `${question} Otherwise: ${otherwise}.`),
    ),
    consequence: nextSteps(opportunity),
  });
  context.outcome(opportunity.decision);
};
