import { CommandId, Instant, Rejection } from '@vt/kernel';
import { randomUUID } from 'node:crypto';
import type { Claim } from '../work/work-items.ts';
import type { SessionDependencies } from './session.ts';

/**
 * Keeps the last bundle of a session that has ended, and closes its stream. Done again, it does nothing.
 * @throws Error when it can not be done now; Rejection `law-broken` when it never can
 */
export const archiveSession = async (
  { ticket, eventId: causationId, correlationId }: Claim,
  { bundles, execute, workbench }: Pick<SessionDependencies, 'bundles' | 'execute' | 'workbench'>,
): Promise<void> => {
  const { tenant, ticketId, agent: actor } = ticket;
  const made = await bundles.make(ticket);
  // Called off before anybody began it.
  if (made === undefined) return;
  await bundles.keep(made);
  const { pipeline } = await workbench.placeOf(ticket);
  await execute(
    { type: 'Archive', ticketId, bundle: made.ref, laws: pipeline.laws ?? {} },
    {
      tenant,
      commandId: CommandId.parse(randomUUID()),
      causation: { actor, causationId, correlationId },
      at: Instant.parse(new Date().toISOString()),
    },
  );
};

export const isRefusedForGood = (error: unknown): boolean => error instanceof Rejection && error.code === 'law-broken';
