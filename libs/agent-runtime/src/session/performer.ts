import type { Agent, EventOf, Isolation } from '@vt/contracts';
import { Rejection, type TicketId } from '@vt/kernel';
import {
  callOfAction,
  isStruckOut,
  mayUseNetwork,
  performerOf,
  permissionsOf,
  sentBackOf,
  spiralOf,
  strikes,
  triesOf,
  UNKNOWN,
  workPhaseOf,
  type Bundle,
  type HandoffEnd,
  type PipelineAction,
} from '@vt/value-train';
import { setTimeout as delay } from 'node:timers/promises';
import type { Action } from '../action.ts';
import { CircuitOpen } from '../circuit-breaker.ts';
import { commandTool } from '../tools/command-tool.ts';
import { isEnough } from '../tools/sandbox.ts';
import { askPerson } from '../work/human-tasks.ts';
import type { Claim } from '../work/work-items.ts';
import type { SentBack, Surroundings } from './context.ts';
import { Awaited, Guard } from './guard.ts';
import { endUnder, offer, type Origin } from './handing-off.ts';
import { mayHaveHappened, wasLeftUnknown, type SessionRecord } from './session-record.ts';
import { payingFor } from './purse.ts';
import type { Reins, SessionDependencies } from './session.ts';
import { Stopped, tryOnce, type Tried } from './trial.ts';
import { NO_USAGE } from './usage.ts';
import { fileOf, wasUnblocked, type Materials, type Place } from './workbench.ts';

const BACKOFF_MS = 250;
const BACKOFF_FACTOR = 4;

/**
 * The pause after so many failed tries: a quarter of a second, then a whole one, of which the latter half is by chance,
 * so that those who failed together do not come back together.
 */
export const backoffMs = (tries: number, chance: number): number =>
  BACKOFF_MS * BACKOFF_FACTOR ** (tries - 1) * (0.5 + chance / 2);

export interface Performance extends SessionDependencies {
  readonly claim: Claim;
  readonly reins: Reins;
  readonly record: SessionRecord;
  readonly place: Place;
  readonly materials: Materials;
  /** Where this session is about an action that another one offered. */
  readonly origin: Origin | undefined;
}

type Failure = Pick<EventOf<'ActionFailed'>['data'], 'kind' | 'reason' | 'usage'> & {
  readonly isolation?: Isolation | undefined;
  readonly handoff?: TicketId;
};

/** Performs the actions of one session, or of one of its work phases, each as often as its class of retry allows. */
export class Performer {
  /** Actions that will not be completed in this session, and why. */
  readonly gaveUp = new Map<string, string>();
  /** Actions that a person has still to do. */
  readonly awaited = new Set<string>();
  /** Actions that are with other agents, and with which. */
  readonly out = new Map<string, Agent>();
  /** Actions that sent the work back. */
  readonly sentBack = new Map<string, SentBack>();
  private readonly broken = new AbortController();
  /** Says when to stop an action in its middle. */
  private readonly stop: AbortSignal;
  private readonly given: Performance;
  private readonly surroundings: Surroundings;
  private readonly guard: Guard;
  private modelFailed = false;

  /** @param bundle what its work phase began with */
  constructor(given: Performance, bundle: Bundle | undefined) {
    this.given = given;
    this.stop = AbortSignal.any([given.reins.stop, this.broken.signal]);
    const { claim, materials, place, artifacts, model, record, pool, refused, circuits, sandbox } = given;
    const { ticket } = claim;
    this.surroundings = {
      ticket,
      ...materials,
      artifacts,
      model: model && payingFor(model, pool, claim),
      circuits,
      sandbox,
      network: mayUseNetwork(permissionsOf(place.mode)),
      find: (path, cycle) =>
        (cycle === undefined || cycle === ticket.cycle ? record.find(path) : undefined) ??
        fileOf(place.train, path, cycle),
      workPhase: workPhaseOf(record.state),
      bundle,
      feedback: ['ticket' in place.train ? place.train.ticket.feedback : [], sentBackOf(record.state)].flat(),
      factsOf: (phase) => place.train.reports.get(phase)?.facts ?? {},
      modelFailed: (reason) => this.noteModel(reason),
      loaded: (load) => given.loaded(load),
      answerOf: (action) => this.answerOf(action),
    };
    const { actions } = place.phase;
    this.guard = new Guard({ ticket, permissions: permissionsOf(place.mode), actions, record, pool, refused });
  }

  isSettled(action: string): boolean {
    return [this.gaveUp, this.awaited, this.out, this.sentBack].some((settled) => settled.has(action));
  }

  /** Stops all actions, because one of them can not be recorded. */
  breakOff(cause: unknown): void {
    this.broken.abort(new Stopped('leaving', 'the session broke off', { cause }));
  }

