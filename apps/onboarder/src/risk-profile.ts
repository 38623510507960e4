import { bandOf, type RiskCatalogue } from '@vt/risk';
import type { Dimension, Readiness } from './readiness-score.ts';

type CatalogueRisk = RiskCatalogue['risks'][number];
type Mitigation = RiskCatalogue['mitigations'][number];

/** How much harm a risk of a type does, of 5, when it comes true. */
export const IMPACTS: Readonly<Record<CatalogueRisk['type'], number>> = {
  security: 5,
  data: 4,
  workflow: 3,
  system: 3,
  prompting: 2,
};

/** Risks that the client's own readiness makes more or less likely; the others depend on the platform's mitigations. */
const DIMENSION_OF: Readonly<Record<string, Dimension>> = {
  R001: 'business',
  R005: 'people',
  R007: 'data',
  R011: 'technology',
  R012: 'governance',
};

export interface ProfiledRisk {
  readonly id: string;
  readonly title: string;
  readonly cause: string;
  readonly signal: string;
  readonly owner: string;
  /** 1 to 5. */
  readonly probability: number;
  readonly impact: number;
  /** Probability times impact. */
  readonly score: number;
  readonly band: 'low' | 'medium' | 'high';
  readonly basis: string;
  readonly mitigations: readonly Mitigation[];
}

const probabilityOf = (
  risk: CatalogueRisk,
  mitigations: readonly Mitigation[],
  readiness: Readiness,
): { probability: number; basis: string } => {
  const dimension = DIMENSION_OF[risk.id];
  if (dimension === undefined) {
    const open = mitigations.filter(({ status }) => status !== 'Implemented');
    return open.length === 0
      ? { probability: 1, basis: 'all mitigations are implemented' }
      : { probability: 3, basis: `${open.map(({ id }) => id).join(', ')} not implemented` };
  }
  const score = readiness.dimensions.find((one) => one.dimension === dimension)?.score ?? null;
  if (score === null) return { probability: 3, basis: `readiness in ${dimension} was not asked about` };
  return {
    probability: Math.min(5, 5 - Math.floor(score / 25)),
    basis: `readiness in ${dimension} is ${score} of 100`,
  };
};

/** The catalogue's risks for this client, the gravest first. A readiness of 75 or more makes a risk 2 of 5 likely, under 25 makes it 5. */
export const profileRisks = ({ risks, mitigations }: RiskCatalogue, readiness: Readiness): ProfiledRisk[] =>
  risks
    .map((risk): ProfiledRisk => {
      const against = mitigations.filter(({ id }) => risk.mitigations.includes(id));
      const { probability, basis } = probabilityOf(risk, against, readiness);
      const impact = IMPACTS[risk.type];
      const { id, title, cause, signal, owner } = risk;
      const score = probability * impact;
      return {
        id,
        title,
        cause,
        signal,
        owner,
        probability,
        impact,
        score,
        band: bandOf(score),
        basis,
        mitigations: against,
      };
    })
    .toSorted((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1));
