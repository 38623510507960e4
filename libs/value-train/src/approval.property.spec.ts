import { expect, it } from '@jest/globals';
import { Instant, isOver, Rejection } from '@vt/kernel';
import fc from 'fast-check';
import type { Pipeline } from './pipeline.ts';
import { artifact, digestOf, pipelineWith, start, trainId, work } from './testing/pipelines.ts';
import type { TrainCommand } from './train-commands.ts';
import { nextMoment, trainDecider } from './train.decider.ts';
import type { Train, TrainEvent } from './train.ts';

const HISTORIES = 10_000;
const PEOPLE = ['Ann', 'Bob', 'Cy', 'Di', 'Eve', 'Olga', 'lab'] as const;
const ROLES = ['sponsor', 'reviewer', 'auditor'] as const;
const HOUR_MS = 3_600_000;
const T0 = Date.parse('2026-11-21T08:00:00.000Z');
const moment = (hours: number) => Instant.parse(new Date(T0 + hours * HOUR_MS).toISOString());

const who = fc.constantFrom(...PEOPLE);
const role = fc.constantFrom(...ROLES);
const groups = fc.uniqueArray(
  fc.record({
    role,
    count: fc.integer({ min: 1, max: 3 }),
    expiresAfter: fc.constantFrom(undefined, undefined, '3h'),
    deniedAfter: fc.constantFrom(undefined, undefined, '6h'),
  }),
  { selector: (group) => group.role, minLength: 1, maxLength: 3 },
);
const worlds = fc.record({
  groups,
  inOrder: fc.boolean(),
  /** A task that Bob answers is part of the work. */
  human: fc.boolean(),
  offices: fc.array(fc.record({ role, name: who }), { maxLength: 6 }),
});

