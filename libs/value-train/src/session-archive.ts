import type { Retrospective } from '@vt/contracts';
import { Rejection } from '@vt/kernel';
import { brokenAtTheEnd } from './laws.ts';
import type { CommandOf } from './session-commands.ts';
import { keys, type EndedSession, type SessionEvent } from './session.ts';

/**
 * Puts a session away that has ended: its last bundle is kept, and nothing is added to its stream any more.
 * @throws Rejection `law-broken` where a law of an end is to be enforced, and the session does not keep it
 */
export function archive({ bundle, laws, usage }: CommandOf<'Archive'>, session: EndedSession): SessionEvent[] {
  if (session.status === 'archived') return [];
  if (bundle.sourceVersion !== session.version) {
    throw new Rejection(
      'bundle-stale',
      `the bundle of ticket ${session.ticketId} tells of version ${bundle.sourceVersion}, and the session ended at ${session.version}: make a new one`,
    );
  }
  const retrospective = session.status === 'cancelled' ? calledOff(session.reason) : session.retrospective;
  brokenAtTheEnd(retrospective, laws);
  const { learnings, improvements, waived } = retrospective ?? NOTHING;
  const counts = { learnings: learnings.length, improvements: improvements.length, waived: [...waived] };
  const { agent, attempt } = session;
  const data = { ...keys(session), ...bundle, ...counts, agent, attempt, ...(usage && { usage }) };
  return [{ type: 'SessionArchived', data }];
}

const NOTHING: Retrospective = { learnings: [], improvements: [], waived: [] };

/** Work that was called off had no time to learn. */
const calledOff = (reason: string): Retrospective => ({
  ...NOTHING,
  waived: (['extract-learnings', 'improve'] as const).map((law) => ({ law, reason: `called off: ${reason}` })),
});
