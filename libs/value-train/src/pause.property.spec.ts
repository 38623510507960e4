import { it } from '@jest/globals';
import { Rejection, TrainId, type TicketId } from '@vt/kernel';
import fc from 'fast-check';
import { coversWork, pauseKey, pauseOfSource, pauseSource, type Pause, type Paused } from './pause.ts';
import { pauseDecider, type PauseCommand, type Pauses } from './pause.decider.ts';
import { sameValue } from './same-value.ts';
import type { SessionCommand } from './session-commands.ts';
import { sessionDecider, triesOf } from './session.decider.ts';
import { UNKNOWN, type Session } from './session.ts';
import { digestOf, pipelineWith, start as startOf, work as workOf } from './testing/pipelines.ts';
import type { TrainCommand } from './train-commands.ts';
import { trainDecider } from './train.decider.ts';
import { ticketIdOf, type Ticket, type Train, type TrainEvent } from './train.ts';
import { underPauses } from './under-pauses.decider.ts';

const RUNS = 10_000;
const ACTIONS = ['fit', 'score'];
const usage = { cpuMs: 1, wallMs: 1, tokens: [] };
const TRAINS = ['0191b2c4-6f3e-4a75-9d4e-2f1c0a9b8d01', '0191b2c4-6f3e-4a75-9d4e-2f1c0a9b8d02'].map((id) =>
  TrainId.parse(id),
);
const actions = ACTIONS.map((id) => ({ id, title: id, tool: 'lab.work' }));
const pipeline = pipelineWith([
  { id: 'training', next: 'release', actions },
  { id: 'release', next: null, owner: 'ops', actions, ends: [{ outcome: '', as: 'completed' }] },
]);
const rules = underPauses(trainDecider(() => pipeline));

/** Everything that can be paused here, what trains stand still under more often. */
const SCOPES: readonly (Paused & { readonly scope: PauseCommand['scope'] })[] = [
  ...Array.from({ length: 4 }, () => ({ scope: 'fleet', subject: '' }) as const),
  ...Array.from({ length: 4 }, () => ({ scope: 'tenant', subject: '' }) as const),
  { scope: 'agent', subject: 'lab' },
  { scope: 'agent', subject: 'ops' },
  ...TRAINS.flatMap((trainId) =>
    ['training', 'release'].flatMap((phase) =>
      (['ticket', 'session'] as const).map((scope) => ({ scope, subject: ticketIdOf(trainId, phase, 1, 1) })),
    ),
  ),
];

const step = fc.record({
  do: fc.constantFrom(
    ...(['place', 'place', 'lift', 'lift', 'pause train', 'resume train', 'start', 'claim', 'claim', 'claim'] as const),
    ...([
      'begin',
      'begin',
      'begin',
      'complete',
      'complete',
      'complete',
      'fail',
      'lose',
      'react',
      'react',
      'again',
    ] as const),
  ),
  nth: fc.nat(997),
  /** What the conductor knows of pauses may be as old as the change before. */
  late: fc.constantFrom(false, false, false, true),
});
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

interface Claim {
  readonly item: Item;
  readonly fence: number;
  /** What it is doing. */
  action: string | undefined;
}
interface Item {
  readonly ticket: Ticket;
  session: Session;
  fence: number;
  state: 'ready' | 'running' | 'done';
  readonly completions: string[];
}
type Reaction = () => void;

/** Trains, tickets and those who work on them, by the rules of the platform, in any order that it allows. */
class World {
  private pauses: Pauses = pauseDecider.initial;
  /** Before the last pause was placed or lifted. */
  private before: Pauses = pauseDecider.initial;
  readonly trains = new Map<TrainId, Train>();
  readonly items = new Map<TicketId, Item>();
  private claims: Claim[] = [];
  /** What has to be reacted to, and what was: it may come again. */
  private waiting: Reaction[] = [];
  private readonly handled: Reaction[] = [];
  private late = false;

  constructor() {
    this.decide({ ...startOf, trainId: TRAINS[0]! });
  }

  take({ do: what, nth, late }: Step): void {
    this.late = late;
    switch (what) {
      case 'place':
        return this.change({ type: 'PlacePause', ...pick(SCOPES, nth)!, ...TOLD, incident: null });
      case 'lift': {
        const standing = SCOPES.filter((scope) => this.pauses.standing.has(pauseKey(scope)));
        const scope = pick(standing, nth);
        return scope && this.change({ type: 'LiftPause', ...scope, ...TOLD });
      }
      case 'pause train':
        return this.decide({ type: 'Pause', trainId: pick(TRAINS, nth)!, ...TOLD });
      case 'resume train':
        return this.decide({ type: 'Resume', trainId: pick(TRAINS, nth)!, by: 'olga' });
      case 'start':
        return this.decide({ ...startOf, trainId: TRAINS[1]! });
      case 'claim':
        return this.claim(
          pick(
            [...this.items.values()].filter(({ state }) => state === 'ready'),
            nth,
          ),
        );
      case 'begin':
        return this.begin(pick(this.claims, nth));
      case 'complete':
        return this.complete(pick(this.claims, nth), nth % 3 === 0);
      case 'fail':
        return this.fail(pick(this.claims, nth));
      case 'lose': {
        // The lease runs out; whoever had it does not know, and goes on.
        const item = pick(this.claims, nth)?.item;
        if (item?.state === 'running') item.state = 'ready';
        return;
      }
      case 'react':
        return this.react(nth);
      case 'again':
        return pick(this.handled, nth)?.();
    }
  }

