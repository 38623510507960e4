import type { Retrospective } from '@vt/contracts';
import { Rejection } from '@vt/kernel';
import { reversed, withdrawals } from './handoff.ts';
import { retrospectiveOf } from './laws.ts';
import type { BundleRef, CommandOf } from './session-commands.ts';
import { attemptOf, eventsAfter, keys, sessionAt, type KnownSession, type SessionEvent } from './session.ts';

export function resume({ fence, bundle }: CommandOf<'ResumeSession'>, session: KnownSession): SessionEvent[] {
  if (fence === session.fence && session.held) return [];
  if (fence <= session.fence) throw fenced(fence, session);
  const resumed: SessionEvent = { type: 'SessionResumed', data: { ...keys(session), fence, bundle: bundle.bundle } };
  return [...saved(bundle, session), resumed];
}

export function rejectBundle(
  { bundle, problems, fence }: CommandOf<'RejectBundle'>,
  session: KnownSession,
): SessionEvent[] {
  if (fence <= session.fence) throw fenced(fence, session);
  const reasons = [`it can not go on by its bundle: ${problems.join('; ')}`];
  return [
    { type: 'BundleRejected', data: { ...keys(session), bundle, problems: [...problems], fence } },
    ...abandoned(reasons, session, {
      kind: 'transient',
      retrospective: retrospectiveOf(session, { actions: [] }, reasons),
    }),
  ];
}

export function pause({ reason, bundle, fence }: CommandOf<'PauseSession'>, session: KnownSession): SessionEvent[] {
  if (!session.held) return [];
  return [...saved(bundle, session), { type: 'SessionPaused', data: { ...keys(session), reason, fence } }];
}

/** Nothing is saved again that is there; nothing is saved that leaves something out. */
export function saved(bundle: BundleRef, session: KnownSession): SessionEvent[] {
  if (session.bundle === bundle.bundle) return [];
  if (session.bundle === undefined && bundle.sourceVersion === session.version) {
    return [{ type: 'BundleSaved', data: { ...keys(session), ...bundle } }];
  }
  throw new Rejection(
    'bundle-stale',
    `the bundle of ticket ${session.ticketId} tells of version ${bundle.sourceVersion}, but something was added since: make a new one`,
  );
}

export function rollBack({ to, reason, by }: CommandOf<'RollBack'>, session: KnownSession): SessionEvent[] {
  const last = session.trail?.event;
  if (last?.type === 'SessionRolledBack' && last.data.to === to) return [];
  if (to < 1 || to >= session.version) {
    throw new Rejection(
      'version-unknown',
      `ticket ${session.ticketId} stands at version ${session.version}: say to which it shall go back, 1 to ${session.version - 1}`,
    );
  }
  const outside = [...eventsAfter(session, to)].find(
    (event) => event.type === 'ActionStarted' && event.data.tool !== 'human',
  );
  if (outside?.type === 'ActionStarted') {
    throw new Rejection(
      'effect-outside',
      `${outside.data.action} was started after version ${to}, and what it did outside can not be taken back by forgetting it`,
    );
  }
  const earlier = sessionAt(session, to) as KnownSession;
  const undone = [...session.completed.keys()].filter((action) => !earlier.completed.has(action));
  const workPhase = earlier.workPhases?.at;
  const what = { to, undone, ...(workPhase && { workPhase }), reason, by };
  return [...withdrawals(session, reason, earlier), { type: 'SessionRolledBack', data: { ...keys(session), ...what } }];
}

/** What was handed off goes back; the work on a ticket is given up, and what of it is out is called back. */
export function abandoned(
  reasons: readonly string[],
  session: KnownSession,
  said: { readonly kind?: 'transient'; readonly retrospective?: Retrospective | undefined } = {},
): SessionEvent[] {
  const { agent, handedOff } = session;
  if (handedOff) return [reversed(handedOff, session, reasons, said)];
  const { retrospective } = said;
  const given = { ...keys(session), ...attemptOf(session), agent, reasons: [...reasons] };
  return [
    ...withdrawals(session, reasons.join('; ')),
    { type: 'WorkAbandoned', data: { ...given, ...(retrospective && { retrospective }) } },
  ];
}

export const fenced = (fence: number, session: KnownSession) =>
  new Rejection(
    'fenced',
    `ticket ${session.ticketId} is held under fence ${session.fence}, not ${fence}: another claimant went on with it`,
  );
