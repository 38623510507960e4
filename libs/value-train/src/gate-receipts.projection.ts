import { Check, Verdict, type EventOf } from '@vt/contracts';
import type { Projection } from '@vt/kernel';
import { z } from 'zod';

export const GateRow = z.object({
  trainId: z.string(),
  ticketId: z.string(),
  phase: z.string(),
  cycle: z.int(),
  attempt: z.int(),
  verdict: Verdict,
  checks: z.array(Check),
  policy: z.object({ id: z.string(), version: z.int(), digest: z.string() }),
  evidence: z.array(z.string()),
  /** How often the gate judged this attempt: a held gate judges again. */
  evaluations: z.int(),
  evaluatedAt: z.iso.datetime(),
});
export type GateRow = z.infer<typeof GateRow>;

/** One row for each attempt at a phase: the gate's latest verdict with every check. */
export const gateReceipts: Projection<EventOf<'GateEvaluated'>, GateRow> = {
  name: 'gate',
  version: 1,
  types: ['GateEvaluated'],
  keyOf: ({ data }) => data.ticketId,
  evolve: (row, { data }, { at }) => ({
    trainId: data.trainId,
    ticketId: data.ticketId,
    phase: data.phase,
    cycle: data.cycle,
    attempt: data.attempt,
    verdict: data.verdict,
    checks: data.checks,
    policy: data.policy,
    evidence: data.evidence,
    evaluations: (row?.evaluations ?? 0) + 1,
    evaluatedAt: at,
  }),
};
