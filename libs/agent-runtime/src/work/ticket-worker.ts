import type { TenantId, TicketId } from '@vt/kernel';
import type { Log } from '@vt/messaging';
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { archiveSession, isRefusedForGood } from '../session/archive.ts';
import { runSession, type SessionDependencies, type SessionEnd } from '../session/session.ts';
import { Stopped } from '../session/trial.ts';
import { Bell } from './bell.ts';
import type { Claim, WorkItems } from './work-items.ts';

const POLL_MS = 1_000;
/** So long an agent rests between two archives while it has tickets in hand; with none, it looks at every poll. */
const ARCHIVE_BESIDE_MS = 30_000;
const BEATS_PER_LEASE = 15;
const OUTAGE_MS = 1_000;
/** How long a ticket rests that this process could not work on. */
const BACKOFF_MS = 5_000;
/** When the service ends, actions have this long to be completed. */
const LEAVE_MS_MAX = 10_000;

export interface TicketWorkerOptions {
  readonly items: WorkItems;
  readonly session: SessionDependencies;
  readonly sessionsMax: number;
  /** A worker that is started again under its name takes up at once what it left; of two with one name, one suffers. */
  readonly name?: string;
  readonly log: Log;
}

interface Held {
  readonly claim: Claim;
  readonly stop: AbortController;
  readonly hold: AbortController;
  readonly news: Bell;
  /** By our own clock: until when the lease surely lasts. */
  leasedUntil: number;
  readonly finished: Promise<void>;
}

/** Claims tickets of one agent and works on them, a few at a time, until it is told to stop. */
export class TicketWorker {
  private readonly owner: string;
  private readonly held = new Map<string, Held>();
  private readonly options: TicketWorkerOptions;
  private beating = false;
  private archivedAt = performance.now();
  private archiving: Promise<void> | undefined;
  private woken = Promise.withResolvers<void>();

  constructor(options: TicketWorkerOptions) {
    this.options = options;
    this.owner = options.name ?? randomUUID();
  }

  /** There may be something to claim, or news about what is held. */
  wake(): void {
    this.woken.resolve();
  }

  /** Something that a ticket waits for may be there; whoever works on it looks. */
  hear(tenant: TenantId, ticketId: TicketId): void {
    for (const { claim, news } of this.held.values()) {
      if (claim.ticket.tenant === tenant && claim.ticket.ticketId === ticketId) news.ring();
    }
    this.wake();
  }

  /** Works until the signal says stop; then lets running actions be completed for a while, and hands the rest back. */
  async run(signal: AbortSignal): Promise<void> {
    const wake = () => this.wake();
    signal.addEventListener('abort', wake, { once: true });
    const { items } = this.options;
    await this.takeBack();
    const beating = setInterval(() => this.onBeat(), items.leaseMs / BEATS_PER_LEASE);
    while (!signal.aborted) {
      const more = await this.claimSome();
      if (more || signal.aborted) continue;
      const restMs = this.held.size > 0 ? ARCHIVE_BESIDE_MS : POLL_MS;
      if (!this.archiving && performance.now() - this.archivedAt >= restMs) {
        // Beside the claims: a model may take its time over the words.
        this.archiving = this.archiveOne(signal).finally(() => (this.archiving = undefined));
      }
      await this.untilWoken();
    }
    await this.leave();
    clearInterval(beating);
  }

  private async takeBack(): Promise<void> {
    const { name, items, log } = this.options;
    if (!name) return;
    await items
      .takeBack(name)
      .catch((error: unknown) => log.warn({ err: error }, 'what was left is claimed when its lease has run out'));
  }

  /** Answers whether there may be more to claim right now. */
  private async claimSome(): Promise<boolean> {
    const { items, sessionsMax, log } = this.options;
    const room = sessionsMax - this.held.size;
    if (room <= 0) return false;
    const leasedUntil = performance.now() + items.leaseMs;
    try {
      const claims = await items.claim(this.owner, room);
      for (const claim of claims) this.hold(claim, leasedUntil);
      return claims.length === room && this.held.size < sessionsMax;
    } catch (error) {
      log.warn({ err: error }, 'tickets can not be claimed, trying again');
      await delay(OUTAGE_MS);
      return false;
    }
  }

