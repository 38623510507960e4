import type { Action } from '@vt/agent-runtime';
import { bulletList, escapeMarkdown, formatNumber, formatPercent } from '@vt/documents';
import { type DataFindings, ROWS_MIN } from '@vt/modeling';
import { criterionWords, targetWords } from '@vt/value-train';
import { writeMarkdown } from '../document.ts';

const feasibility = ({ known, related, problems, sufficient }: DataFindings): string => {
  if (problems.length > 0) return `Not yet. To be mended first:\n\n${bulletList(problems.map(escapeMarkdown))}`;
  if (!sufficient) return `Not yet: the outcome of only ${known} rows is known, and a first version needs ${ROWS_MIN}.`;
  const [strongest] = related;
  const lead =
    strongest === undefined
      ? 'No column varies with the outcome by itself.'
      : `The column that goes with the outcome most is ${escapeMarkdown(strongest.name)} (${formatNumber(strongest.association, 2)} of 1).`;
  return `Yes, for a first version: the outcome of ${formatNumber(known)} rows is known. ${lead}`;
};

const profileWords = (
  { rows, thinned, columns, period, targetMissingShare, targetMean, duplicates }: DataFindings,
  task: string,
): string[] => {
  const incomplete = columns.filter(({ missing }) => missing > 0);
  return [
    `${formatNumber(rows)} rows in ${columns.length} columns${period === null ? '' : `, from ${period[0]} to ${period[1]}`}`,
    ...(thinned === null ? [] : [thinned]),
    `The outcome is missing in ${formatPercent(targetMissingShare)} of the rows looked at`,
    task === 'classification'
      ? `The outcome is yes in ${formatPercent(targetMean)} of the rows that know it`
      : `The outcome is ${formatNumber(targetMean)} on average`,
    incomplete.length === 0
      ? 'No column has gaps'
      : `Columns with gaps: ${incomplete.map(({ name, missing }) => `${escapeMarkdown(name)} (${missing})`).join(', ')}`,
    `${formatNumber(duplicates)} rows repeat an earlier one`,
  ];
};

export const writeOnePager: Action = async (context): Promise<void> => {
  const { charter } = context;
  const findings = await context.result<DataFindings>('profile-data');
  const target = targetWords(charter.data);
  const criteria = charter.success.map((criterion) => criterionWords(criterion, charter.baseline));
  const plain =
    `For ${charter.client.name}, a model answers ${target}, from ${formatNumber(findings.rows)} rows of ` +
    `${charter.data.file}. With the answer: ${charter.decision}`;
  await writeMarkdown(context, 'use-case-one-pager.md', 'framing/use-case-one-pager.md', {
    name: escapeMarkdown(charter.name),
    summary: await context.narrate(
      'use case in one paragraph',
      { target, criteria, findings, decision: charter.decision },
      plain,
    ),
    decision: bulletList([
      `**Today**: ${charter.problem.trim().replace(/\s+/g, ' ')}`,
      `**With the prediction**: ${charter.decision.trim().replace(/\s+/g, ' ')}`,
      `**Answers for it**: ${escapeMarkdown(charter.sponsor.name)}, ${escapeMarkdown(charter.sponsor.role)}`,
    ]),
    target: `A ${charter.data.task}: ${target}.`,
    data: `${charter.data.description.trim()} Owner: ${escapeMarkdown(charter.data.owner)}. Licence: ${escapeMarkdown(charter.data.licence)}.`,
    profile:
      findings.problems.length > 0
        ? 'The file could not be profiled; see below.'
        : bulletList(profileWords(findings, charter.data.task)),
    criteria: bulletList(criteria),
    feasibility: feasibility(findings),
  });
};
