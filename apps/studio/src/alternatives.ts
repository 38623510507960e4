import { familiesOf, type Family } from '@vt/modeling';
import { baselineName, type Charter } from '@vt/value-train';
import type { Circumstances, Requirement, RequirementId } from './requirements.ts';

type Ratings = Readonly<Record<RequirementId, number>>;

export interface Alternative {
  readonly id: Family | 'rule';
  readonly title: string;
  /** 1 to 5, by requirement. */
  readonly ratings: Ratings;
  /** Weighed sum of the ratings, 20 to 100. */
  readonly score: number;
  readonly strength: string;
  readonly weakness: string;
  /** Why it can not be chosen, where that is so. */
  readonly excluded?: string;
}

const TITLES: Readonly<Record<Family, string>> = {
  'logistic-regression': 'Logistic regression',
  'ridge-regression': 'Ridge regression',
  'random-forest': 'Random forest',
  'gradient-boosting': 'Gradient boosting',
  'nearest-neighbours': 'Nearest neighbours',
};

const WORDS: Readonly<Record<Family, readonly [strength: string, weakness: string]>> = {
  'logistic-regression': [
    'one weight a feature, calibrated by nature',
    'straight relations only, unless features bend them',
  ],
  'ridge-regression': [
    'one weight a feature, steady with few rows',
    'straight relations only, unless features bend them',
  ],
  'random-forest': ['bends and interactions without tuning', 'many trees to store, answers drawn to the middle'],
  'gradient-boosting': ['the most gain from bends and interactions', 'needs rows and care against learning by heart'],
  'nearest-neighbours': ['answers with cases that people can look at', 'keeps the rows, and slows down with them'],
};

/** Properties of the methods themselves, judged once; how they fare with the rows at hand is computed. */
const NATURE: Readonly<Record<Family, Omit<Ratings, 'data-size'>>> = {
  'logistic-regression': { relations: 2, certainty: 5, interpretability: 5, latency: 5, retraining: 5 },
  'ridge-regression': { relations: 2, certainty: 5, interpretability: 5, latency: 5, retraining: 5 },
  'random-forest': { relations: 4, certainty: 3, interpretability: 2, latency: 3, retraining: 3 },
  'gradient-boosting': { relations: 5, certainty: 4, interpretability: 2, latency: 4, retraining: 3 },
  'nearest-neighbours': { relations: 4, certainty: 2, interpretability: 3, latency: 2, retraining: 5 },
};

/** Rows for each feature from which on a family gets 5, 4, 3 and 2. */
const ROWS_PER_FEATURE: Readonly<Record<Family, readonly [number, number, number, number]>> = {
  'logistic-regression': [20, 10, 5, 2],
  'ridge-regression': [20, 10, 5, 2],
  'random-forest': [200, 50, 20, 10],
  'gradient-boosting': [400, 100, 40, 15],
  'nearest-neighbours': [1_000, 200, 50, 20],
};

const sizeRating = (family: Family, { trainRows, features }: Circumstances): number => {
  const rows = trainRows / Math.max(1, features);
  const place = ROWS_PER_FEATURE[family].findIndex((limit) => rows >= limit);
  return place < 0 ? 1 : 5 - place;
};

const weighed = (ratings: Ratings, requirements: readonly Requirement[]): number =>
  Math.round(requirements.reduce((sum, { id, weight }) => sum + (ratings[id] * weight) / 5, 0));

const ruleOf = ({ baseline, data }: Charter, requirements: readonly Requirement[]): Alternative => {
  const ratings = { 'data-size': 5, relations: 1, certainty: 1, interpretability: 5, latency: 5, retraining: 5 };
  return {
    id: 'rule',
    title: `Rule: ${baselineName(baseline)}`,
    ratings,
    score: weighed(ratings, requirements),
    strength: 'nothing to train or to watch',
    weakness: data.task === 'classification' ? 'says nothing of how sure it is' : 'uses nothing else that is known',
    excluded: 'it is the baseline that the charter compares with',
  };
};

/** Every family that the lab can train, and the rule in use today, the best first. */
export const weighAlternatives = (
  charter: Charter,
  circumstances: Circumstances,
  requirements: readonly Requirement[],
): Alternative[] =>
  [
    ...familiesOf(charter.data.task).map((family): Alternative => {
      const ratings = { ...NATURE[family], 'data-size': sizeRating(family, circumstances) };
      const [strength, weakness] = WORDS[family];
      return { id: family, title: TITLES[family], ratings, score: weighed(ratings, requirements), strength, weakness };
    }),
    ruleOf(charter, requirements),
  ].toSorted((a, b) => Number(a.excluded !== undefined) - Number(b.excluded !== undefined) || b.score - a.score);
