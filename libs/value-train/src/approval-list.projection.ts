import type { EventOf } from '@vt/contracts';
import type { Projection } from '@vt/kernel';
import { z } from 'zod';

type ApprovalEvent = EventOf<'ApprovalRequested' | 'ApprovalGranted' | 'ApprovalRefused'>;

export const ApprovalRow = z.object({
  trainId: z.string(),
  ticketId: z.string(),
  phase: z.string(),
  cycle: z.int(),
  attempt: z.int(),
  role: z.string(),
  status: z.enum(['pending', 'granted', 'refused']),
  /** What is to be agreed to; an agreement to anything else is void. */
  evidence: z.array(z.string()),
  by: z.string().nullable(),
  comment: z.string().nullable(),
  /** True when a script spoke for the person. */
  simulated: z.boolean(),
  requestedAt: z.iso.datetime(),
  decidedAt: z.iso.datetime().nullable(),
});
export type ApprovalRow = z.infer<typeof ApprovalRow>;

const requested = (
  { trainId, ticketId, phase, cycle, attempt, role, evidence }: EventOf<'ApprovalRequested'>['data'],
  at: string,
): ApprovalRow => ({
  trainId,
  ticketId,
  phase,
  cycle,
  attempt,
  role,
  status: 'pending',
  evidence,
  by: null,
  comment: null,
  simulated: false,
  requestedAt: at,
  decidedAt: null,
});

/** One row for each role that a gate of a cycle asks: the latest request, and what was said to it. */
export const approvalList: Projection<ApprovalEvent, ApprovalRow> = {
  name: 'approval',
  version: 1,
  types: ['ApprovalRequested', 'ApprovalGranted', 'ApprovalRefused'],
  // Not by attempt: the request of a new attempt, or for changed evidence, takes the place of the one before.
  keyOf: ({ data }) => `${data.trainId}/${data.cycle}/${data.phase}/${data.role}`,
  evolve: (row, event, { at }) => {
    if (event.type === 'ApprovalRequested') return requested(event.data, at);
    const { by, comment, simulated, evidence } = event.data;
    const status = event.type === 'ApprovalGranted' ? 'granted' : 'refused';
    return row && { ...row, status, evidence, by, comment, simulated, decidedAt: at };
  },
};
