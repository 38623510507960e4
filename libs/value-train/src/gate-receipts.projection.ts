import type { Check, EventOf, Verdict } from '@vt/contracts';
import type { Projection } from '@vt/kernel';

export interface GateRow {
  readonly trainId: string;
  readonly ticketId: string;
  readonly phase: string;
  readonly cycle: number;
  readonly attempt: number;
  readonly verdict: Verdict;
  readonly checks: readonly Check[];
  readonly policy: string;
  readonly evidence: readonly string[];
  /** How often the gate judged this attempt: a held gate judges again. */
  readonly evaluations: number;
  readonly evaluatedAt: string;
}

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
