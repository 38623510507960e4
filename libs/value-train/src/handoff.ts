import type { Agent, EventOf, Retrospective } from '@vt/contracts';
import { Rejection, TicketId } from '@vt/kernel';
import type { PipelineAction, PipelinePhase } from './pipeline.ts';
import type { CommandOf } from './session-commands.ts';
import {
  attemptOf,
  failuresOf,
  keys,
  type HandedOff,
  type KnownSession,
  type Session,
  type SessionEvent,
  type Work,
} from './session.ts';

/** Who performs an action: the owner of its phase, unless the action is handed off. */
export const performerOf = (
  { owner }: Pick<PipelinePhase, 'owner'>,
  { by = owner }: Pick<PipelineAction, 'by'>,
): Agent => by;

/** All agents that do the work of a phase. */
export const performersOf = (phase: Pick<PipelinePhase, 'owner' | 'actions'>): readonly Agent[] => [
  ...new Set([phase.owner, ...phase.actions.map((action) => performerOf(phase, action))]),
];

/** The ticket of the nth offer of a session: `training_1_1_score_1_<train>`. */
export const handoffTicketOf = (ticketId: TicketId, action: string, nth: number): TicketId => {
  const train = ticketId.lastIndexOf('_');
  return TicketId.parse(`${ticketId.slice(0, train)}_${action}_${nth}${ticketId.slice(train)}`);
};

/** Which session offered this ticket, and which of its actions; undefined for a ticket of a train. */
export const offerOf = (ticketId: string): Pick<HandedOff, 'action' | 'of'> | undefined => {
  const [phase, cycle, attempt, action, , trainId] = ticketId.split('_');
  if (action === undefined || trainId === undefined) return undefined;
  return { action, of: TicketId.parse([phase, cycle, attempt, trainId].join('_')) };
};

/** A phase as whoever works under a ticket sees it: of one that is handed off, that action alone. */
export const phaseUnder = (ticketId: TicketId, phase: PipelinePhase): PipelinePhase => {
  const offer = offerOf(ticketId);
  if (offer === undefined) return phase;
  const actions = phase.actions.filter(({ id }) => id === offer.action);
  return { ...phase, actions: actions.map((action) => ({ ...action, needs: [], required: true })) };
};

/** What it needs is done, a bundle tells of everything, and nobody has it: the rest is for whoever accepts. */
export function offer(command: CommandOf<'OfferHandoff'>, session: KnownSession): SessionEvent[] {
  const { action, tool, to, needs, bundle, openedOn, fence } = command;
  const { agent: from, ticketId } = session;
  const out = session.handoffs.get(action);
  if (out?.to === to) return [];
  insistOnPerformer(command, session);
  if (session.handedOff) {
    throw new Rejection('handoff-of-handoff', `${ticketId} was offered itself: what is handed off is not passed on`);
  }
  if (to === from) throw new Rejection('handoff-to-itself', `${from} has ${ticketId} already, and performs ${action}`);
  const open = needs.filter((need) => !session.completed.has(need));
  if (open.length > 0) {
    throw new Rejection('handoff-incomplete', `${action} needs ${open.join(', ')}, not completed yet`);
  }
  const handoff = handoffTicketOf(ticketId, action, session.offers + 1);
  const said = { action, tool, from, to, handoff, needs: [...needs], bundle: bundle.bundle, openedOn, fence };
  return [{ type: 'HandoffOffered', data: { ...keys(session), ...attemptOf(session), ...said } }];
}

/** The other agent begins with it, or finds that it can not go by the bundle and gives it back. */
export function accept(command: CommandOf<'AcceptHandoff'>, session: Session): SessionEvent[] {
  const { type: _, problems, ...said } = command;
  if (session.status !== 'unknown') {
    if (command.fence === session.fence) return [];
    throw new Rejection('session-exists', `ticket ${command.ticketId} has a session; resume it with a higher fence`);
  }
  const accepted: SessionEvent = {
    type: 'HandoffAccepted',
    data: { ...said, earlierFailures: [...said.earlierFailures] },
  };
  if (problems.length === 0) return [accepted];
  const { trainId, ticketId, phase, agent, action, from, of, bundle, fence } = said;
  const own = { trainId, ticketId, phase };
  const reasons = [`it can not begin by its bundle: ${problems.join('; ')}`];
  return [
    accepted,
    { type: 'BundleRejected', data: { ...own, bundle, problems: [...problems], fence } },
    { type: 'HandoffReversed', data: { ...own, agent, action, from, of, kind: 'transient', reasons } },
  ];
}