  /** After tickets, and at a pace that takes nothing from them. What fails is tried again when its lease has run out. */
  private async archiveOne(stop: AbortSignal): Promise<void> {
    this.archivedAt = performance.now();
    const { items, session, log } = this.options;
    let about: object = {};
    try {
      const ended = await items.claimEnded();
      if (ended === undefined) return;
      const { tenant, ticketId } = ended.ticket;
      about = { tenant, ticketId };
      const signal = AbortSignal.any([stop, AbortSignal.timeout(items.leaseMs / 2)]);
      await archiveSession(ended, session, signal).catch((error: unknown) => {
        if (!isRefusedForGood(error)) throw error;
        log.error({ ...about, err: error }, 'a session stays as it is, because it broke a law');
      });
      await items.archived(ended);
    } catch (error) {
      log.warn({ ...about, err: error }, 'a session can not be archived now, trying again');
    }
  }

  private hold(claim: Claim, leasedUntil: number): void {
    // The same ticket may be claimed again while the last word about an earlier claim is on its way.
    const key = `${claim.ticket.tenant}/${claim.ticket.ticketId}@${claim.fence}`;
    const reins = { stop: new AbortController(), hold: new AbortController(), news: new Bell() };
    const finished = this.work(claim, reins).finally(() => {
      this.held.delete(key);
      this.wake();
    });
    this.held.set(key, { claim, ...reins, leasedUntil, finished });
  }

  /** Never throws: a ticket that can not be worked on goes back, and so does one whose end can not be told. */
  private async work(claim: Claim, { stop, hold, news }: Pick<Held, 'stop' | 'hold' | 'news'>): Promise<void> {
    const { session, log } = this.options;
    const about = { tenant: claim.ticket.tenant, ticketId: claim.ticket.ticketId, fence: claim.fence };
    const reins = { stop: stop.signal, hold: hold.signal, news };
    const end = await runSession(claim, reins, session).catch((error: unknown) => {
      log.error({ ...about, err: error }, 'the ticket can not be worked on now, it goes back');
      return 'failed' as const;
    });
    try {
      await this.letGo(claim, end);
    } catch (error) {
      log.warn({ ...about, err: error }, 'the ticket could not be let go: its lease will run out');
    }
  }

  private async letGo(claim: Claim, end: SessionEnd | 'failed'): Promise<void> {
    const { items } = this.options;
    switch (end) {
      case 'done':
        return items.finish(this.owner, claim);
      case 'waiting':
        return items.pause(this.owner, claim);
      case 'handed-back':
        return items.release(this.owner, claim);
      case 'failed':
        return items.release(this.owner, claim, BACKOFF_MS);
    }
  }

  /** A database that has gone silent neither renews leases nor says that it does not. */
  private onBeat(): void {
    if (this.beating) this.stopOverdue([...this.held.values()]);
    else void this.beat();
  }

  /** To be called when something is wanted of the tickets, and from time to time. */
  async beat(): Promise<void> {
    const { items, log } = this.options;
    const holding = [...this.held.values()];
    if (holding.length === 0) return;
    const leasedUntil = performance.now() + items.leaseMs;
    this.beating = true;
    try {
      const ours = await items.beat(
        this.owner,
        holding.map(({ claim }) => claim),
      );
      for (const held of holding) {
        const wanted = ours.get(held.claim);
        if (!wanted) held.stop.abort(new Stopped('lost', 'another claimant has the ticket'));
        else held.leasedUntil = leasedUntil;
        if (wanted?.wish === 'cancel') held.stop.abort(new Stopped('cancelled', wanted.reason));
        if (wanted?.held) held.hold.abort('it is paused');
      }
    } catch (error) {
      log.warn({ err: error }, 'leases can not be renewed, trying again');
      this.stopOverdue(holding);
    } finally {
      this.beating = false;
    }
  }

  /** What we can not renew ends here before another may begin it. */
  private stopOverdue(holding: readonly Held[]): void {
    const margin = this.options.items.leaseMs / 6;
    for (const { leasedUntil, stop } of holding) {
      if (performance.now() > leasedUntil - margin) stop.abort(new Stopped('lost', 'the lease could not be renewed'));
    }
  }

  private async leave(): Promise<void> {
    const leaving = [...this.held.values()];
    for (const { hold } of leaving) hold.abort('its process ends');
    const late = setTimeout(() => {
      for (const { stop } of leaving) stop.abort(new Stopped('leaving', 'the service ends'));
    }, LEAVE_MS_MAX);
    await Promise.all([...leaving.map(({ finished }) => finished), this.archiving]);
    clearTimeout(late);
  }

  private async untilWoken(): Promise<void> {
    const poll = setTimeout(() => this.wake(), POLL_MS);
    await this.woken.promise;
    clearTimeout(poll);
    this.woken = Promise.withResolvers();
  }
}
