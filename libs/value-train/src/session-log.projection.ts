import { Agent, Mode, type EventOf } from '@vt/contracts';
import type { Projection } from '@vt/kernel';
import { z } from 'zod';
import type { SessionEvent } from './session.ts';

const ActionEntry = z.object({
  action: z.string(),
  tool: z.string(),
  state: z.enum(['started', 'completed', 'failed', 'refused', 'rolled-back']),
  /** Why it last failed or was refused. */
  reason: z.string().nullable(),
  failures: z.int(),
  wallMs: z.number(),
  at: z.iso.datetime(),
});
type ActionEntry = z.infer<typeof ActionEntry>;

export const SessionRow = z.object({
  trainId: z.string(),
  ticketId: z.string(),
  phase: z.string(),
  cycle: z.int(),
  attempt: z.int(),
  agent: Agent,
  mode: Mode,
  status: z.enum(['working', 'paused', 'submitted', 'abandoned', 'cancelled']),
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
  entry: Omit<ActionEntry, 'failures' | 'wallMs'>,
  failures = 0,
  wallMs = 0,
): SessionRow => {
  const before = row.actions.find(({ action }) => action === entry.action) ?? NEVER_TRIED;
  const after = { ...entry, failures: before.failures + failures, wallMs: before.wallMs + wallMs };
  return {
    ...row,
    actions:
      before === NEVER_TRIED
        ? [...row.actions, after]
        : row.actions.map((known) => (known.action === entry.action ? after : known)),
  };
};

const started = ({ data }: EventOf<'SessionStarted'>, at: string): SessionRow => ({
  trainId: data.trainId,
  ticketId: data.ticketId,
  phase: data.phase,
  cycle: data.cycle,
  attempt: data.attempt,
  agent: data.agent,
  mode: data.mode,
  status: 'working',
  resumptions: 0,
  actions: [],
  reasons: [],
  startedAt: at,
  endedAt: null,
});

const advance = (row: SessionRow, event: Exclude<SessionEvent, { type: 'SessionStarted' }>, at: string): SessionRow => {
  switch (event.type) {
    case 'SessionResumed':
      return { ...row, status: 'working', reasons: [], resumptions: row.resumptions + 1 };
    case 'SessionPaused':
      return { ...row, status: 'paused', reasons: [event.data.reason] };
    case 'BundleSaved':
    case 'BundleRejected':
    case 'LawBroken':
      return row;
    case 'SpiralDetected': {
      const { action, similar, signature } = event.data;
      const known = row.actions.find((entry) => entry.action === action);
      return known ? note(row, { ...known, reason: `${similar} times the same: ${signature}`, at }) : row;
    }
    case 'SessionRolledBack': {
      const { undone, reason } = event.data;
      const rolledBack = (entry: ActionEntry): ActionEntry =>
        undone.includes(entry.action) ? { ...entry, state: 'rolled-back', reason, at } : entry;
      return { ...row, status: 'paused', actions: row.actions.map(rolledBack), reasons: [reason] };
    }
    case 'ActionStarted': {
      const { action, tool } = event.data;
      return note(row, { action, tool, state: 'started', reason: null, at });
    }
    case 'ActionCompleted': {
      const { action, tool, usage } = event.data;
      return note(row, { action, tool, state: 'completed', reason: null, at }, 0, usage.wallMs);
    }
    case 'ActionFailed': {
      const { action, tool, kind, reason, usage } = event.data;
      return note(row, { action, tool, state: 'failed', reason: `${kind}: ${reason}`, at }, 1, usage.wallMs);
    }
    case 'ToolRefused': {
      const { action, tool, reason } = event.data;
      return note(row, { action, tool, state: 'refused', reason, at });
    }
    case 'ToolGranted': {
      const { action, tool, call, by } = event.data;
      return note(row, { action, tool, state: 'started', reason: `${by} allowed ${call}`, at });
    }
    case 'WorkSubmitted':
      return { ...row, status: 'submitted', reasons: [], endedAt: at };
    case 'WorkAbandoned':
      return { ...row, status: 'abandoned', reasons: event.data.reasons, endedAt: at };
    case 'SessionCancelled':
      return { ...row, status: 'cancelled', reasons: [event.data.reason], endedAt: at };
  }
};

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
    'LawBroken',
    'ActionStarted',
    'ActionCompleted',
    'ActionFailed',
    'SpiralDetected',
    'ToolRefused',
    'ToolGranted',
    'WorkSubmitted',
    'WorkAbandoned',
    'SessionCancelled',
  ],
  keyOf: ({ data }) => data.ticketId,
  evolve: (row, event, { at }) =>
    event.type === 'SessionStarted' ? started(event, at) : row && advance(row, event, at),
};
