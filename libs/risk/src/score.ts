import { z } from 'zod';

/** Residual scores from here on are critical: they hold the gates that the risk touches. */
export const CRITICAL_SCORE = 15;
export const MEDIUM_SCORE = 8;

/** What is left of probability × impact (1 to 25) after mitigations that each take away a share of the rest. */
export const residualScore = (probability: number, impact: number, effectiveness: readonly number[]): number =>
  Math.max(1, Math.round(probability * impact * effectiveness.reduce((rest, share) => rest * (1 - share), 1)));

export const bandOf = (score: number): 'low' | 'medium' | 'high' =>
  score >= CRITICAL_SCORE ? 'high' : score >= MEDIUM_SCORE ? 'medium' : 'low';

/** The risks that every train starts out with, and what works against them. */
export const RiskCatalogue = z.strictObject({
  risks: z.array(
    z.strictObject({
      id: z.string().regex(/^R\d{3}$/),
      title: z.string().min(1),
      cause: z.string().min(1),
      signal: z.string().min(1),
      owner: z.string().min(1),
      type: z.enum(['system', 'workflow', 'prompting', 'data', 'security']),
      mitigations: z.array(z.string().regex(/^M\d{3}$/)),
    }),
  ),
  mitigations: z.array(
    z.strictObject({
      id: z.string().regex(/^M\d{3}$/),
      title: z.string().min(1),
      strategy: z.string().min(1),
      status: z.enum(['Planned', 'In Progress', 'Implemented', 'Abandoned']),
      appliedAt: z.string().min(1),
    }),
  ),
});
export type RiskCatalogue = z.infer<typeof RiskCatalogue>;
