import type { EventOf } from '@vt/contracts';
import type { Projection } from '@vt/kernel';
import { z } from 'zod';

type ApprovalEvent = EventOf<
  | 'ApprovalRequested'
  | 'ApprovalGranted'
  | 'ApprovalRefused'
  | 'ApprovalBecameStale'
  | 'ApprovalEscalated'
  | 'ApprovalTimedOut'
>;

const Word = z.object({
  by: z.string(),
  /** Whose voice it is, where somebody delegated it; null: their own. */
  standsInFor: z.string().nullable(),
  /** Whose key it came with, where that was somebody else. */
  passedOnBy: z.string().nullable(),
  said: z.enum(['yes', 'no', 'revise']),
  comment: z.string(),
  /** True when a script spoke for the person. */
  simulated: z.boolean(),
  at: z.iso.datetime(),
  expiresAt: z.iso.datetime().nullable(),
});

export const ApprovalRow = z.object({
  trainId: z.string(),
  ticketId: z.string(),
  phase: z.string(),
  cycle: z.int(),
  attempt: z.int(),
  role: z.string(),
  status: z.enum(['pending', 'granted', 'refused', 'timed-out']),
  /** What is to be agreed to; an agreement to anything else is void. */
  evidence: z.array(z.string()),
  /** Digest of the pipeline that asks. */
  policy: z.string(),
  /** How many must agree, and who may. */
  count: z.int(),
  people: z.array(z.string()),
  /** What the request brings, and where it stands. */
  brings: z.record(z.string(), z.string()),
  /** What was said, and counts. */
  words: z.array(Word),
  /** What was said of this attempt, and is void. */
  stale: z.array(z.object({ by: z.string(), cause: z.string(), reason: z.string(), at: z.iso.datetime() })),
  /** How often the silence was escalated. */
  level: z.int(),
  escalatesAt: z.array(z.iso.datetime()),
  /** When silence becomes a no; null: never. */
  deniedAt: z.iso.datetime().nullable(),
  /** Who spoke last. */
  by: z.string().nullable(),
  comment: z.string().nullable(),
  simulated: z.boolean(),
  requestedAt: z.iso.datetime(),
  decidedAt: z.iso.datetime().nullable(),
});
export type ApprovalRow = z.infer<typeof ApprovalRow>;

/** Asked again about the same attempt, what counts and what became stale stays. */
const requested = (
  row: ApprovalRow | undefined,
  data: EventOf<'ApprovalRequested'>['data'],
  at: string,
): ApprovalRow => {
  const same = row?.ticketId === data.ticketId ? row : undefined;
  return {
    ...data,
    status: 'pending',
    words: same?.words ?? [],
    stale: same?.stale ?? [],
    level: 0,
    by: null,
    comment: null,
    simulated: false,
    requestedAt: at,
    decidedAt: null,
  };
};

function said(
  row: ApprovalRow,
  { type, data }: EventOf<'ApprovalGranted' | 'ApprovalRefused'>,
  { at, actor }: { readonly at: string; readonly actor: string },
): ApprovalRow {
  const { by, standsInFor, comment, simulated } = data;
  const passedOnBy = actor === by ? null : actor;
  const [word, expiresAt] =
    type === 'ApprovalGranted' ? (['yes', data.expiresAt] as const) : ([data.revise ? 'revise' : 'no', null] as const);
  const words = [...row.words, { by, standsInFor, passedOnBy, said: word, comment, simulated, at, expiresAt }];
  const isDecided = word !== 'yes' || words.length >= row.count;
  const status = word === 'yes' ? (isDecided ? 'granted' : 'pending') : 'refused';
  return { ...row, status, words, by, comment, simulated, decidedAt: isDecided ? at : null };
}

function advance(
  row: ApprovalRow,
  event: Exclude<ApprovalEvent, { type: 'ApprovalRequested' }>,
  meta: { readonly at: string; readonly actor: string },
): ApprovalRow {
  switch (event.type) {
    case 'ApprovalGranted':
    case 'ApprovalRefused':
      return said(row, event, meta);
    case 'ApprovalBecameStale': {
      const { by, cause, reason } = event.data;
      const words = row.words.filter((word) => word.by !== by);
      const stale = [...row.stale, { by, cause, reason, at: meta.at }];
      return { ...row, status: 'pending', words, stale, by: null, comment: null, decidedAt: null };
    }
    case 'ApprovalEscalated':
      return { ...row, level: event.data.level };
    case 'ApprovalTimedOut':
      return { ...row, status: 'timed-out', decidedAt: meta.at };
  }
}

/** One row for each role that a gate of a cycle asks: the latest request, and what was said to it. */
export const approvalList: Projection<ApprovalEvent, ApprovalRow> = {
  name: 'approval',
  version: 1,
  types: [
    'ApprovalRequested',
    'ApprovalGranted',
    'ApprovalRefused',
    'ApprovalBecameStale',
    'ApprovalEscalated',
    'ApprovalTimedOut',
  ],
  // Not by attempt: the request of a new attempt, or for changed evidence, takes the place of the one before.
  keyOf: ({ data }) => `${data.trainId}/${data.cycle}/${data.phase}/${data.role}`,
  evolve: (row, event, meta) =>
    event.type === 'ApprovalRequested' ? requested(row, event.data, meta.at) : row && advance(row, event, meta),
};
