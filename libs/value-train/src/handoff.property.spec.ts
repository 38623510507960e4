import { expect, it } from '@jest/globals';
import type { Agent } from '@vt/contracts';
import { Rejection, type TicketId } from '@vt/kernel';
import fc from 'fast-check';
import { endOf, offerOf } from './handoff.ts';
import { sameValue } from './same-value.ts';
import type { SessionCommand } from './session-commands.ts';
import { sessionDecider, triesOf } from './session.decider.ts';
import { evolveSession, UNKNOWN, type KnownSession, type SessionEvent } from './session.ts';
import { artifact, digestOf } from './testing/pipelines.ts';
import { start, ticketId, usage } from './testing/small-session.ts';

const ACTIONS = ['fit', 'score'];
type Logs = Map<TicketId, readonly SessionEvent[]>;

const often = ['offer', 'accept', 'their-work', 'return', 'take-in'] as const;
const sometimes = [
  ...(['perform', 'fail', 'resume', 'roll-back', 'submit', 'forge', 'accept-badly', 'their-resume'] as const),
  ...(['their-failure', 'reverse', 'call-off'] as const),
];
const step = fc.record({
  does: fc.oneof(
    { weight: 60, arbitrary: fc.constantFrom(...often) },
    { weight: 14, arbitrary: fc.constantFrom(...sometimes) },
    { weight: 1, arbitrary: fc.constantFrom('abandon', 'cancel') },
  ),
  action: fc.constantFrom(...ACTIONS),
  to: fc.constantFrom<Agent>('studio', 'ops'),
  nth: fc.constantFrom(0, 0, 0, 0, 1, 2),
});
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

const stateOf = (events: readonly SessionEvent[]) => events.reduce(evolveSession, UNKNOWN);

/** What somebody tries next, on the owner's session or on one that was offered; undefined when there is none. */
function commandOf({ does, action, to, nth }: Step, logs: Logs): SessionCommand | undefined {
  const own = stateOf(logs.get(ticketId)!) as KnownSession;
  const tool = 'lab.work';
  const bundle = { bundle: digestOf('e'), sourceVersion: own.version, tokenizer: 'x', tokens: 1, sourceTokens: 9 };
  const done = (by: string) => ({ artifacts: [artifact(`${action}-${by}.md`)], facts: { by }, usage, result: null });
  const offers = logs.get(ticketId)!.flatMap((event) => (event.type === 'HandoffOffered' ? [event.data] : []));
  const given = offers.at(-1 - nth);
  const mine = { ticketId, action, tool, fence: own.fence };
  switch (does) {
    case 'offer':
      return { type: 'OfferHandoff', ...mine, to, needs: [], repeatable: nth > 0, bundle, openedOn: '2026-11-21' };
    case 'perform':
      return { type: 'CompleteAction', ...mine, ...done('lab') };
    case 'fail':
      return {
        ...{ type: 'FailAction', ...mine, try: triesOf(own, action) + 1 },
        kind: 'transient',
        reason: 'x',
        usage,
      };
    case 'resume':
      return { type: 'ResumeSession', ticketId, bundle, fence: own.fence + 1 };
    case 'roll-back':
      return { type: 'RollBack', ticketId, to: Math.max(1, own.version - 1 - nth), reason: 'wrong', by: 'Olga' };
    case 'submit':
      return { type: 'SubmitWork', ticketId, required: ACTIONS, outcome: '', fence: own.fence };
    case 'abandon':
      return { type: 'Abandon', ticketId, reasons: ['lost'], fence: own.fence };
    case 'cancel':
      return { type: 'Cancel', ticketId, reason: 'aborted' };
    default:
  }
  if (given === undefined) return undefined;
  const { handoff } = given;
  const events = logs.get(handoff) ?? [];
  const end = endOf(events);
  const about = { ...mine, action: given.action };
  // The owner's runtime takes in what came back, perhaps late, and perhaps again.
  if (does === 'take-in' && end?.kind === 'returned') {
    const { artifacts, facts, result } = end.completed;
    return { type: 'CompleteAction', ...about, artifacts, facts, usage, result, handoff };
  }
  if (does === 'take-in' && end) {
    const nextTry = triesOf(own, given.action) + 1;
    return { type: 'FailAction', ...about, try: nextTry, kind: 'transient', reason: 'back', usage, handoff };
  }
  if (does === 'forge') return { type: 'CompleteAction', ...about, action, ...done('nobody') };
  const theirs = stateOf(events);
  const fence = theirs.status === 'unknown' ? 1 : theirs.fence;
  const version = theirs.status === 'unknown' ? 1 : theirs.version;
  const self = { ticketId: handoff, action: given.action, tool, fence };
  switch (does) {
    case 'accept':
    case 'accept-badly': {
      const problems = does === 'accept' ? [] : ['it leaves something out'];
      const { type: _, ...terms } = start;
      const offered = { of: ticketId, from: given.from, agent: given.to, bundle: given.bundle, problems };
      return { type: 'AcceptHandoff', ...terms, ...offered, ...self, fence: 1 };
    }
    case 'their-resume':
      return {
        ...{ type: 'ResumeSession', ticketId: handoff },
        bundle: { ...bundle, sourceVersion: version },
        fence: fence + 1,
      };
    case 'their-failure':
      return {
        ...{ type: 'FailAction', ...self, try: triesOf(theirs, given.action) + 1 },
        kind: 'timeout',
        reason: 'y',
        usage,
      };
    case 'their-work':
      return { type: 'CompleteAction', ...self, ...done(given.to) };
    case 'return':
      return { type: 'SubmitWork', ticketId: handoff, required: [given.action], outcome: '', fence };
    case 'reverse':
      return { type: 'Abandon', ticketId: handoff, reasons: ['in vain'], fence };
    default:
      return { type: 'Cancel', ticketId: handoff, reason: 'called off' };
  }
}

