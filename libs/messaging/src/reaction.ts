import { createHash } from 'node:crypto';
import { CommandId, Instant, type Envelope, type Positioned } from '@vt/kernel';
import type { Command } from './command-server.ts';
import type { CommandName } from '@vt/contracts';

/**
 * The envelope of a command that an event led to, one reaction deeper than the event. The same event gives the same id,
 * so a redelivery is a duplicate.
 */
export const reactionTo = (event: Positioned, actor: string, command: string): Envelope => ({
  tenant: event.tenant,
  commandId: commandIdOf(event.tenant, event.id, actor, command),
  causation: {
    ...{ actor, causationId: event.id, correlationId: event.causation.correlationId },
    depth: (event.causation.depth ?? 0) + 1,
  },
  at: Instant.parse(new Date().toISOString()),
});

/** The envelope of a command that somebody sent. */
export const envelopeOf = ({
  tenant,
  commandId,
  actor,
  correlationId,
}: Omit<Command<CommandName>, 'body'>): Envelope => ({
  tenant,
  commandId,
  causation: { actor, causationId: commandId, correlationId },
  at: Instant.parse(new Date().toISOString()),
});

/** A UUID (version 8, RFC 9562) made of words: the same words, the same id. */
export function commandIdOf(...words: readonly string[]): CommandId {
  const bytes = createHash('sha256').update(JSON.stringify(words)).digest().subarray(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return CommandId.parse(
    [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-'),
  );
}
