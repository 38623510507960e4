import { headers, type NatsConnection } from '@nats-io/transport-node';
import {
  CommandReply,
  subjectOfCommand,
  type CommandEnvelope,
  type CommandInput,
  type CommandName,
} from '@vt/contracts';
import { setTimeout as delay } from 'node:timers/promises';
import { DEADLINE_HEADER } from './command-server.ts';

const DEADLINE_MS_DEFAULT = 5_000;
/** A server that dies with a command in hand costs this much before another one is asked. */
const TRY_MS_MAX = 2_000;
const RETRY_MS = 100;

/** Sends commands to the service that carries them out, and says what became of them. */
export class CommandClient {
  private readonly nats: NatsConnection;

  constructor(nats: NatsConnection) {
    this.nats = nats;
  }

  /**
   * Never rejects. While the outcome is unknown, and there is time, it asks again with the same command id, which is
   * safe: a command that was carried out is answered as it was.
   */
  async send<Name extends CommandName>(
    name: Name,
    envelope: Omit<CommandEnvelope, 'body'>,
    body: CommandInput<Name>,
    { deadlineMs = DEADLINE_MS_DEFAULT }: { readonly deadlineMs?: number } = {},
  ): Promise<CommandReply> {
    const deadline = performance.now() + deadlineMs;
    const payload = JSON.stringify({ ...envelope, body });
    for (;;) {
      const leftMs = Math.max(1, Math.ceil(deadline - performance.now()));
      const reply = await this.ask(subjectOfCommand(name), payload, Math.min(leftMs, TRY_MS_MAX));
      if (reply.kind !== 'unknown' || performance.now() + RETRY_MS >= deadline) return reply;
      await delay(RETRY_MS);
    }
  }

  private async ask(subject: string, payload: string, timeout: number): Promise<CommandReply> {
    const deadline = headers();
    deadline.set(DEADLINE_HEADER, String(timeout));
    try {
      const answer = await this.nats.request(subject, payload, { timeout, headers: deadline });
      return CommandReply.parse(answer.json());
    } catch (error) {
      return { kind: 'unknown', reason: `no answer: ${error instanceof Error ? error.message : String(error)}` };
    }
  }
}
