import { sessionStream, type Artifact } from '@vt/contracts';
import {
  CommandId,
  Conflict,
  fold,
  Instant,
  Rejection,
  TicketId,
  Unavailable,
  type Digest,
  type EventStore,
  type Execute,
} from '@vt/kernel';
import {
  sessionDecider,
  ticketIdOf,
  type KnownSession,
  type PipelineAction,
  type Session,
  type SessionCommand,
  type SessionEvent,
} from '@vt/value-train';
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { ArtifactStore } from '../artifacts/artifact-store.ts';
import type { Claim } from '../work/work-items.ts';
import { Stopped } from './trial.ts';

const RETRY_MS = 500;
/** Refusals after which a claimant has nothing more to say. */
const ENDS: Readonly<Record<string, Stopped['why']>> = { fenced: 'lost', 'session-over': 'over' };

type Completed = KnownSession['completed'];
export type OpenSession = Extract<Session, { status: 'open' }>;
export type ExecuteSession = Execute<Session, SessionCommand, SessionEvent>;

type WithoutKeys<Command> = Command extends SessionCommand ? Omit<Command, 'ticketId' | 'fence'> : never;
/** A command of whoever holds the claim. */
export type ClaimCommand = WithoutKeys<Exclude<SessionCommand, { type: 'Cancel' }>>;

/** What an action answered and decided, as it is kept in a blob. */
interface Answer {
  readonly answer?: unknown;
  readonly outcome?: string;
}

/** The stream of one session, in the hands of one claim. */
export class SessionRecord {
  state: Session = { status: 'unknown' };
  /** What another session had completed when it offered what this one is about. */
  startsFrom: Completed = new Map();
  private readonly claim: Claim;
  private readonly execute: ExecuteSession;
  private readonly artifacts: ArtifactStore;
  private readonly signal: AbortSignal;
  private readonly answers = new Map<string, Answer>();
  private last: Promise<unknown> = Promise.resolve();

  constructor(claim: Claim, execute: ExecuteSession, artifacts: ArtifactStore, signal: AbortSignal) {
    this.claim = claim;
    this.execute = execute;
    this.artifacts = artifacts;
    this.signal = signal;
  }

  /**
   * Appends what follows from a command, one command after the other, so that actions side by side do not conflict.
   * While the database is away it waits: what was done must not be forgotten as long as the claim is ours.
   * @throws Stopped when the claim is lost; Rejection when the rules refuse
   */
  append(command: ClaimCommand | Omit<Extract<SessionCommand, { type: 'Cancel' }>, 'ticketId'>): Promise<void> {
    const { ticket, fence, eventId: causationId, correlationId } = this.claim;
    const envelope = {
      tenant: ticket.tenant,
      commandId: CommandId.parse(randomUUID()),
      causation: { actor: ticket.agent, causationId, correlationId },
    };
    // The claim's keys complete each of the commands, which the compiler can not see through the union.
    const complete = { ...command, ticketId: ticket.ticketId, fence } as SessionCommand;
    const appended = this.last.then(() => this.insist(complete, envelope));
    this.last = appended.catch(() => undefined);
    return appended;
  }

  private async insist(command: SessionCommand, envelope: Omit<Parameters<ExecuteSession>[1], 'at'>): Promise<void> {
    for (;;) {
      try {
        const at = Instant.parse(new Date().toISOString());
        this.state = (await this.execute(command, { ...envelope, at })).state;
        return;
      } catch (error) {
        const why = error instanceof Rejection ? ENDS[error.code] : undefined;
        if (why) throw new Stopped(why, String(error), { cause: error });
        if (!(error instanceof Unavailable || error instanceof Conflict)) throw error;
        await delay(RETRY_MS);
        // A claim that was called off or is given back still has something to say; one that is lost has not.
        if (this.signal.reason instanceof Stopped && this.signal.reason.why !== 'cancelled') throw this.signal.reason;
      }
    }
  }