  /** Lifts every pause, and lets everything be done that can be. */
  finish(): void {
    this.late = false;
    for (const scope of SCOPES) this.change({ type: 'LiftPause', ...scope, ...TOLD });
    for (const trainId of TRAINS) this.decide({ type: 'Resume', trainId, by: 'olga' });
    this.decide({ ...startOf, trainId: TRAINS[1]! });
    for (let round = 0; round < 40 && this.isUnderway(); round += 1) {
      while (this.waiting.length > 0) this.react(0);
      for (const item of this.items.values()) this.claim(item.state === 'ready' ? item : undefined);
      for (const claim of [...this.claims]) this.begin(claim);
      for (const claim of [...this.claims]) this.complete(claim);
      // Whoever lost a lease is followed when it runs out.
      for (const item of this.items.values()) {
        if (item.state === 'running' && !this.claims.some((claim) => claim.item === item)) item.state = 'ready';
      }
    }
  }

  private isUnderway(): boolean {
    return this.waiting.length > 0 || [...this.items.values()].some(({ state }) => state !== 'done');
  }

  private covers({ ticket }: Item): boolean {
    const train = this.trains.get(ticket.trainId)!;
    const own = train.status !== 'unknown' && train.paused;
    return own || [...this.pauses.standing.values()].some((pause) => coversWork(pause, ticket));
  }

  private change(command: PauseCommand): void {
    const [event] = pauseDecider.decide(command, this.pauses);
    if (!event) return;
    this.before = this.pauses;
    this.pauses = pauseDecider.evolve(this.pauses, event);
    if (event.type === 'PausePlaced') return;
    const source = pauseSource(event.data);
    this.waiting.push(() => {
      for (const [trainId, train] of this.trains) {
        if (train.status !== 'unknown' && train.holds.has(source)) this.goOn(trainId, source);
      }
    });
  }

  private goOn(trainId: TrainId, source: string): void {
    this.decide({ type: 'LiftHold', trainId, source, reason: 'lifted' });
  }

  private decide(command: TrainCommand): void {
    const { trainId } = command;
    const train = this.trains.get(trainId) ?? rules.initial;
    const known: readonly Pause[] = [...(this.late ? this.before : this.pauses).standing.values()];
    let events: readonly TrainEvent[];
    try {
      events = rules.decide({ ...command, pauses: known }, train);
    } catch (error) {
      if (error instanceof Rejection) return;
      throw error;
    }
    if (!this.late) this.expectStill(train, events);
    this.trains.set(trainId, events.reduce(rules.evolve, train));
    for (const { type, data } of events) {
      if (type === 'TicketOpened') this.open(data);
      if (type === 'HoldPlaced') this.hear(trainId, data.source);
    }
  }

  /** Under a pause that covers it, a train moves nowhere. */
  private expectStill(train: Train, events: readonly TrainEvent[]): void {
    const moves = events.some(({ type }) => type === 'TicketOpened' || type === 'PhaseCompleted');
    if (!moves) return;
    const wide = ['fleet', 'tenant'].some((key) => this.pauses.standing.has(key));
    const here = train.status === 'working' || train.status === 'held' ? `ticket:${train.ticket.ticketId}` : '';
    const own = train.status !== 'unknown' && train.paused && events.every(({ type }) => type !== 'TrainResumed');
    must(!wide && !own && !this.pauses.standing.has(here), 'a train moved under a pause');
  }

  /** Whoever hears of a hold whose pause is gone lifts it. */
  private hear(trainId: TrainId, source: string): void {
    this.waiting.push(() => {
      const key = pauseOfSource(source);
      if (key !== undefined && !this.pauses.standing.has(key)) this.goOn(trainId, source);
    });
  }

  private open(ticket: Ticket): void {
    must(!this.items.has(ticket.ticketId), 'a ticket was opened twice');
    this.items.set(ticket.ticketId, { ticket, session: UNKNOWN, fence: 0, state: 'ready', completions: [] });
  }

  private react(nth: number): void {
    const reaction = pick(this.waiting, nth);
    if (!reaction) return;
    this.waiting = this.waiting.filter((other) => other !== reaction);
    this.handled.push(reaction);
    reaction();
  }