  /** Ends when the action is completed or settled, or the reins say stop. */
  async perform(action: PipelineAction): Promise<void> {
    const { record, reins } = this.given;
    const { id, tool, retry } = action;
    if (isStruckOut(record.state, id)) return this.giveUp(action, 'it was tried as often as it may be');
    const performer = performerOf(this.given.place.phase, action);
    if (performer !== this.surroundings.ticket.agent) return this.handOff(action, performer);
    const refusal = await this.refusalOf(action).catch((error: unknown) => {
      if (error instanceof Awaited) return error;
      throw error;
    });
    if (refusal instanceof Awaited) return void this.awaited.add(id);
    if (refusal) return this.fail(action, { kind: 'permanent', reason: refusal.message, usage: NO_USAGE });
    if (tool === 'human') return this.askPerson(action);
    const act = this.executorOf(action);
    if (!act) {
      const reason = `the agent ${this.surroundings.ticket.agent} has no tool ${tool}`;
      return this.fail(action, { kind: 'permanent', reason, usage: NO_USAGE });
    }
    let reconcile = record.isUnknown(id) || mayHaveHappened(this.given.origin?.session ?? UNKNOWN, id);
    if (retry === 'at-most-once' && (reconcile || (await this.isOpenQuestion(action)))) {
      return this.fail(action, { kind: 'unknown', reason: askForHelp(action), usage: NO_USAGE });
    }
    while (!this.isSettled(id) && !record.isCompleted(id) && !reins.hold.aborted && !this.stop.aborted) {
      // Written before, so that whoever comes after a crash knows that it may have happened.
      if (retry !== 'idempotent') await record.append({ type: 'StartAction', action: id, tool });
      await this.attempt(action, act, retry === 'reconcilable' && reconcile);
      reconcile = true;
    }
  }

  /** Offers it, or takes in what came back; until then it is out. */
  private async handOff(action: PipelineAction, to: Agent): Promise<void> {
    const { record, reins, claim } = this.given;
    const { id, tool, needs, retry } = action;
    while (!this.isSettled(id) && !record.isCompleted(id) && !reins.hold.aborted && !this.stop.aborted) {
      const out = record.state.status === 'unknown' ? undefined : record.state.handoffs.get(id);
      if (out) {
        const end = await endUnder(this.given, claim.ticket, out.handoff);
        if (end) await this.takeIn(action, out.handoff, end);
        else this.out.set(id, out.to);
        continue;
      }
      if (retry === 'at-most-once' && (record.isUnknown(id) || (await this.isOpenQuestion(action)))) {
        return this.fail(action, { kind: 'unknown', reason: askForHelp(action), usage: NO_USAGE });
      }
      try {
        await offer(record, claim, { action: id, tool, to, needs, repeatable: retry === 'idempotent' }, this.given);
        this.out.set(id, to);
      } catch (error) {
        if (!(error instanceof Rejection)) throw error;
        await this.fail(action, { kind: 'permanent', reason: error.message, usage: NO_USAGE });
      }
    }
  }

  /** What came back counts here as if it had been done here, but for what it cost, which was metered there. */
  private async takeIn(action: PipelineAction, handoff: TicketId, end: HandoffEnd): Promise<void> {
    const { record } = this.given;
    const { id, tool } = action;
    if (end.kind === 'returned') {
      const { artifacts, facts, usage, isolation, result, ...said } = end.completed;
      const { decisions, questions, learnings, improvements, read } = said;
      const notes = { decisions, questions, learnings, improvements, read };
      const done = { artifacts, facts, notes, usage, isolation, result };
      return record.append({ type: 'CompleteAction', action: id, tool, ...done, handoff });
    }
    const back =
      end.kind === 'reversed'
        ? { kind: end.failure.kind, reason: end.failure.reasons.join('; ') }
        : { kind: 'cancelled' as const, reason: end.reason };
    await this.fail(action, { ...back, usage: NO_USAGE, handoff });
    if (!this.isSettled(id)) await this.pause(backoffMs(triesOf(record.state, id), Math.random()));
  }

  private async refusalOf(action: PipelineAction): Promise<Rejection | undefined> {
    const { sandbox, place } = this.given;
    const asked = isEnough(action.isolation, place.phase.isolation) ? action.isolation : place.phase.isolation;
    return (
      (await this.guard.demand(action, asked, sandbox)) ??
      (await this.guard.check(action, callOfAction(action), true, true))
    );
  }

  private async attempt(action: PipelineAction, act: Action, reconcile: boolean): Promise<void> {
    const { stop } = this;
    const { record, log } = this.given;
    const tried = await tryOnce(act, this.surroundings, {
      action: action.id,
      reconcile,
      signal: stop,
      timeoutMs: action.timeoutSeconds * 1_000,
      check: (call, required = true) => this.guard.check(action, call, required, action.retry !== 'at-most-once'),
    });
    if (tried.kind === 'awaiting') return void this.awaited.add(action.id);
    if (tried.kind === 'completed') return this.complete(action, tried);
    if (tried.kind === 'sent-back') return this.noteSentBack(action, tried);
    // Whoever has it next knows nothing of this try, and needs to know no more than that it was started.
    if (stop.reason instanceof Stopped && stop.reason.why !== 'cancelled') return;
    log.warn({ action: action.id, err: tried.cause, ...this.about() }, 'a try of an action failed');
    const mayPass = ['transient', 'timeout', 'unavailable'].includes(tried.failure);
    const isOpen = action.retry === 'at-most-once' && mayPass;
    await this.fail(action, {
      kind: isOpen ? 'unknown' : tried.failure,
      reason: isOpen ? `${tried.reason}; ${askForHelp(action)}` : tried.reason,
      usage: tried.usage,
      isolation: tried.isolation,
    });
    if (this.isSettled(action.id)) return;
    const { cause } = tried;
    await this.pause(
      cause instanceof CircuitOpen ? cause.retryInMs : backoffMs(strikes(record.state, action.id), Math.random()),
    );
  }

