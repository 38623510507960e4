import { formatMoney } from '@vt/documents';
import { type Charter, metricName } from '@vt/value-train';

export interface Qualification {
  readonly id: 'problem-measurable' | 'budget-committed' | 'sponsor-named' | 'data-present' | 'decision-named';
  readonly question: string;
  readonly met: boolean;
  readonly finding: string;
  /** What an opportunity that does not meet it is. */
  readonly otherwise: 'no-go' | 'conditional';
  readonly mend: string;
}

export interface Opportunity {
  readonly decision: 'go' | 'conditional' | 'no-go';
  readonly qualifications: readonly Qualification[];
  readonly rationale: string;
}

/** What the charter's data file is like at the door; its columns are discovery's business. */
export interface DataAtHand {
  readonly bytes: number;
}

type Criterion = Charter['success'][number];

const OF_CLASSES = new Set(['roc-auc', 'accuracy', 'f1', 'log-loss', 'brier']);
/** Metrics of which 1 is the best or the worst there is. */
const UP_TO_ONE = new Set(['roc-auc', 'accuracy', 'f1', 'brier', 'r2']);

const isReachable = (criterion: Criterion): boolean => {
  if ('atMost' in criterion) return criterion.metric === 'r2' || criterion.atMost >= 0;
  const asked = 'atLeast' in criterion ? criterion.atLeast : criterion.betterThanBaselineBy;
  return !UP_TO_ONE.has(criterion.metric) || asked <= 1;
};

const unmeasurable = ({ data, success }: Charter): string[] =>
  success.flatMap((criterion) => {
    const name = metricName(criterion.metric);
    if (OF_CLASSES.has(criterion.metric) !== (data.task === 'classification')) {
      return [`${name} does not measure a ${data.task}`];
    }
    return isReachable(criterion) ? [] : [`no model can reach what is asked of ${name}`];
  });

const sponsorOf = ({ sponsor, approvals }: Charter): { met: boolean; finding: string } => {
  const named = sponsor.name.trim() !== '';
  const speaks = approvals.some(
    ({ role, name }) => role === 'sponsor' && name.trim().toLowerCase() === sponsor.name.trim().toLowerCase(),
  );
  if (!named) return { met: false, finding: 'The charter names no sponsor.' };
  if (!speaks)
    return { met: false, finding: `${sponsor.name} is named as sponsor, but does not hold the sponsor's approval.` };
  return { met: true, finding: `${sponsor.name}, ${sponsor.role}, holds the sponsor's approval.` };
};

/** Weighs an opportunity by the rules of intake. Every rule looks at the charter and the data file only. */
export const weighOpportunity = (charter: Charter, data: DataAtHand | null): Opportunity => {
  const unclear = unmeasurable(charter);
  const budget = Number(charter.budget.amount);
  const qualifications: Qualification[] = [
    {
      id: 'problem-measurable',
      question: 'Can success be measured?',
      met: unclear.length === 0,
      finding:
        unclear.length === 0
          ? `What is asked fits a ${charter.data.task} and can be reached.`
          : `${unclear.join('; ')}.`,
      otherwise: 'no-go',
      mend: 'change the success criteria of the charter to metrics of its task, within their range',
    },
    {
      id: 'budget-committed',
      question: 'Is a budget committed?',
      met: budget > 0,
      finding:
        budget > 0 ? `${formatMoney(charter.budget)} is committed.` : 'The budget of the charter is not above zero.',
      otherwise: 'no-go',
      mend: 'commit a budget in the charter',
    },
    {
      id: 'sponsor-named',
      question: 'Is there a sponsor with authority?',
      ...sponsorOf(charter),
      otherwise: 'conditional',
      mend: 'name a sponsor in the charter, and list the same person under approvals with the role sponsor',
    },
    {
      id: 'data-present',
      question: 'Is there data?',
      met: data !== null && data.bytes > 0,
      finding:
        data === null
          ? `The data file ${charter.data.file} cannot be read.`
          : data.bytes > 0
            ? `${charter.data.file} is there (${data.bytes} bytes), owned by ${charter.data.owner}, licence ${charter.data.licence}.`
            : `The data file ${charter.data.file} is empty.`,
      otherwise: 'conditional',
      mend: `provide the data file ${charter.data.file} beside the charter`,
    },
    {
      id: 'decision-named',
      question: 'Will somebody act on the prediction?',
      met: charter.decision.trim() !== '',
      finding:
        charter.decision.trim() === ''
          ? 'The charter names no decision that the prediction would change.'
          : charter.decision.trim(),
      otherwise: 'conditional',
      mend: 'say under decision what somebody will do differently',
    },
  ];
  const unmet = qualifications.filter(({ met }) => !met);
  const decision = unmet.some(({ otherwise }) => otherwise === 'no-go')
    ? 'no-go'
    : unmet.length > 0
      ? 'conditional'
      : 'go';
  return { decision, qualifications, rationale: rationaleOf(decision, qualifications) };
};

const rationaleOf = (decision: Opportunity['decision'], qualifications: readonly Qualification[]): string => {
  const unmet = qualifications.filter(({ met }) => !met);
  if (decision === 'go') return `All ${qualifications.length} qualifications are met.`;
  const because = unmet.map(({ finding }) => finding).join(' ');
  return decision === 'conditional'
    ? `${unmet.length} of ${qualifications.length} qualifications can still be met. ${because}`
    : `The opportunity does not qualify. ${because}`;
};
