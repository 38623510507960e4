import type { Action } from '@vt/agent-runtime';
import { bulletList, escapeMarkdown, table } from '@vt/documents';
import { loadRiskCatalogue } from '@vt/profiles';
import { writeMarkdown } from '../document.ts';
import {
  DIMENSIONS,
  NOT_READY_SCORE,
  READY_SCORE,
  type Readiness,
  scoreReadiness,
  WEIGHTS,
} from '../readiness-score.ts';
import { IMPACTS, type ProfiledRisk, profileRisks } from '../risk-profile.ts';

export const writeQuestionnaire: Action = async (context): Promise<void> => {
  const { questionnaire, client } = context.charter;
  const sections = DIMENSIONS.flatMap((dimension) => {
    const answers = questionnaire.filter((answer) => answer.dimension === dimension);
    if (answers.length === 0) return [];
    const rows = answers.map(({ id, question, answer, score }) => [
      id,
      escapeMarkdown(question),
      escapeMarkdown(answer),
      score,
    ]);
    return [
      `## ${dimension[0]?.toUpperCase()}${dimension.slice(1)}\n\n${table(rows, ['Id', 'Question', 'Answer', 'Score'])}`,
    ];
  });
  await writeMarkdown(context, 'readiness-questionnaire.md', 'discovery/readiness-questionnaire.md', {
    client: escapeMarkdown(client.name),
    legend: `${questionnaire.length} answers of ${escapeMarkdown(client.name)}, each scored from 0 (nothing there) to 5 (fully in place).`,
    answers: sections.join('\n\n'),
  });
};

const assessmentOf = (client: string, { score, band, dimensions, gaps }: Readiness): string => {
  const asked = dimensions.filter((one) => one.score !== null).toSorted((a, b) => (b.score ?? 0) - (a.score ?? 0));
  const [best, worst] = [asked[0], asked.at(-1)];
  const unasked = dimensions.filter((one) => one.score === null).map(({ dimension }) => dimension);
  return [
    `With ${score} of 100, ${client} is ${band}.`,
    best === undefined || worst === undefined || best === worst
      ? ''
      : `Strongest is ${best.dimension} (${best.score}), weakest ${worst.dimension} (${worst.score}).`,
    gaps.length === 0 ? 'No answer points to a gap.' : `Answers that point to a gap: ${gaps.length}.`,
    unasked.length === 0 ? '' : `Not asked about: ${unasked.join(', ')}.`,
  ]
    .filter((sentence) => sentence !== '')
    .join(' ');
};

export const scoreClient: Action = async (context): Promise<Readiness> => {
  const { charter } = context;
  const readiness = scoreReadiness(charter);
  const { score, band, dimensions, gaps } = readiness;
  await writeMarkdown(context, 'ai-readiness.md', 'discovery/ai-readiness.md', {
    client: escapeMarkdown(charter.client.name),
    score: `**${score} of 100**: ${band}.`,
    assessment: await context.narrate(
      'assessment of readiness',
      readiness,
      assessmentOf(charter.client.name, readiness),
    ),
    dimensions: table(
      dimensions.map((one) => [one.dimension, one.questions, one.score ?? 'not asked', `${one.weight} %`]),
      ['Dimension', 'Questions', 'Score', 'Weight'],
    ),
    method:
      'A dimension scores the mean of its answers as a percentage of 5. The total weighs the dimensions that were asked about: ' +
      `${DIMENSIONS.map((dimension) => `${dimension} ${WEIGHTS[dimension]}`).join(', ')}. ` +
      `From ${READY_SCORE} on a client is ready, under ${NOT_READY_SCORE} not ready; in between ready with mitigation. An answer of 2 or less is a gap.`,
    gaps:
      gaps.length === 0
        ? 'No answer scores 2 or less.'
        : table(
            gaps.map((gap) => [gap.dimension, escapeMarkdown(gap.question), escapeMarkdown(gap.answer), gap.score]),
            ['Dimension', 'Question', 'Answer', 'Score'],
          ),
    plan:
      gaps.length === 0
        ? 'No gap needs a plan. The readiness is scored again when scope or client change.'
        : table(
            gaps.map((gap) => [escapeMarkdown(gap.question), gap.mitigation, escapeMarkdown(gap.owner), gap.before]),
            ['Gap', 'Mitigation', 'Owner', 'Before phase'],
          ),
  });
  context.fact('readiness-score', score);
  context.fact('readiness-band', band);
  context.fact('dimensions', dimensions.filter((one) => one.score !== null).length);
  context.fact('readiness-gaps', gaps.length);
  return readiness;
};

const riskSummary = (risks: readonly ProfiledRisk[]): string => {
  const count = (band: ProfiledRisk['band']): number => risks.filter((risk) => risk.band === band).length;
  const [first] = risks;
  const lead =
    first === undefined ? '' : ` The gravest is ${first.id} ${first.title} (${first.score} of 25): ${first.basis}.`;
  return `Of ${risks.length} risks, ${count('high')} rate as high, ${count('medium')} as medium and ${count('low')} as low.${lead}`;
};

export const writeRiskProfile: Action = async (context): Promise<readonly ProfiledRisk[]> => {
  const readiness = await context.result<Readiness>('score-readiness');
  const catalogue = await loadRiskCatalogue();
  const risks = profileRisks(catalogue, readiness);
  const impacts = Object.entries(IMPACTS).map(([type, impact]) => `${type} ${impact}`);
  await writeMarkdown(context, 'risk-profile.md', 'discovery/risk-profile.md', {
    name: escapeMarkdown(context.charter.name),
    summary: await context.narrate('summary of the risks', risks, riskSummary(risks)),
    risks: table(
      risks.map((risk) => [
        risk.id,
        risk.title,
        risk.probability,
        risk.impact,
        risk.score,
        risk.band,
        risk.owner,
        risk.basis,
      ]),
      ['Id', 'Risk', 'Probability', 'Impact', 'Score', 'Band', 'Owner', 'Because'],
    ),
    method:
      'Score is probability (1 to 5) times impact (1 to 5); 15 and more is high, 8 to 14 medium. Probability follows from the readiness ' +
      'of the dimension that the risk depends on (100 of 100: 1; 75 to 99: 2; 50 to 74: 3; 25 to 49: 4; less: 5), or, for what the platform itself ' +
      `controls, from whether its mitigations are implemented. Impact goes by the type of the risk: ${impacts.join(', ')}.`,
    mitigations: table(
      risks.flatMap((risk) =>
        risk.mitigations.map(({ id, title, strategy, status, appliedAt }) => [
          risk.id,
          id,
          title,
          strategy,
          appliedAt,
          status,
        ]),
      ),
      ['Risk', 'Id', 'Mitigation', 'Strategy', 'Applied at', 'Status'],
    ),
    signals: bulletList(risks.map(({ id, signal }) => `${id}: ${signal}`)),
  });
  context.fact('risks-high', risks.filter(({ band }) => band === 'high').length);
  context.fact('risks-medium', risks.filter(({ band }) => band === 'medium').length);
  return risks;
};
