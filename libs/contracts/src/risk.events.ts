import { TrainId } from '@vt/kernel';
import { z } from 'zod';
import { defineEvent } from './define-event.ts';
import { Phase } from './vocabulary.ts';

const risk = { trainId: TrainId, riskId: z.string() };
const Level = z.int().min(1).max(5);

export const RiskRaised = defineEvent('RiskRaised', 'A signal, or a person, says that something may go wrong.', {
  ...risk,
  /** Entry of the catalogue: R001 to R012. */
  catalogue: z.string(),
  title: z.string(),
  signal: z.string(),
  reason: z.string(),
  probability: Level,
  impact: Level,
  /** Phases whose gates it touches; empty means all. */
  phases: z.array(Phase),
  raisedBy: z.string(),
  /** Id of the event that gave the signal, or of the request: the same signal counts once. */
  source: z.string(),
});

export const RiskRescored = defineEvent('RiskRescored', 'The probability or the impact of a risk changed.', {
  ...risk,
  probability: Level,
  impact: Level,
  reason: z.string(),
  source: z.string(),
});

export const RiskBecameCritical = defineEvent(
  'RiskBecameCritical',
  'The score reached the critical band: gates are held.',
  {
    ...risk,
    score: z.int().min(1).max(25),
    reason: z.string(),
    phases: z.array(Phase),
  },
);

export const RiskMitigated = defineEvent('RiskMitigated', 'A mitigation works against the risk.', {
  ...risk,
  mitigation: z.string(),
  /** Share of the score that it takes away, 0 to 1. */
  effectiveness: z.number().min(0).max(1),
  by: z.string(),
});

export const RiskSettled = defineEvent(
  'RiskSettled',
  'The risk is no longer critical, accepted or closed: its holds are lifted.',
  {
    ...risk,
    /** Accepted: it is open, and a person takes it upon themselves until it is raised again. */
    status: z.enum(['mitigated', 'accepted', 'closed']),
    reason: z.string(),
    by: z.string(),
  },
);
