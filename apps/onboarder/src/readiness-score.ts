import type { Charter } from '@vt/value-train';

export type Dimension = Charter['questionnaire'][number]['dimension'];
type Answer = Charter['questionnaire'][number];

/** What each dimension counts for, in percent. Data weighs most: no model is better than it. */
export const WEIGHTS: Readonly<Record<Dimension, number>> = {
  business: 25,
  data: 30,
  technology: 15,
  people: 15,
  governance: 15,
};
export const DIMENSIONS = Object.keys(WEIGHTS) as readonly Dimension[];

/** Up to this answer, of 5, there is a gap to close. */
const GAP_SCORE = 2;
export const READY_SCORE = 70;
export const NOT_READY_SCORE = 40;

/** Until when a gap of a dimension must be closed, and what closes it. */
const MITIGATIONS: Readonly<Record<Dimension, { before: string; action: string }>> = {
  business: {
    before: 'scope',
    action: 'agree with the sponsor on the decision that the prediction serves, and how its gain is seen',
  },
  data: { before: 'data-sources', action: 'have the data owner describe, complete and hand over what is missing' },
  technology: {
    before: 'deployment',
    action: 'settle where the model server runs, who may call it, and who watches it',
  },
  people: { before: 'deployment', action: 'name who works with the prediction every day, and show them how' },
  governance: {
    before: 'pre-kickoff',
    action: 'settle permission, protection and retention of the data in the agreement',
  },
};

export interface DimensionScore {
  readonly dimension: Dimension;
  readonly questions: number;
  /** 0 to 100; null when nothing was asked. */
  readonly score: number | null;
  readonly weight: number;
}

export interface Gap {
  readonly dimension: Dimension;
  readonly question: string;
  readonly answer: string;
  readonly score: number;
  readonly mitigation: string;
  readonly before: string;
  readonly owner: string;
}

export interface Readiness {
  /** 0 to 100. */
  readonly score: number;
  readonly band: 'ready' | 'ready with mitigation' | 'not ready';
  readonly dimensions: readonly DimensionScore[];
  readonly gaps: readonly Gap[];
}

const percentOf = (answers: readonly Answer[]): number | null =>
  answers.length === 0
    ? null
    : Math.round((answers.reduce((sum, { score }) => sum + score, 0) / (5 * answers.length)) * 100);

/** Scores the answered questionnaire: the mean of each dimension, weighed over the dimensions that were asked about. */
export const scoreReadiness = ({ questionnaire, sponsor, data }: Charter): Readiness => {
  const dimensions = DIMENSIONS.map((dimension): DimensionScore => {
    const answers = questionnaire.filter((answer) => answer.dimension === dimension);
    return { dimension, questions: answers.length, score: percentOf(answers), weight: WEIGHTS[dimension] };
  });
  const asked = dimensions.filter(({ score }) => score !== null);
  const weight = asked.reduce((sum, one) => sum + one.weight, 0);
  const score = Math.round(asked.reduce((sum, one) => sum + (one.score ?? 0) * one.weight, 0) / weight);
  const ownerOf = (dimension: Dimension): string => (dimension === 'data' ? data.owner : sponsor.name);
  const gaps = questionnaire
    .filter((answer) => answer.score <= GAP_SCORE)
    .toSorted((a, b) => a.score - b.score || WEIGHTS[b.dimension] - WEIGHTS[a.dimension])
    .map(({ dimension, question, answer, score: points }): Gap => {
      const { action, before } = MITIGATIONS[dimension];
      return { dimension, question, answer, score: points, mitigation: action, before, owner: ownerOf(dimension) };
    });
  const band = score >= READY_SCORE ? 'ready' : score >= NOT_READY_SCORE ? 'ready with mitigation' : 'not ready';
  return { score, band, dimensions, gaps };
};
