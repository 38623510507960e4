import { Agent, Facts, Mode, Verdict, type EventOf } from '@vt/contracts';
import type { Projection } from '@vt/kernel';
import { z } from 'zod';

type PhaseEvent = EventOf<'PhaseEntered' | 'TicketOpened' | 'GateEvaluated' | 'PhaseCompleted'>;

export const PhaseRow = z.object({
  trainId: z.string(),
  phase: z.string(),
  cycle: z.int(),
  attempts: z.int(),
  agent: Agent.nullable(),
  mode: Mode.nullable(),
  /** What the gate last said; null before it has spoken of the latest attempt. */
  verdict: Verdict.nullable(),
  facts: Facts,
  outcome: z.string().nullable(),
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime().nullable(),
});
export type PhaseRow = z.infer<typeof PhaseRow>;

const entered = ({ trainId, phase, cycle }: EventOf<'PhaseEntered'>['data'], at: string): PhaseRow => ({
  trainId,
  phase,
  cycle,
  attempts: 0,
  agent: null,
  mode: null,
  verdict: null,
  facts: {},
  outcome: null,
  startedAt: at,
  endedAt: null,
});

/** One row for each phase and cycle of a train: how many attempts, what its gate said, and what it found. */
export const phaseHistory: Projection<PhaseEvent, PhaseRow> = {
  name: 'phase',
  version: 1,
  types: ['PhaseEntered', 'TicketOpened', 'GateEvaluated', 'PhaseCompleted'],
  keyOf: ({ data }) => `${data.trainId}/${data.cycle}/${data.phase}`,
  evolve: (row, event, { at }) => {
    switch (event.type) {
      case 'PhaseEntered':
        // A loop may lead back into a phase of the same cycle: its history goes on.
        return row ? { ...row, verdict: null, outcome: null, endedAt: null } : entered(event.data, at);
      case 'TicketOpened': {
        const { attempt, agent, mode } = event.data;
        return row && { ...row, attempts: attempt, agent, mode, verdict: null };
      }
      case 'GateEvaluated':
        return row && { ...row, verdict: event.data.verdict };
      case 'PhaseCompleted': {
        const { facts, outcome } = event.data;
        return row && { ...row, verdict: 'passed', facts, outcome, endedAt: at };
      }
    }
  },
};