function history(steps: readonly Step[]): Logs {
  const { initial, decide } = sessionDecider;
  const logs: Logs = new Map([[ticketId, decide(start, initial)]]);
  for (const each of steps) {
    const command = commandOf(each, logs);
    if (command === undefined) continue;
    const log = logs.get(command.ticketId) ?? [];
    try {
      const events = decide(command, stateOf(log));
      logs.set(command.ticketId, [...log, ...events]);
      expect(decide(command, stateOf([...log, ...events]))).toEqual([]);
    } catch (error) {
      if (!(error instanceof Rejection)) throw error;
    }
  }
  return logs;
}

/** What is wrong with what was handed off, by the logs alone. */
function faultsOf(logs: Logs): string[] {
  const faults: string[] = [];
  const out = new Map<string, TicketId>();
  const ended = new Map<TicketId, number>();
  const done = new Set<string>();
  const end = (handoff: TicketId) => ended.set(handoff, (ended.get(handoff) ?? 0) + 1);
  for (const event of logs.get(ticketId)!) {
    switch (event.type) {
      case 'HandoffOffered': {
        const { action, handoff } = event.data;
        if (out.has(action)) faults.push(`${action} has two performers`);
        if (ended.has(handoff)) faults.push(`${handoff} was given twice`);
        if (done.has(action)) faults.push(`${action} was offered when it was done`);
        ended.set(handoff, 0);
        out.set(action, handoff);
        break;
      }
      case 'HandoffWithdrawn':
        out.delete(event.data.action);
        end(event.data.handoff);
        break;
      case 'ActionStarted':
      case 'ActionCompleted':
      case 'ActionFailed': {
        const { action } = event.data;
        const handoff = 'handoff' in event.data ? event.data.handoff : undefined;
        if (out.get(action) !== handoff) faults.push(`${action} is ${handoff}'s, and out with ${out.get(action)}`);
        if (event.type === 'ActionStarted') break;
        if (handoff) end(handoff);
        out.delete(action);
        if (event.type === 'ActionFailed') break;
        if (done.has(action)) faults.push(`${action} was completed twice`);
        done.add(action);
        faults.push(...(handoff ? differences(event.data, handoff, logs) : []));
        break;
      }
      case 'SessionRolledBack':
        for (const action of event.data.undone) done.delete(action);
        break;
      case 'WorkSubmitted':
      case 'WorkAbandoned':
      case 'SessionCancelled':
        if (out.size > 0) faults.push(`${[...out.keys()].join(', ')} is out at the end`);
        break;
      default:
    }
  }
  for (const [handoff, times] of ended) if (times > 1) faults.push(`${handoff} ended ${times} times`);
  for (const [handoff, events] of logs) {
    if (handoff === ticketId) continue;
    const ends = events.filter(({ type }) => type === 'HandoffReturned' || type === 'HandoffReversed').length;
    if (ends > 1) faults.push(`${handoff} was given back ${ends} times`);
    const strange = events.some((event) => 'action' in event.data && event.data.action !== offerOf(handoff)?.action);
    if (strange) faults.push(`${handoff} is about something else`);
  }
  return faults;
}

/** In what the owner recorded and what whoever did it recorded do not agree. */
function differences(
  { agent, artifacts, facts }: Extract<SessionEvent, { type: 'ActionCompleted' }>['data'],
  handoff: TicketId,
  logs: Logs,
): string[] {
  const back = endOf(logs.get(handoff) ?? []);
  if (back?.kind !== 'returned') return [`${handoff} never returned`];
  const theirs = back.completed;
  return theirs.agent === agent && sameValue([theirs.artifacts, theirs.facts], [artifacts, facts])
    ? []
    : [`${handoff} returned something else`];
}