  /** The file that a completed action of this session left; of two with one path the later counts. */
  find(path: string): Artifact | undefined {
    const files = [...this.startsFrom.values(), ...this.completed.values()].flatMap(({ artifacts }) => artifacts);
    return files.findLast((artifact) => artifact.path === path);
  }

  /** Keeps what an action answered and decided. Null when that is nothing. */
  async keep(action: string, answer: string | undefined, outcome: string | undefined): Promise<Digest | null> {
    if (answer === undefined && outcome === undefined) return null;
    const kept: Answer = {
      ...(answer === undefined ? {} : { answer: JSON.parse(answer) }),
      ...(outcome === undefined ? {} : { outcome }),
    };
    this.answers.set(action, kept);
    return (await this.artifacts.put(Buffer.from(JSON.stringify(kept)))).digest;
  }

  /** @throws Rejection when the action is not completed */
  async answerOf(action: string): Promise<unknown> {
    if (!this.isCompleted(action) && !this.startsFrom.has(action)) {
      throw new Rejection(
        'answer-missing',
        `${action} is not completed: name it among the actions that this one needs`,
      );
    }
    return (await this.kept(action)).answer;
  }

  /** What the work decided: the word of the last action, in the order of the pipeline, that said one; else `next`. */
  async outcome(actions: readonly PipelineAction[]): Promise<string> {
    const said = await Promise.all(actions.filter(({ id }) => this.isCompleted(id)).map(({ id }) => this.kept(id)));
    return said.findLast(({ outcome }) => outcome !== undefined)?.outcome ?? 'next';
  }

  isCompleted(action: string): boolean {
    return this.completed.has(action);
  }

  /** Started, and neither completed nor failed: nobody knows what it did. */
  isUnknown(action: string): boolean {
    return mayHaveHappened(this.state, action);
  }

  private get completed(): Completed {
    return this.state.status === 'unknown' ? NONE : this.state.completed;
  }

  private async kept(action: string): Promise<Answer> {
    const known = this.answers.get(action);
    if (known) return known;
    const { result: digest } = this.completed.get(action) ?? this.startsFrom.get(action) ?? { result: null };
    // Written by `keep`, and checked by its digest.
    const kept = digest === null ? {} : (JSON.parse((await this.artifacts.read(digest)).toString('utf8')) as Answer);
    this.answers.set(action, kept);
    return kept;
  }
}

const NONE: Completed = new Map();

export const mayHaveHappened = (session: Session, action: string): boolean =>
  session.status !== 'unknown' &&
  !session.completed.has(action) &&
  (session.started.has(action) || (session.failures.get(action) ?? []).includes('unknown'));

/** Whether an earlier attempt at the same phase left an action of which nobody knows whether it happened. */
export const wasLeftUnknown = async (store: Reads, ticket: Attempt, action: string): Promise<boolean> =>
  (await sessionsBefore(store, ticket)).some((session) => mayHaveHappened(session, action));

/** What earlier attempts at the same phase failed with, by signature. */
export const failuresBefore = async (store: Reads, ticket: Attempt): Promise<readonly string[]> =>
  (await sessionsBefore(store, ticket)).flatMap((session) =>
    session.status === 'unknown' ? [] : session.signatures.map(({ signature }) => signature),
  );

export type Reads = Pick<EventStore, 'read'>;
type Attempt = Pick<Claim['ticket'], 'tenant' | 'trainId' | 'phase' | 'cycle' | 'attempt'>;

const sessionsBefore = (
  store: Reads,
  { tenant, trainId, phase, cycle, attempt }: Attempt,
): Promise<readonly Session[]> =>
  Promise.all(
    Array.from({ length: attempt - 1 }, async (_, index) => {
      const ticketId = TicketId.parse(ticketIdOf(trainId, phase, cycle, index + 1));
      const events = await store.read<SessionEvent>(tenant, sessionStream(ticketId));
      return fold(
        sessionDecider,
        events.map(({ event }) => event),
      );
    }),
  );
