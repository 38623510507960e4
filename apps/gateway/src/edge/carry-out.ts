import type { CommandInput, CommandName } from '@vt/contracts';
import { CommandId, Rejection } from '@vt/kernel';
import type { CommandClient } from '@vt/messaging';
import { Problem } from '@vt/service';
import { idFrom } from './deterministic-id.ts';
import type { Answered, Incoming, Operation } from './operation.ts';

const DEADLINE_MS = 10_000;

/**
 * Has the owner carry out a command, and answers the position from which on it shows. The command's id is made of the
 * request's idempotency key, so a request that is repeated, here or at another instance, is carried out once.
 */
export async function carryOut<Name extends CommandName>(
  commands: Pick<CommandClient, 'send'>,
  { principal, idempotencyKey }: Pick<Incoming<Operation>, 'principal' | 'idempotencyKey'>,
  name: Name,
  body: CommandInput<Name>,
): Promise<Required<Pick<Answered, 'position'>>> {
  const { tenant, name: actor } = principal;
  const commandId = CommandId.parse(idFrom(`${tenant}/${name}/${idempotencyKey}`));
  const envelope = { tenant, commandId, actor, correlationId: idempotencyKey };
  const reply = await commands.send(name, envelope, body, { deadlineMs: DEADLINE_MS });
  switch (reply.kind) {
    case 'accepted':
      return { position: reply.position };
    case 'rejected':
      throw new Rejection(reply.code, reply.reason);
    case 'failed':
      throw new Problem(500, 'internal', reply.reason);
    case 'unknown': {
      const mend = `repeat the request with the idempotency key ${idempotencyKey}`;
      throw new Problem(503, 'outcome-unknown', `nobody answered in time whether this was done: ${mend}`);
    }
  }
}