const tries = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      try: fc.constantFrom('grant', 'grant', 'grant', 'grant', 'grant', 'refuse', 'revise'),
      role,
      by: who,
      // As a rule somebody who is named for it, or whom they let speak.
      eligible: fc.nat(9),
      standsInFor: fc.constantFrom(undefined, undefined, undefined, undefined, undefined, ...PEOPLE.slice(0, 2)),
      stale: fc.nat(9),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      try: fc.constantFrom('delegate', 'delegate', 'delegate', 'undelegate'),
      role,
      by: who,
      to: fc.constantFrom('Eve', 'Eve', 'Eve', 'Eve', ...PEOPLE),
    }),
  },
  { weight: 2, arbitrary: fc.record({ try: fc.constantFrom('appoint', 'appoint', 'dismiss'), role, by: who }) },
  {
    weight: 3,
    arbitrary: fc.record({ try: fc.constant('judge' as const), letter: fc.constantFrom('a', 'b'), ok: fc.nat(2) }),
  },
  { weight: 2, arbitrary: fc.record({ try: fc.constantFrom('waive', 'force'), by: who, role, terms: fc.nat(6) }) },
  { weight: 3, arbitrary: fc.record({ try: fc.constantFrom('tick', 'sleep'), hours: fc.integer({ min: 1, max: 9 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({ try: fc.constantFrom('hold', 'lift', 'lift', 'pause', 'resume', 'resume', 'unblock') }),
  },
);
type World = typeof worlds extends fc.Arbitrary<infer Value> ? Value : never;
type Try = typeof tries extends fc.Arbitrary<infer Value> ? Value : never;

const pipelineOf = ({ groups, inOrder, human }: World): Pipeline => ({
  ...pipelineWith([
    {
      id: 'release',
      next: 'operation',
      artifacts: [{ path: 'a.md' }],
      actions: human
        ? [{ id: 'work', title: 'Work', tool: 'human' }]
        : [{ id: 'work', title: 'Work', tool: 'lab.work' }],
      approvals: groups.map(({ expiresAfter, deniedAfter, ...group }) => ({
        ...group,
        ...(expiresAfter ? { expiresAfter } : {}),
        ...(deniedAfter ? { deniedAfter } : {}),
      })) as [],
      approvalsInOrder: inOrder,
      exit: [{ id: 'ok', says: 'ok', check: { kind: 'fact', fact: 'ok', op: '==', value: true } }],
    },
    { id: 'operation', next: null, ends: [{ outcome: 'close', as: 'completed' }] },
  ]),
  waivers: { roles: ['sponsor'], never: [] },
});

function commandOf(attempt: Try, train: Train, world: World, now: number): TrainCommand | undefined {
  const riding = train.status === 'unknown' ? undefined : train;
  const phase = riding?.phase ?? 'release';
  switch (attempt.try) {
    case 'judge': {
      if (!riding || !('ticket' in riding)) return undefined;
      const facts = { ok: attempt.ok > 0, ...(world.human ? { 'work.by': 'Bob' } : {}) };
      const artifacts = phase === 'release' ? [artifact('a.md', attempt.letter)] : [];
      const command = work('', { artifacts, facts, outcome: phase === 'operation' ? 'close' : '' });
      return { ...command, ticketId: riding.ticket.ticketId };
    }
    case 'grant':
    case 'refuse':
    case 'revise': {
      const seen = riding?.status === 'held' ? riding.submission.artifacts.map(({ digest }) => digest) : [];
      const { eligible, role } = attempt;
      const named = riding?.approvers.filter((office) => office.role === role).map(({ name }) => name) ?? [];
      const all = riding?.delegations.filter((each) => each.role === role) ?? [];
      const delegated = all[attempt.stale % (all.length || 1)];
      const isDelegate = delegated !== undefined && eligible >= 4 && eligible < 8;
      const by =
        isDelegate || eligible === 8 ? delegated?.to : eligible < 8 ? named[eligible % (named.length || 1)] : undefined;
      const standsInFor = isDelegate ? delegated.from : attempt.standsInFor;
      return {
        type: attempt.try === 'grant' ? 'GrantApproval' : 'RefuseApproval',
        ...{ trainId, phase, role, by: by ?? attempt.by, comment: 'so', simulated: false },
        evidence: attempt.stale === 0 ? [digestOf('f')] : seen,
        standsInFor,
        ...(attempt.try === 'revise' ? { revise: true } : {}),
      };
    }
    case 'delegate':
    case 'undelegate': {
      const { role, to } = attempt;
      const named = riding?.approvers.filter((office) => office.role === role).map(({ name }) => name) ?? [];
      const from = named.includes(attempt.by) ? attempt.by : (named[to.length % (named.length || 1)] ?? attempt.by);
      return attempt.try === 'delegate'
        ? { type: 'DelegateApproval', trainId, role, from, to, until: moment(now + 5), reason: 'away', by: from }
        : { type: 'EndDelegation', trainId, role, from, to, by: from };
    }
    case 'appoint':
    case 'dismiss': {
      const { role, by: name } = attempt;
      return {
        type: attempt.try === 'appoint' ? 'AppointApprover' : 'DismissApprover',
        trainId,
        role,
        name,
        reason: 'so',
        by: 'Olga',
      };
    }
    case 'waive':
    case 'force': {
      const { role, terms } = attempt;
      const named = riding?.approvers.find((office) => office.role === role && office.name !== 'Bob')?.name;
      const by = terms === 4 || named === undefined ? attempt.by : named;
      return {
        type: 'GrantWaiver',
        ...{ trainId, phase: 'release', by, role },
        checks: attempt.try === 'force' ? 'all' : ['criterion:ok'],
        reason: terms === 1 ? '' : 'known',
        owner: terms === 2 ? '' : 'Di',
        until: terms === 3 ? null : moment(now + 4),
      };
    }
    case 'tick':
      return { type: 'Tick', trainId };
    case 'sleep':
      return undefined;
    case 'hold':
      return { type: 'PlaceHold', trainId, source: 'R001', reason: 'risk', phases: [] };
    case 'lift':
      return { type: 'LiftHold', trainId, source: 'R001', reason: 'settled' };
    case 'pause':
    case 'unblock':
      return { type: attempt.try === 'pause' ? 'Pause' : 'Unblock', trainId, by: 'Olga', reason: 'so' };
    case 'resume':
      return { type: 'Resume', trainId, by: 'Olga' };
  }
}

/** What happened, each with the hour at which it was decided. */
interface Happened {
  readonly event: TrainEvent;
  readonly at: Instant;
}

function ride(world: World, attempts: readonly Try[]): Happened[] {
  const pipeline = pipelineOf(world);
  const { initial, decide, evolve } = trainDecider(() => pipeline);
  const history: Happened[] = [];
  let train: Train = initial;
  let now = 0;
  const carryOut = (command: TrainCommand) => {
    const at = moment(now);
    try {
      for (const event of decide({ ...command, at }, train)) {
        history.push({ event, at });
        train = evolve(train, event);
      }
    } catch (error) {
      if (!(error instanceof Rejection)) throw error;
    }
    const next = nextMoment(train, () => pipeline, at);
    if (next !== undefined && isOver(next, at)) throw new Error(`a timer for ${next} at ${at} would never rest`);
  };
  // Enough people for a start; the rest is chance.
  const needed = world.groups.flatMap(({ role, count }) =>
    ['Ann', 'Bob', 'Cy', 'Di'].slice(0, count + 1).map((name) => ({ role, name })),
  );
  const offices = world.offices.filter(({ name }) => name !== 'lab');
  carryOut({ ...start, approvers: [...needed, ...offices] });
  for (const attempt of attempts) {
    now += 'hours' in attempt ? attempt.hours : 0.01;
    const command = commandOf(attempt, train, world, now);
    if (command) carryOut(command);
  }
  return history;
}

const histories = fc.tuple(worlds, fc.array(tries, { minLength: 8, maxLength: 32, size: 'max' }));

/** What a reader of the log knows who has never seen the rules. */
class Reader {
  readonly offices = new Set<string>();
  readonly delegations = new Map<string, string>();
  words: (Extract<TrainEvent, { type: 'ApprovalGranted' }>['data'] & { readonly voice: string })[] = [];
  readonly decided = new Set<string>();
  ended = false;

  read({ type, data }: TrainEvent): void {
    if (type === 'TrainStarted') for (const { role, name } of data.approvers) this.offices.add(`${role} ${name}`);
    if (type === 'ApproverAppointed') this.offices.add(`${data.role} ${data.name}`);
    if (type === 'ApproverDismissed') this.offices.delete(`${data.role} ${data.name}`);
    if (type === 'ApprovalDelegated') this.delegations.set(`${data.role} ${data.from}`, data.to);
    if (type === 'DelegationEnded') this.delegations.delete(`${data.role} ${data.from}`);
    if (type === 'ApprovalGranted') this.words.push({ ...data, voice: data.standsInFor ?? data.by });
    if (type === 'ApprovalBecameStale') {
      const { ticketId, role, by } = data;
      this.words = this.words.filter((word) => word.ticketId !== ticketId || word.role !== role || word.by !== by);
    }
    if (type === 'TrainCompleted') this.ended = true;
  }

  yes = (ticketId: string, role: string) =>
    this.words.filter((word) => word.ticketId === ticketId && word.role === role);
}

/** What is wrong with a history, in words; nothing, if the rules are right. */
function violations(world: World, history: readonly Happened[]): string[] {
  const reader = new Reader();
  const wrong: string[] = [];
  const must = (holds: boolean, what: string) => void (holds || wrong.push(what));
  for (const { event, at } of history) {
    must(!reader.ended, `${event.type} after the end`);
    const { type, data } = event;
    if (type === 'ApprovalGranted') {
      must(data.by !== 'lab' && data.standsInFor !== 'lab', 'an agent approved');
      const spoken = reader.yes(data.ticketId, data.role).flatMap(({ by, voice }) => [by, voice]);
      must(!spoken.includes(data.by) && !spoken.includes(data.standsInFor ?? data.by), 'one person with two voices');
      const place = world.groups.findIndex((group) => group.role === data.role);
      const before = world.inOrder ? world.groups.slice(0, place) : [];
      for (const { role, count } of before) must(reader.yes(data.ticketId, role).length >= count, 'out of order');
    }
    if (type === 'ApprovalDelegated') {
      const ofRole = [...reader.delegations].filter(([key]) => key.startsWith(`${data.role} `));
      must(
        !ofRole.some(([key, to]) => to === data.from || key === `${data.role} ${data.to}`),
        'a chain of delegations',
      );
    }
    if (type === 'WaiverGranted') {
      must(data.reason !== '' && data.owner !== '' && !isOver(data.until, at), 'a waiver without reason, owner or end');
      must(
        data.checks.every((id) => id === 'criterion:ok'),
        `${data.checks.join()} waived`,
      );
      must(
        data.role === 'sponsor' && reader.offices.has(`sponsor ${data.by}`) && data.by !== 'lab',
        'waived by nobody',
      );
      must(!(world.human && data.by === 'Bob'), 'waived by an author');
    }
    if (type === 'GateEvaluated' && data.verdict !== 'held') {
      must(!reader.decided.has(data.ticketId), 'decided twice');
      reader.decided.add(data.ticketId);
    }
    if (type === 'GateEvaluated' && data.verdict === 'passed' && data.phase === 'release') {
      for (const { role, count } of world.groups) {
        const words = reader.yes(data.ticketId, role);
        const people = words.flatMap(({ by, voice }) => [...new Set([by, voice])]);
        must(words.length >= count, `${words.length} of ${count}`);
        must(new Set(people).size === people.length, 'one person with two voices');
        must(!people.some((name) => name === 'lab' || name === 'Olga'), 'an agent, or who started the train');
        must(!(world.human && people.includes('Bob')), 'an author');
        for (const { by, voice, evidence, policy, expiresAt } of words) {
          must(reader.offices.has(`${role} ${voice}`), 'not in the role any more');
          must(by === voice || reader.delegations.get(`${role} ${voice}`) === by, 'not their delegate');
          must(evidence.join() === data.evidence.join() && policy === data.policy.digest, 'for something else');
          must(expiresAt === null || !isOver(expiresAt, at), 'expired');
        }
      }
    }
    reader.read(event);
  }
  return wrong;
}

it(`in ${HISTORIES} histories nobody passes a gate that people have not agreed to, each in their own right`, () => {
  const seen = new Map<string, number>();
  fc.assert(
    fc.property(histories, ([world, attempts]) => {
      const history = ride(world, attempts);
      for (const { event } of history) seen.set(event.type, (seen.get(event.type) ?? 0) + 1);
      expect(violations(world, history)).toEqual([]);
    }),
    { numRuns: HISTORIES, endOnFailure: true },
  );
  // Histories in which nothing of this happens would prove nothing.
  for (const type of [
    ...['ApprovalGranted', 'ApprovalRefused', 'ApprovalBecameStale', 'ApprovalEscalated', 'ApprovalTimedOut'],
    ...['ApproverDismissed', 'ApprovalDelegated', 'DelegationEnded', 'WaiverGranted', 'WaiverEnded', 'PhaseCompleted'],
  ]) {
    expect([type, (seen.get(type) ?? 0) > 20]).toEqual([type, true]);
  }
});