export const returned = (
  handedOff: HandedOff,
  session: KnownSession,
  retrospective: Retrospective | undefined,
): SessionEvent => ({
  type: 'HandoffReturned',
  data: { ...keys(session), agent: session.agent, ...handedOff, ...(retrospective && { retrospective }) },
});

/** A bundle that is no good may be mended by another offer; what was given up is not. */
export const reversed = (
  handedOff: HandedOff,
  session: KnownSession,
  reasons: readonly string[],
  { kind, retrospective }: { readonly kind?: 'transient'; readonly retrospective?: Retrospective | undefined } = {},
): EventOf<'HandoffReversed'> => ({
  type: 'HandoffReversed',
  data: {
    ...{ ...keys(session), agent: session.agent, ...handedOff },
    kind: kind ?? (failuresOf(session, handedOff.action).includes('unknown') ? 'unknown' : 'permanent'),
    reasons: [...reasons],
    ...(retrospective && { retrospective }),
  },
});

/** What is out is called back, but for what still is out in `kept`. */
export const withdrawals = (session: KnownSession, reason: string, kept?: Work): SessionEvent[] =>
  [...session.handoffs]
    .filter(([action, { handoff }]) => kept?.handoffs.get(action)?.handoff !== handoff)
    .map(([action, { to, handoff }]) => ({
      type: 'HandoffWithdrawn',
      data: { ...keys(session), action, to, handoff, reason },
    }));

/**
 * Of an action that is out only the word of whoever has it counts, and of one that is not, only our own.
 * @throws Rejection
 */
export function insistOnPerformer(
  { action, handoff }: { readonly action: string; readonly handoff?: TicketId | undefined },
  { ticketId, handoffs, handedOff }: KnownSession,
): void {
  const out = handoffs.get(action);
  if (handedOff && handedOff.action !== action) {
    throw new Rejection('not-handed-off', `${ticketId} is about ${handedOff.action}, and ${action} is not`);
  }
  if (out?.handoff === handoff) return;
  throw out
    ? new Rejection('handed-off', `${action} of ticket ${ticketId} is with ${out.to}, under ${out.handoff}`)
    : new Rejection('handoff-over', `${action} of ticket ${ticketId} is not with ${handoff} any more`);
}

/** Who did an action that is completed or failed now: whoever it is out with. */
export const doneBy = (
  { agent, handoffs }: Work,
  action: string,
): { readonly agent: Agent; readonly handoff?: TicketId } => {
  const out = handoffs.get(action);
  return out ? { agent: out.to, handoff: out.handoff } : { agent };
};

/** How what an agent was offered ended, by the events of its session; undefined while it goes on. */
export type HandoffEnd =
  | { readonly kind: 'returned'; readonly completed: EventOf<'ActionCompleted'>['data'] }
  | { readonly kind: 'reversed'; readonly failure: EventOf<'HandoffReversed'>['data'] }
  | { readonly kind: 'cancelled'; readonly reason: string };

export const endOf = (events: readonly SessionEvent[]): HandoffEnd | undefined => {
  for (const event of events.toReversed()) {
    if (event.type === 'HandoffReversed') return { kind: 'reversed', failure: event.data };
    if (event.type === 'SessionCancelled') return { kind: 'cancelled', reason: event.data.reason };
    if (event.type === 'HandoffReturned') {
      const completed = events.findLast(({ type }) => type === 'ActionCompleted');
      // Nothing is returned that is not completed.
      return { kind: 'returned', completed: (completed as EventOf<'ActionCompleted'>).data };
    }
  }
  return undefined;
};