const histories = fc.array(step, { minLength: 10, maxLength: 80 }).map(history);

it('an action has one performer at a time, and is completed once, as whoever did it said', () => {
  const seen = { returned: 0, failed: 0, withdrawn: 0, late: 0 };
  fc.assert(
    fc.property(histories, (logs) => {
      expect(faultsOf(logs)).toEqual([]);
      const own = logs.get(ticketId)!;
      const taken = new Set(own.flatMap(({ data }) => ('handoff' in data ? [data.handoff] : [])));
      seen.returned += own.filter(({ type, data }) => type === 'ActionCompleted' && data.handoff).length;
      seen.failed += own.filter(({ type, data }) => type === 'ActionFailed' && data.handoff).length;
      seen.withdrawn += own.filter(({ type }) => type === 'HandoffWithdrawn').length;
      seen.late += [...logs].filter(([id, events]) => taken.has(id) && endOf(events)?.kind === 'returned').length;
    }),
    { numRuns: 2_000 },
  );
  // Otherwise nothing was shown.
  for (const times of Object.values(seen)) expect(times).toBeGreaterThan(20);
});

it('an offer is over when its session is, and what comes back after that has no effect', () => {
  fc.assert(
    fc.property(histories, (logs) => {
      const own = stateOf(logs.get(ticketId)!) as KnownSession;
      if (own.status !== 'open') expect(own.handoffs.size).toBe(0);
    }),
    { numRuns: 500 },
  );
});

/** Faults that logs could have if the rules did not hold; each answers whether there was a place for it. */
const FAULTS: Readonly<Record<string, (logs: Logs) => boolean>> = {
  'completed twice': (logs) => repeat(logs, 'ActionCompleted'),
  'offered twice': (logs) => repeat(logs, 'HandoffOffered'),
  'returned twice': (logs) => {
    const [id, events] = [...logs].find(([, all]) => endOf(all)?.kind === 'returned') ?? [];
    return id !== undefined && !!logs.set(id, [...events!, events!.at(-1)!]);
  },
  'never called back': (logs) => drop(logs, 'HandoffWithdrawn'),
  'done by whoever had given it away': (logs) =>
    change(logs, 'ActionCompleted', ({ data: { handoff, ...data }, ...event }) => handoff && { ...event, data }),
  'taken in as somebody else said': (logs) =>
    change(logs, 'ActionCompleted', (event) => event.data.handoff && { ...event, data: { ...event.data, facts: {} } }),
  'taken in and never returned': (logs) => {
    const taken = logs.get(ticketId)!.find(({ type, data }) => type === 'ActionCompleted' && data.handoff);
    return taken?.type === 'ActionCompleted' && !!logs.set(taken.data.handoff!, []);
  },
};

const own = (logs: Logs, events: readonly SessionEvent[]) => !!logs.set(ticketId, events);
function repeat(logs: Logs, type: SessionEvent['type']): boolean {
  const events = logs.get(ticketId)!;
  const place = events.findIndex((event) => event.type === type && 'handoff' in event.data);
  return place !== -1 && own(logs, events.toSpliced(place, 0, events[place]!));
}
function drop(logs: Logs, type: SessionEvent['type']): boolean {
  const events = logs.get(ticketId)!;
  const place = events.findIndex((event) => event.type === type);
  return (
    place !== -1 &&
    events.at(-1)!.type !== 'HandoffWithdrawn' &&
    isLast(events, place) &&
    own(logs, events.toSpliced(place, 1))
  );
}
/** Whether a session ends with what is called back there: nothing after it could settle the offer. */
const isLast = (events: readonly SessionEvent[], place: number) =>
  events.slice(place).every(({ type }) => ['HandoffWithdrawn', 'WorkAbandoned', 'SessionCancelled'].includes(type));
function change(
  logs: Logs,
  type: 'ActionCompleted',
  to: (event: Extract<SessionEvent, { type: 'ActionCompleted' }>) => unknown,
): boolean {
  const events = logs.get(ticketId)!;
  const place = events.findIndex((event) => event.type === type && to(event));
  const event = events[place];
  // Made of an event of this type.
  return event?.type === type && own(logs, events.with(place, to(event) as SessionEvent));
}

it.each(Object.entries(FAULTS))('is found out when it is %s', (_, plant) => {
  let planted = 0;
  for (const logs of fc.sample(histories, { numRuns: 1_000, seed: 42 })) {
    if (!plant(logs)) continue;
    planted += 1;
    expect(faultsOf(logs)).not.toEqual([]);
  }
  expect(planted).toBeGreaterThan(10);
});
