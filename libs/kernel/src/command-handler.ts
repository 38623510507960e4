import { fold, type Decider } from './decider.ts';
import { Conflict, Rejection } from './errors.ts';
import { NO_STREAM, type AnyEvent, type Causation, type EventStore, type Head } from './event-store.ts';
import type { CommandId, Instant, TenantId } from './ids.ts';

const ATTEMPTS_MAX = 8;
const STREAMS_REMEMBERED_MAX = 10_000;

/** What comes with a command from outside the rules. */
export interface Envelope {
  readonly tenant: TenantId;
  readonly commandId: CommandId;
  readonly causation: Causation;
  readonly at: Instant;
}

export interface Executed<State, Event> {
  readonly stream: string;
  readonly head: Head;
  readonly state: State;
  /** What this command added; empty when it asked for what was already so. */
  readonly events: readonly Event[];
}

export type Execute<State, Command, Event> = (command: Command, envelope: Envelope) => Promise<Executed<State, Event>>;

/**
 * Joins pure rules to storage: read, fold, decide, append; on a conflict, decide again on what is there now. Streams
 * are remembered, so that an owner need not read its own words again, and one that is not is taken for new; what may be
 * wrong is never the ground for doing nothing or for a refusal, only for an append, which the expected head protects.
 */
export const commandHandler = <State, Command, Event extends AnyEvent>(
  decider: Decider<State, Command, Event>,
  streamOf: (command: Command) => string,
  store: Pick<EventStore, 'append' | 'read'>,
): Execute<State, Command, Event> => {
  type Known = { readonly head: Head; readonly state: State };
  const nothing: Known = { head: NO_STREAM, state: decider.initial };
  const memory = new Map<string, Known>();

  const remember = (key: string, known: Known): Known => {
    memory.delete(key);
    memory.set(key, known);
    if (memory.size > STREAMS_REMEMBERED_MAX) memory.delete(memory.keys().next().value!);
    return known;
  };

  const refresh = async (tenant: TenantId, stream: string): Promise<Known> => {
    const key = `${tenant}/${stream}`;
    const known = memory.get(key) ?? nothing;
    const news = await store.read<Event>(tenant, stream, known.head.version);
    const last = news.at(-1);
    if (last === undefined) return known;
    const state = fold(
      { initial: known.state, evolve: decider.evolve },
      news.map(({ event }) => event),
    );
    return remember(key, { head: { version: last.version, hash: last.hash }, state });
  };

  const decideFrom = (command: Command, { state }: Known): readonly Event[] | Rejection => {
    try {
      return decider.decide(command, state);
    } catch (error) {
      if (error instanceof Rejection) return error;
      throw error;
    }
  };

  return async (command, envelope) => {
    const stream = streamOf(command);
    const key = `${envelope.tenant}/${stream}`;
    let assumed: Known | undefined = memory.get(key) ?? nothing;

    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
      let known = assumed ?? (await refresh(envelope.tenant, stream));
      let decision = decideFrom(command, known);
      if (assumed !== undefined && (decision instanceof Rejection || decision.length === 0)) {
        known = await refresh(envelope.tenant, stream);
        decision = decideFrom(command, known);
      }
      if (decision instanceof Rejection) throw decision;
      if (decision.length === 0) return { stream, head: known.head, state: known.state, events: [] };

      const outcome = await store.append({ ...envelope, stream, expected: known.head, events: decision });
      if (outcome.kind === 'appended') {
        const state = decision.reduce(decider.evolve, known.state);
        remember(key, { head: outcome.head, state });
        return { stream, head: outcome.head, state, events: decision };
      }
      assumed = undefined;
      if (outcome.kind === 'duplicate') {
        const { state } = await refresh(envelope.tenant, stream);
        return { stream, head: outcome.head, state, events: [] };
      }
    }
    throw new Conflict(stream, memory.get(key)?.head.version ?? 0);
  };
};
