import { Agent, Mode, Retrospective, WorkPhase, type EventOf } from '@vt/contracts';
import { Digest, type Projection } from '@vt/kernel';
import { z } from 'zod';
import { firstWorkPhase, type SessionEvent } from './session.ts';

const ActionEntry = z.object({
  action: z.string(),
  tool: z.string(),
  state: z.enum(['started', 'handed-off', 'completed', 'failed', 'refused', 'rolled-back']),
  /** Who performs it. */
  by: Agent,
  /** Why it last failed or was refused. */
  reason: z.string().nullable(),
  failures: z.int(),
  wallMs: z.number(),
  at: z.iso.datetime(),
});
type ActionEntry = z.infer<typeof ActionEntry>;

const End = z.enum(['submitted', 'abandoned', 'cancelled', 'returned', 'reversed']);

export const SessionRow = z.object({
  trainId: z.string(),
  ticketId: z.string(),
  phase: z.string(),
  cycle: z.int(),
  attempt: z.int(),
  agent: Agent,
  mode: Mode,
  status: z.enum(['working', 'paused', ...End.options, 'archived']),
  /** How it ended; null before. */
  ended: End.nullable(),
  /** What is kept of it; null before its train has ended. */
  archive: z
    .object({
      ...{ bundle: Digest, tokens: z.int(), sourceTokens: z.int(), learnings: z.int(), improvements: z.int() },
      waived: Retrospective.shape.waived,
      at: z.iso.datetime(),
    })
    .nullable(),
  /** The action that another session offered, which it is about; null for the work on a ticket of a train. */
  handedOff: z.object({ action: z.string(), of: z.string(), from: Agent }).nullable(),
  /** Null where there is no plan. */
  workPhase: WorkPhase.nullable(),
  /** How often another claimant went on with it. */
  resumptions: z.int(),
  /** In the order in which they were first heard of. */
  actions: z.array(ActionEntry),
  reasons: z.array(z.string()),
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime().nullable(),
});
export type SessionRow = z.infer<typeof SessionRow>;

const NEVER_TRIED = { failures: 0, wallMs: 0, reason: null };

const note = (
  row: SessionRow,
  { by = row.agent, ...entry }: Omit<ActionEntry, 'failures' | 'wallMs' | 'by'> & { by?: ActionEntry['by'] },
  failures = 0,
  wallMs = 0,
): SessionRow => {
  const before = row.actions.find(({ action }) => action === entry.action) ?? NEVER_TRIED;
  const after = { ...entry, by, failures: before.failures + failures, wallMs: before.wallMs + wallMs };
  return {
    ...row,
    actions:
      before === NEVER_TRIED
        ? [...row.actions, after]
        : row.actions.map((known) => (known.action === entry.action ? after : known)),
  };
};

const started = ({ data }: EventOf<'SessionStarted' | 'HandoffAccepted'>, at: string): SessionRow => ({
  trainId: data.trainId,
  ticketId: data.ticketId,
  phase: data.phase,
  cycle: data.cycle,
  attempt: data.attempt,
  agent: data.agent,
  mode: data.mode,
  status: 'working',
  ended: null,
  archive: null,
  handedOff: 'of' in data ? { action: data.action, of: data.of, from: data.from } : null,
  workPhase: 'beforePlan' in data && data.beforePlan ? firstWorkPhase(data.beforePlan) : null,
  resumptions: 0,
  actions: [],
  reasons: [],
  startedAt: at,
  endedAt: null,
});

