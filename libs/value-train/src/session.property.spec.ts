import { expect, it } from '@jest/globals';
import { Rejection } from '@vt/kernel';
import fc from 'fast-check';
import type { SessionCommand } from './session-commands.ts';
import { sessionDecider, strikes, STRIKES_MAX, triesOf } from './session.decider.ts';
import type { KnownSession, Session } from './session.ts';
import { artifact, digestOf } from './testing/pipelines.ts';
import { start, ticketId, usage } from './testing/small-session.ts';

const ACTIONS = ['fit', 'score', 'constructor'];

const tries = fc.record({
  type: fc.constantFrom(
    ...(['StartSession', 'ResumeSession', 'StartAction', 'CompleteAction', 'CompleteAction', 'FailAction'] as const),
    ...(['FailAction', 'RefuseTool', 'GrantTool', 'SubmitWork', 'Abandon', 'Cancel'] as const),
    ...(['PauseSession', 'RollBack', 'Archive'] as const),
  ),
  action: fc.constantFrom(...ACTIONS),
  tool: fc.constantFrom('lab.work', 'lab.work', 'ops.deploy'),
  kind: fc.constantFrom('transient', 'timeout', 'unknown', 'cancelled', 'permanent', 'unavailable'),
  letter: fc.constantFrom('a', 'b'),
  /** How far back a rollback goes, and how much a bundle leaves out. */
  back: fc.constantFrom(0, 0, 1, 2, 5),
  /** How far the claimant is behind the newest fence. */
  behind: fc.constantFrom(0, 0, 0, 1),
});
type Try = typeof tries extends fc.Arbitrary<infer Value> ? Value : never;

function commandOf({ type, action, tool, kind, letter, back, behind }: Try, session: Session): SessionCommand {
  const fence = (session.status === 'unknown' ? 1 : session.fence) - behind;
  const version = session.status === 'unknown' ? 0 : session.version;
  const sourceVersion = version - back;
  const ref = { bundle: digestOf('e'), sourceVersion, tokenizer: 'o200k_base', tokens: 1, sourceTokens: 9 };
  switch (type) {
    case 'StartSession':
      return start;
    case 'ResumeSession':
      return { type, ticketId, bundle: ref, fence: fence + 1 };
    case 'PauseSession':
      return { type, ticketId, reason: 'paused', bundle: ref, fence };
    case 'RollBack':
      return { type, ticketId, to: version - 1 - back, reason: 'wrong', by: 'Olga' };
    case 'StartAction':
      return { type, ticketId, action, tool, fence };
    case 'CompleteAction': {
      const artifacts = [artifact(`${action}.md`, letter)];
      return { type, ticketId, action, tool, artifacts, facts: {}, usage, result: null, fence };
    }
    case 'FailAction':
      return { type, ticketId, action, tool, try: triesOf(session, action) + 1, kind, reason: letter, usage, fence };
    case 'RefuseTool':
      return {
        type,
        ticketId,
        action,
        tool,
        call: letter,
        rule: 'default',
        reason: 'no',
        required: behind === 0,
        fence,
      };
    case 'GrantTool':
      return { type, ticketId, action, tool, call: letter, rule: 'ops.*', by: 'ada', fence };
    case 'SubmitWork':
      return { type, ticketId, required: ACTIONS, outcome: '', fence };
    case 'Abandon':
      return { type, ticketId, reasons: ['lost'], fence };
    case 'Cancel':
      return { type, ticketId, reason: 'aborted' };
    case 'Archive':
      return { type, ticketId, bundle: ref, laws: { 'extract-learnings': 'off', improve: 'off' } };
  }
}

/** Every state that a session goes through, whatever is tried; what is repeated adds nothing. */
function statesOf(attempts: readonly Try[]): Session[] {
  const { initial, decide, evolve } = sessionDecider;
  const states = [decide(start, initial).reduce(evolve, initial)];
  for (const attempt of attempts) {
    const session = states.at(-1)!;
    const command = commandOf(attempt, session);
    try {
      const next = decide(command, session).reduce(evolve, session);
      expect(decide(command, next)).toEqual([]);
      states.push(next);
    } catch (error) {
      if (!(error instanceof Rejection)) throw error;
    }
  }
  return states;
}

