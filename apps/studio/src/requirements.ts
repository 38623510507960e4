import type { Facts } from '@vt/contracts';
import { type Dataset, profileOf, rowRanges } from '@vt/modeling';
import type { Charter } from '@vt/value-train';

export type RequirementId = 'data-size' | 'relations' | 'certainty' | 'interpretability' | 'latency' | 'retraining';

export interface Requirement {
  readonly id: RequirementId;
  readonly title: string;
  /** In percent; all weights sum to 100. */
  readonly weight: number;
  readonly because: string;
}

/** What earlier phases found out. */
export interface Circumstances {
  /** Rows to train on. */
  readonly trainRows: number;
  /** Features that a model gets. */
  readonly features: number;
  /** Strength of the straightest relation of a column to the target, 0 to 1. */
  readonly straightest: number;
}

const numberOf = (facts: Facts, name: string): number | undefined => {
  const value = facts[name];
  return typeof value === 'number' ? value : undefined;
};

/** Looks at the training rows only: what was held out must not take part in a choice. */
export const circumstancesOf = (
  factsOf: (phase: string) => Facts,
  { columns, rows, target }: Dataset,
  data: Charter['data'],
  cycle: number,
): Circumstances => {
  const [from, to] = rowRanges(rows.length, data.split, cycle).training;
  const profile = profileOf({ columns, rows: rows.slice(from, to), target: target.slice(from, to) }, data);
  const straight = profile.columns.flatMap(({ numbers, association }) =>
    numbers === undefined || association === undefined ? [] : [Math.abs(association)],
  );
  return {
    trainRows: numberOf(factsOf('preparation'), 'train-rows') ?? to - from,
    features: numberOf(factsOf('feature-engineering'), 'features') ?? columns.length,
    straightest: Math.max(0, ...straight),
  };
};

/** Under this the straightest relation explains less than a twentieth of the target's variance. */
const STRAIGHT_MIN = 0.22;

const lowestScore = ({ questionnaire }: Charter, ...dimensions: readonly string[]): number =>
  Math.min(5, ...questionnaire.filter(({ dimension }) => dimensions.includes(dimension)).map(({ score }) => score));

interface Need extends Omit<Requirement, 'weight'> {
  /** From 1, hardly, to 6, above all. */
  readonly points: number;
}

const dataNeeds = ({ success, data }: Charter, { trainRows, features, straightest }: Circumstances): Need[] => {
  const rowsPerFeature = Math.round(trainRows / Math.max(1, features));
  const asksGain = success.some((criterion) => 'betterThanBaselineBy' in criterion);
  const asksCertainty = success.some(({ metric }) => metric === 'brier' || metric === 'log-loss');
  return [
    {
      id: 'data-size',
      title: 'Learns from the rows there are',
      points: rowsPerFeature < 50 ? 4 : rowsPerFeature < 200 ? 3 : 1,
      because: `${trainRows} rows to train on, ${rowsPerFeature} for each of ${features} features`,
    },
    {
      id: 'relations',
      title: 'Finds relations that are not straight',
      points: (asksGain ? 4 : 3) + (straightest < STRAIGHT_MIN ? 2 : 0),
      because: `the charter asks for ${asksGain ? 'a gain over the baseline' : 'a level, not for a gain'}; the straightest relation of a column to the target is ${straightest.toFixed(2)} of 1`,
    },
    {
      id: 'certainty',
      title:
        data.task === 'classification'
          ? 'Probabilities that mean what they say'
          : 'Steady estimates, also between known cases',
      points: asksCertainty ? 4 : 2,
      because: asksCertainty
        ? 'a success criterion measures probabilities'
        : 'people weigh the answer against what acting on it costs',
    },
  ];
};

const clientNeeds = (charter: Charter): Need[] => {
  const trust = lowestScore(charter, 'people', 'governance');
  const technology = lowestScore(charter, 'technology');
  const moves = charter.data.time !== undefined;
  return [
    {
      id: 'interpretability',
      title: 'Can be explained to whoever acts on it',
      points: 6 - trust,
      because: `the lowest answer on people and governance is ${trust} of 5`,
    },
    {
      id: 'latency',
      title: 'Answers fast on a small server',
      points: 6 - technology,
      because: `the lowest answer on technology is ${technology} of 5`,
    },
    {
      id: 'retraining',
      title: 'Cheap to train again',
      points: moves ? 3 : 1,
      because: moves
        ? 'the data move in time, so a retraining cycle is to be expected'
        : 'the data have no time, so change is seldom seen',
    },
  ];
};

/** What the architecture is judged by. Every weight is a share of points that follow from charter and data. */
export const requirementsOf = (charter: Charter, circumstances: Circumstances): Requirement[] => {
  const needs = [...dataNeeds(charter, circumstances), ...clientNeeds(charter)];
  const total = needs.reduce((sum, { points }) => sum + points, 0);
  const rounded = needs.map(({ points }) => Math.round((points / total) * 100));
  // Rounding may miss 100 by a few; the first requirement takes up the rest.
  const rest = 100 - rounded.reduce((sum, weight) => sum + weight, 0);
  return needs.map(({ id, title, because }, index) => ({
    id,
    title,
    because,
    weight: (rounded[index] ?? 0) + (index === 0 ? rest : 0),
  }));
};