  private claim(item: Item | undefined): void {
    if (!item || this.covers(item)) return;
    item.fence += 1;
    item.state = 'running';
    const claim = { item, fence: item.fence, action: undefined };
    this.claims.push(claim);
    const { trainId, ticketId, phase, cycle, attempt, agent, mode } = item.ticket;
    const begun = { trainId, ticketId, phase, cycle, attempt, agent, mode, earlierFailures: [], fence: claim.fence };
    if (item.session.status === 'unknown') {
      return this.say(claim, { type: 'StartSession', ...begun, permissions: { deny: [], ask: [], allow: ['lab.*'] } });
    }
    const { version: sourceVersion } = item.session;
    const bundle = { bundle: digestOf('e'), sourceVersion, tokenizer: 'o200k_base', tokens: 1, sourceTokens: 9 };
    this.say(claim, { type: 'ResumeSession', ticketId, bundle, fence: claim.fence });
  }

  /** The next action, unless a pause covers it: then the ticket is handed back. */
  private begin(claim: Claim | undefined): void {
    if (!claim || claim.action !== undefined) return;
    const { item, fence } = claim;
    if (this.covers(item)) return this.letGo(claim, 'ready');
    const { session } = item;
    const next = ACTIONS.find((id) => session.status !== 'unknown' && !session.completed.has(id));
    if (next === undefined) return this.letGo(claim, 'ready');
    claim.action = next;
    this.say(claim, { type: 'StartAction', ticketId: item.ticket.ticketId, action: next, tool: 'lab.work', fence });
  }

  /** What was running ends, pause or not. */
  private complete(claim: Claim | undefined, flawed = false): void {
    const { item, fence, action } = claim ?? {};
    if (!claim || !item || fence === undefined || action === undefined) return;
    const { ticketId, trainId } = item.ticket;
    claim.action = undefined;
    const done = { artifacts: [], facts: {}, usage, result: null, fence };
    this.say(claim, { type: 'CompleteAction', ticketId, action, tool: 'lab.work', ...done });
    const { session } = item;
    if (session.status !== 'open' || !ACTIONS.every((id) => session.completed.has(id))) return;
    this.say(claim, { type: 'SubmitWork', ticketId, required: ACTIONS, outcome: '', fence });
    if (!this.claims.includes(claim)) return;
    this.letGo(claim, 'done');
    // A gate fails once at most: the attempts shall not be used up by chance.
    const checklist = flawed && item.ticket.attempt === 1 ? [] : ACTIONS;
    this.waiting.push(() => this.decide({ ...SUBMITTED, checklist, trainId, ticketId }));
  }

  private fail(claim: Claim | undefined): void {
    const { item, fence, action } = claim ?? {};
    if (!claim || !item || fence === undefined || action === undefined) return;
    // One strike each: the attempts shall not be used up by chance.
    if (triesOf(item.session, action) > 0) return;
    claim.action = undefined;
    const failed = { try: 1, kind: 'transient', reason: 'away', usage, fence } as const;
    this.say(claim, { type: 'FailAction', ticketId: item.ticket.ticketId, action, tool: 'lab.work', ...failed });
  }

  /** A claimant who is told that another one has the ticket says no more. */
  private say(claim: Claim, command: SessionCommand): void {
    const { item } = claim;
    try {
      const events = sessionDecider.decide(command, item.session);
      item.session = events.reduce(sessionDecider.evolve, item.session);
      for (const { type, data } of events) {
        if (type === 'ActionCompleted') item.completions.push(data.action);
        must(!('fence' in data) || data.fence === item.fence, 'an older claim was heard');
        must(type !== 'ActionStarted' || !this.covers(item), 'an action began under a pause');
      }
    } catch (error) {
      if (!(error instanceof Rejection)) throw error;
      this.claims = this.claims.filter((other) => other !== claim);
    }
  }

  private letGo(claim: Claim, state: 'ready' | 'done'): void {
    this.claims = this.claims.filter((other) => other !== claim);
    const { item } = claim;
    if (item.fence === claim.fence) item.state = item.session.status === 'open' ? state : 'done';
  }
}

/** An expectation for each step of each history takes half a minute. */
function must(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new Error(otherwise);
}

const SUBMITTED = workOf('');
const TOLD = { by: 'olga', reason: 'an incident' };
const pick = <Value>(values: readonly Value[], nth: number): Value | undefined => values[nth % values.length];

it(`in ${RUNS} histories nothing begins under a pause, is lost or runs twice, and in the end all is done`, () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 10, maxLength: 40 }), (steps) => {
      const world = new World();
      for (const each of steps) world.take(each);
      world.finish();
      for (const train of world.trains.values()) {
        must(train.status === 'ended' && train.as === 'completed' && train.holds.size === 0, 'a train did not end');
      }
      for (const { completions, session } of world.items.values()) {
        must(session.status === 'submitted' && sameValue(completions, ACTIONS), 'work was lost, or done twice');
      }
    }),
    { numRuns: RUNS },
  );
}, 60_000);
