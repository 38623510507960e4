import { sessionStream } from '@vt/contracts';
import { Rejection, type TicketId } from '@vt/kernel';
import {
  Bundle,
  bundleProblems,
  endOf,
  evolveSession,
  permissionsOf,
  UNKNOWN,
  type HandoffEnd,
  type KnownSession,
  type SessionEvent,
} from '@vt/value-train';
import type { Ticket } from '../action.ts';
import { ArtifactDamaged, ArtifactMissing } from '../artifacts/artifact-store.ts';
import type { Claim } from '../work/work-items.ts';
import type { SessionRecord } from './session-record.ts';
import type { SessionDependencies } from './session.ts';
import { Stopped } from './trial.ts';
import type { Place } from './workbench.ts';

type Given = Pick<SessionDependencies, 'store' | 'artifacts' | 'workbench'>;
type Offer = { readonly action: string; readonly of: TicketId };

const eventsOf = async ({ store }: Pick<Given, 'store'>, { tenant }: Pick<Ticket, 'tenant'>, ticketId: TicketId) =>
  (await store.read<SessionEvent>(tenant, sessionStream(ticketId))).map(({ event }) => event);

/** How what was handed off under a ticket ended; undefined while it goes on. */
export const endUnder = async (
  given: Pick<Given, 'store'>,
  ticket: Pick<Ticket, 'tenant'>,
  handoff: TicketId,
): Promise<HandoffEnd | undefined> => endOf(await eventsOf(given, ticket, handoff));

/** What an agent starts from that was offered an action: the session that offered it, as the bundle tells of it. */
export interface Origin extends Offer {
  readonly session: KnownSession;
  readonly saved: Extract<SessionEvent, { type: 'BundleSaved' }>['data'];
  /** The events that the bundle tells of. */
  readonly told: readonly SessionEvent[];
}

/** @throws Stopped when it is not wanted any more */
export const originOf = async (given: Given, ticket: Ticket, { action, of }: Offer): Promise<Origin> => {
  const events = await eventsOf(given, ticket, of);
  const now = events.reduce(evolveSession, UNKNOWN);
  const out = now.status === 'unknown' ? undefined : now.handoffs.get(action);
  const saved = events.findLast((event) => event.type === 'BundleSaved' && event.data.bundle === out?.bundle);
  if (out?.handoff !== ticket.ticketId || saved?.type !== 'BundleSaved') {
    throw new Stopped('cancelled', `${of} does not want ${action} any more`);
  }
  const told = events.slice(0, saved.data.sourceVersion);
  // A bundle tells of a session that was begun.
  const session = told.reduce(evolveSession, UNKNOWN) as KnownSession;
  return { action, of, session, saved: saved.data, told };
};

/** Takes up what was offered; by a bundle that is no good it goes back at once. */
export async function accept(
  record: SessionRecord,
  { ticket }: Claim,
  { mode }: Place,
  origin: Origin,
  given: Given,
): Promise<void> {
  const { trainId, phase, cycle, attempt, agent } = ticket;
  const { action, of, session, saved } = origin;
  await record.append({
    ...{ type: 'AcceptHandoff', of, action, from: session.agent, bundle: saved.bundle },
    ...{ trainId, phase, cycle, attempt, agent, mode: mode.id, permissions: permissionsOf(mode) },
    earlierFailures: [...session.earlierFailures, ...session.signatures.map(({ signature }) => signature)],
    problems: await problemsOf(origin, ticket, given),
  });
}

/** Why nobody can begin by the bundle of an offer. */
async function problemsOf({ of, saved, told }: Origin, ticket: Ticket, given: Given): Promise<readonly string[]> {
  try {
    const content = await given.artifacts.read(saved.bundle);
    const read = Bundle.safeParse(JSON.parse(content.toString('utf8')));
    if (!read.success) return [`it is no bundle: ${read.error.message}`];
    if (read.data.metadata.ticketId !== of) return [`it tells of ${read.data.metadata.ticketId}`];
    const { phase } = await given.workbench.placeOf({ ...ticket, ticketId: of });
    return bundleProblems(read.data, told, phase, saved);
  } catch (error) {
    if (error instanceof ArtifactMissing || error instanceof ArtifactDamaged) return [error.message];
    throw error;
  }
}

/** Offers an action with a bundle of everything up to now. @throws Rejection when there can be none */
export async function offer(
  record: SessionRecord,
  { ticket }: Claim,
  offered: { readonly action: string; readonly tool: string; readonly to: Ticket['agent'] } & {
    readonly needs: readonly string[];
    /** Whether it may be done again when nobody knows whether it was done. */
    readonly repeatable: boolean;
  },
  { bundles }: Pick<SessionDependencies, 'bundles'>,
): Promise<void> {
  for (;;) {
    const made = await bundles.make(ticket);
    if (!made || made.problems.length > 0) {
      throw new Rejection(
        'bundle-invalid',
        `it can not be handed off: ${made?.problems.join('; ') ?? 'nothing is told'}`,
      );
    }
    await bundles.keep(made);
    try {
      const { openedOn } = ticket;
      return await record.append({ type: 'OfferHandoff', ...offered, bundle: made.ref, openedOn });
    } catch (error) {
      // Something beside it was completed meanwhile.
      if (!(error instanceof Rejection && error.code === 'bundle-stale')) throw error;
    }
  }
}
