import type { EventOf } from '@vt/contracts';
import type { Projection } from '@vt/kernel';
import { z } from 'zod';
import { residualScore } from './score.ts';

type RiskEvent = EventOf<'RiskRaised' | 'RiskRescored' | 'RiskBecameCritical' | 'RiskMitigated' | 'RiskSettled'>;

export const RiskRow = z.object({
  trainId: z.string(),
  riskId: z.string(),
  catalogue: z.string(),
  title: z.string(),
  signal: z.string(),
  /** Why it was raised, or why its score last changed. */
  reason: z.string(),
  probability: z.int(),
  impact: z.int(),
  /** Probability times impact, less what mitigations take away: 1 to 25. */
  score: z.int(),
  status: z.enum(['open', 'critical', 'mitigated', 'accepted', 'closed']),
  phases: z.array(z.string()),
  mitigations: z.array(
    z.object({ mitigation: z.string(), effectiveness: z.number(), by: z.string(), at: z.iso.datetime() }),
  ),
  raisedBy: z.string(),
  raisedAt: z.iso.datetime(),
  settledAt: z.iso.datetime().nullable(),
});
export type RiskRow = z.infer<typeof RiskRow>;

const scored = (row: RiskRow): RiskRow => ({
  ...row,
  score: residualScore(
    row.probability,
    row.impact,
    row.mitigations.map(({ effectiveness }) => effectiveness),
  ),
});

const raised = ({ data }: EventOf<'RiskRaised'>, at: string): RiskRow => ({
  trainId: data.trainId,
  riskId: data.riskId,
  catalogue: data.catalogue,
  title: data.title,
  signal: data.signal,
  reason: data.reason,
  probability: data.probability,
  impact: data.impact,
  score: residualScore(data.probability, data.impact, []),
  status: 'open',
  phases: data.phases,
  mitigations: [],
  raisedBy: data.raisedBy,
  raisedAt: at,
  settledAt: null,
});

const advance = (row: RiskRow, event: Exclude<RiskEvent, { type: 'RiskRaised' }>, at: string): RiskRow => {
  switch (event.type) {
    case 'RiskRescored': {
      const { probability, impact, reason } = event.data;
      const status = row.status === 'accepted' ? 'open' : row.status;
      return scored({ ...row, status, probability, impact, reason });
    }
    case 'RiskBecameCritical':
      return { ...row, status: 'critical', settledAt: null };
    case 'RiskMitigated': {
      const { mitigation, effectiveness, by } = event.data;
      const others = row.mitigations.filter((known) => known.mitigation !== mitigation);
      return scored({ ...row, mitigations: [...others, { mitigation, effectiveness, by, at }] });
    }
    case 'RiskSettled':
      return { ...row, status: event.data.status, reason: event.data.reason, settledAt: at };
  }
};

/** One row for each risk of a train. */
export const riskRegister: Projection<RiskEvent, RiskRow> = {
  name: 'risk',
  version: 1,
  types: ['RiskRaised', 'RiskRescored', 'RiskBecameCritical', 'RiskMitigated', 'RiskSettled'],
  keyOf: ({ data }) => `${data.trainId}/${data.riskId}`,
  // A closed risk that is raised again is the same risk, open once more and without its mitigations.
  evolve: (row, event, { at }) => (event.type === 'RiskRaised' ? raised(event, at) : row && advance(row, event, at)),
};