  /** A work phase begins with its bundle: of those before it there are the files that they left, and nothing else. */
  private async answerOf(action: string): Promise<unknown> {
    const { record, place } = this.given;
    const at = workPhaseOf(record.state);
    const during = place.phase.actions.find(({ id }) => id === action)?.during;
    if (at === undefined || during === at) return record.answerOf(action);
    throw new Rejection('answer-missing', `${action} is not an action of ${at}: read the files that it left`);
  }

  /** What it used counts, and it is no strike. */
  private async noteSentBack(
    action: PipelineAction,
    { sentBack, usage, isolation }: Extract<Tried, { kind: 'sent-back' }>,
  ) {
    const reason = `sent back to ${sentBack.to}: ${sentBack.message}`;
    await this.fail(action, { kind: 'cancelled', reason, usage, isolation });
    this.sentBack.set(action.id, sentBack);
  }

  private async complete(action: PipelineAction, done: Extract<Tried, { kind: 'completed' }>): Promise<void> {
    const { record } = this.given;
    const { kind: _, usage, answer, outcome, ...left } = done;
    try {
      const result = await record.keep(action.id, answer, outcome);
      const { id, tool } = action;
      await record.append({ type: 'CompleteAction', action: id, tool, ...left, usage, result });
    } catch (error) {
      // Such as facts that do not fit into an event.
      if (!(error instanceof Rejection)) throw error;
      await this.fail(action, { kind: 'permanent', reason: error.message, usage });
    }
  }

  private async fail(action: PipelineAction, { kind, reason, ...how }: Failure): Promise<void> {
    const { record } = this.given;
    const { id, tool } = action;
    const nth = triesOf(record.state, id) + 1;
    await record.append({ type: 'FailAction', action: id, tool, try: nth, kind, reason, ...how });
    if (kind !== 'unknown' && !isStruckOut(record.state, id)) return;
    const spiral = spiralOf(record.state, id);
    this.giveUp(action, spiral === undefined ? reason : `${reason} (${spiral})`);
  }

  private giveUp({ id, title }: PipelineAction, reason: string): void {
    this.gaveUp.set(id, `${title} (${id}): ${reason}`);
  }

  /** A person's time is not metered, and has no limit. */
  private async askPerson(action: PipelineAction): Promise<void> {
    const { record, claim, pool } = this.given;
    const { id, tool, title, ask = { role: 'operator', instructions: title } } = action;
    if (!record.isUnknown(id)) await record.append({ type: 'StartAction', action: id, tool });
    // Whoever answered before saw what was sent back since.
    const times = sentBackOf(record.state).length;
    const answer = await askPerson(pool, claim.ticket, { id: times === 0 ? id : `${id}.${times + 1}`, ...ask });
    if (!answer) return void this.awaited.add(id);
    const facts = { ...answer.facts, [`${id}.by`]: answer.by };
    const nothing = { artifacts: [], usage: NO_USAGE, result: null };
    await record.append({ type: 'CompleteAction', action: id, tool, facts, ...nothing });
  }

  private executorOf(action: PipelineAction): Action | undefined {
    return action.tool.startsWith('command:') ? commandTool(action) : this.given.pack.tools[action.tool];
  }

  /** A phase that an operator unblocked may try again whatever was left unknown: they were asked, and this is their word. */
  private async isOpenQuestion({ id }: PipelineAction): Promise<boolean> {
    const { claim, place, store } = this.given;
    return !wasUnblocked(place) && wasLeftUnknown(store, claim.ticket, id);
  }

  private async pause(ms: number): Promise<void> {
    const { hold } = this.given.reins;
    await delay(ms, undefined, { signal: AbortSignal.any([this.stop, hold]) }).catch(() => undefined);
  }

  /** Once a session: an installation whose key is wrong would say nothing else. */
  private noteModel(reason: string): void {
    if (!this.modelFailed) this.given.log.warn({ reason, ...this.about() }, 'the model is away, sections stay plain');
    this.modelFailed = true;
  }

  private about() {
    const { tenant, ticketId, phase } = this.surroundings.ticket;
    return { tenant, ticketId, phase };
  }
}

const askForHelp = ({ id }: PipelineAction) =>
  `nobody knows whether ${id} took effect, and it may not be repeated: a person must look, then unblock the phase`;