const advance = (
  row: SessionRow,
  event: Exclude<SessionEvent, { type: 'SessionStarted' | 'HandoffAccepted' }>,
  at: string,
): SessionRow => {
  switch (event.type) {
    case 'SessionResumed':
      return { ...row, status: 'working', reasons: [], resumptions: row.resumptions + 1 };
    case 'SessionPaused':
      return { ...row, status: 'paused', reasons: [event.data.reason] };
    case 'BundleSaved':
    case 'BundleRejected':
    case 'LawBroken':
    case 'AllowanceReturned':
      return row;
    case 'SpiralDetected': {
      const { action, similar, signature } = event.data;
      const known = row.actions.find((entry) => entry.action === action);
      return known ? note(row, { ...known, reason: `${similar} times the same: ${signature}`, at }) : row;
    }
    case 'SessionRolledBack': {
      const { undone, reason, workPhase = row.workPhase } = event.data;
      const rolledBack = (entry: ActionEntry): ActionEntry =>
        undone.includes(entry.action) ? { ...entry, state: 'rolled-back', reason, at } : entry;
      return { ...row, status: 'paused', workPhase, actions: row.actions.map(rolledBack), reasons: [reason] };
    }
    case 'WorkPhaseEntered': {
      const { workPhase, sentBack } = event.data;
      const again = (entry: ActionEntry): ActionEntry =>
        sentBack?.undone.includes(entry.action)
          ? { ...entry, state: 'rolled-back', reason: sentBack.reason, at }
          : entry;
      return { ...row, workPhase, actions: row.actions.map(again) };
    }
    case 'ActionStarted': {
      const { action, tool } = event.data;
      return note(row, { action, tool, state: 'started', reason: null, at });
    }
    case 'ActionCompleted': {
      const { action, tool, agent: by, usage } = event.data;
      return note(row, { action, tool, state: 'completed', by, reason: null, at }, 0, usage.wallMs);
    }
    case 'ActionFailed': {
      const { action, tool, agent: by, kind, reason, usage } = event.data;
      return note(row, { action, tool, state: 'failed', by, reason: `${kind}: ${reason}`, at }, 1, usage.wallMs);
    }
    case 'HandoffOffered': {
      const { action, tool, to: by, handoff } = event.data;
      return note(row, { action, tool, state: 'handed-off', by, reason: `offered to ${by} as ${handoff}`, at });
    }
    case 'HandoffWithdrawn': {
      const { action, to, reason } = event.data;
      const known = row.actions.find((entry) => entry.action === action);
      return known ? note(row, { ...known, reason: `called back from ${to}: ${reason}`, at }) : row;
    }
    case 'HandoffReturned':
      return ended(row, 'returned', [], at);
    case 'HandoffReversed':
      return ended(row, 'reversed', event.data.reasons, at);
    case 'ToolRefused': {
      const { action, tool, reason } = event.data;
      return note(row, { action, tool, state: 'refused', reason, at });
    }
    case 'ToolGranted': {
      const { action, tool, call, by } = event.data;
      return note(row, { action, tool, state: 'started', reason: `${by} allowed ${call}`, at });
    }
    case 'WorkSubmitted':
      return ended(row, 'submitted', [], at);
    case 'WorkAbandoned':
      return ended(row, 'abandoned', event.data.reasons, at);
    case 'SessionCancelled':
      return ended(row, 'cancelled', [event.data.reason], at);
    case 'SessionArchived': {
      const { bundle, tokens, sourceTokens, learnings, improvements, waived } = event.data;
      const archive = { bundle, tokens, sourceTokens, learnings, improvements, waived, at };
      return { ...row, status: 'archived', archive };
    }
  }
};

const ended = (row: SessionRow, end: z.infer<typeof End>, reasons: readonly string[], at: string): SessionRow => ({
  ...row,
  ...{ status: end, ended: end, reasons: [...reasons], endedAt: at },
});

/** One row for each ticket that an agent took up: the actions of its session, and how it ended. */
export const sessionLog: Projection<SessionEvent, SessionRow> = {
  name: 'session',
  version: 1,
  types: [
    'SessionStarted',
    'SessionResumed',
    'SessionPaused',
    'SessionRolledBack',
    'BundleSaved',
    'BundleRejected',
    'WorkPhaseEntered',
    'LawBroken',
    'ActionStarted',
    'ActionCompleted',
    'ActionFailed',
    'HandoffOffered',
    'HandoffWithdrawn',
    'HandoffAccepted',
    'HandoffReturned',
    'HandoffReversed',
    'SpiralDetected',
    'ToolRefused',
    'ToolGranted',
    'WorkSubmitted',
    'WorkAbandoned',
    'SessionCancelled',
    'SessionArchived',
  ],
  keyOf: ({ data }) => data.ticketId,
  evolve: (row, event, { at }) =>
    event.type === 'SessionStarted' || event.type === 'HandoffAccepted'
      ? started(event, at)
      : row && advance(row, event, at),
};