const always = (holds: (before: Exclude<Session, { status: 'unknown' }>, after: typeof before) => void) =>
  fc.assert(
    fc.property(fc.array(tries, { minLength: 5, maxLength: 60 }), (attempts) => {
      const states = statesOf(attempts);
      states.slice(1).forEach((after, index) => {
        const before = states[index]!;
        if (before.status === 'unknown' || after.status === 'unknown') throw new Error('a session was forgotten');
        holds(before, after);
      });
    }),
    { numRuns: 300 },
  );

const isRolledBack = ({ trail }: KnownSession) => trail?.event.type === 'SessionRolledBack';

it('the checklist only grows, unless it is rolled back, and what is on it stays as it was', () =>
  always((before, after) => {
    if (after.version === before.version || isRolledBack(after)) return;
    for (const [action, done] of before.completed) expect(after.completed.get(action)).toEqual(done);
  }));

it('a session that is over is frozen, but for its being archived', () =>
  always((before, after) => {
    const { status } = before;
    if (status === 'archived' || (status !== 'open' && after.status !== 'archived')) expect(after).toEqual(before);
    if (after.status === 'archived') expect(status).not.toBe('open');
  }));

it('work is submitted only when the checklist is worked through', () =>
  always((_, after) => {
    if (after.status === 'submitted') expect(new Set(after.completed.keys())).toEqual(new Set(ACTIONS));
  }));

it('no work is submitted with a tool refused that a required action needs', () =>
  always((_, after) => {
    if (after.status !== 'submitted') return;
    expect([...after.refused.values()].filter(({ required }) => required)).toEqual([]);
  }));

it('what failed the same way three times in a row is not tried again', () =>
  always((_, after) => {
    for (const action of ACTIONS) {
      const own = after.signatures.filter((failure) => failure.action === action).map(({ signature }) => signature);
      const inRow = own.length >= 3 && new Set(own.slice(-3)).size === 1;
      if (inRow) expect(after.spirals.has(action)).toBe(true);
      if (after.spirals.has(action)) expect(after.completed.has(action)).toBe(false);
    }
  }));

it('a fence never goes back, and no action gets more than its strikes', () =>
  always((before, after) => {
    expect(after.fence).toBeGreaterThanOrEqual(before.fence);
    for (const action of ACTIONS) expect(strikes(after, action)).toBeLessThanOrEqual(STRIKES_MAX);
  }));

it('a rollback makes everything that rules go by what it was, except that fences, versions and the log go on', () => {
  let rollbacks = 0;
  fc.assert(
    fc.property(fc.array(tries, { minLength: 5, maxLength: 60 }), (attempts) => {
      const states = statesOf(attempts) as KnownSession[];
      const byVersion = new Map(states.map((state) => [state.version, state]));
      for (const after of states) {
        const event = after.trail?.event;
        if (event?.type !== 'SessionRolledBack') continue;
        const then = byVersion.get(event.data.to);
        // Two events may have come of one command.
        if (then === undefined) continue;
        rollbacks += 1;
        const { fence, version, trail } = after;
        expect(after).toEqual({ ...then, fence, version, trail, held: false, bundle: undefined });
      }
    }),
    { numRuns: 1_000 },
  );
  expect(rollbacks).toBeGreaterThan(100);
});

it('nobody goes on without a bundle of everything that happened', () =>
  always((before, after) => {
    if (after.fence === before.fence) return;
    const { event, before: earlier } = after.trail!;
    expect(event).toMatchObject({ type: 'SessionResumed', data: { bundle: digestOf('e') } });
    const saved = earlier?.event.type === 'SessionPaused' ? earlier.before?.event : earlier?.event;
    expect(saved).toMatchObject({ type: 'BundleSaved', data: { bundle: digestOf('e') } });
  }));
