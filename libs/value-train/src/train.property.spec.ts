import { expect, it } from '@jest/globals';
import type { EventOf } from '@vt/contracts';
import { Rejection } from '@vt/kernel';
import fc from 'fast-check';
import { evidenceOf } from './gate.ts';
import { phaseOf, type Pipeline } from './pipeline.ts';
import { artifact, digestOf, pipelineWith, start, trainId, work } from './testing/pipelines.ts';
import type { TrainCommand } from './train-commands.ts';
import { trainDecider } from './train.decider.ts';
import { ticketIdOf, type Train, type TrainEvent } from './train.ts';

const PHASES = ['triage', 'training', 'validation', 'deployment', 'operation', 'improvement'] as const;
const OUTCOMES = ['', 'back', 'jump', 'retrain', 'close', 'elsewhere'] as const;
const phases = fc.constantFrom(...PHASES);

const needs = (phase: string) => [
  { id: phase, says: `${phase} is done`, check: { kind: 'completed' as const, phase } },
];

/** Six phases in a row, with loops from anywhere to anywhere, approvals, artifacts and criteria where chance has them. */
const pipelines: fc.Arbitrary<Pipeline> = fc
  .tuple(
    fc.array(
      fc.record({
        back: phases,
        jump: phases,
        // The loader refuses a lap that begins behind validation.
        retrain: fc.constantFrom('triage', 'training', 'validation'),
        roles: fc.subarray(['release-manager', 'sponsor']),
        file: fc.boolean(),
        fact: fc.boolean(),
      }),
      { minLength: PHASES.length, maxLength: PHASES.length },
    ),
    fc.integer({ min: 1, max: 3 }),
  )
  .map(([rows, attemptsMax]) =>
    pipelineWith(
      rows.map(({ back, jump, retrain, roles, file, fact }, place) => {
        const id = PHASES[place]!;
        return {
          id,
          next: PHASES[place + 1] ?? null,
          entry: id === 'deployment' ? needs('validation') : id === 'operation' ? needs('deployment') : [],
          approvals: roles.map((role) => ({ role })),
          artifacts: file ? [{ path: `${id}.md` }] : [],
          exit: fact
            ? [{ id: 'ok', says: 'ok', check: { kind: 'fact' as const, fact: 'ok', op: '==', value: true } }]
            : [],
          loops: [
            { outcome: 'back', to: back },
            { outcome: 'jump', to: jump },
            { outcome: 'retrain', to: retrain, retraining: true },
          ],
          ends: [{ outcome: 'close', as: 'completed' as const }],
        };
      }),
      attemptsMax,
    ),
  );

/** What somebody tries; which ticket, gate or evidence it means follows from where the train stands. */
const tries = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      try: fc.constant('judge' as const),
      outcome: fc.oneof(
        { weight: 6, arbitrary: fc.constant('' as const) },
        { weight: 4, arbitrary: fc.constantFrom(...OUTCOMES) },
      ),
      flaw: fc.oneof(
        { weight: 8, arbitrary: fc.constant('none' as const) },
        {
          weight: 3,
          arbitrary: fc.constantFrom('no file', 'not inspected', 'no fact', 'open action', 'old ticket', 'no ticket'),
        },
      ),
      letter: fc.constantFrom('a', 'b'),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      try: fc.constantFrom('grant', 'grant', 'grant', 'refuse'),
      role: fc.constantFrom('release-manager', 'sponsor'),
      by: fc.constantFrom('Rita', 'Sam', 'lab', 'named', 'named', 'named'),
      stale: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      try: fc.constantFrom('hold', 'lift', 'lift'),
      source: fc.constantFrom('R001', 'R007', 'budget'),
      phases: fc.subarray([...PHASES]),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ try: fc.constantFrom('abandon', 'pause', 'resume', 'resume', 'unblock', 'start') }),
  },
  { weight: 1, arbitrary: fc.record({ try: fc.constantFrom('abort', 'resume', 'lift all') }) },
);
type Try = typeof tries extends fc.Arbitrary<infer Value> ? Value : never;

function commandOf(attempt: Try, train: Train, pipeline: Pipeline): TrainCommand {
  const ticket = 'ticket' in train ? train.ticket : undefined;
  const phase = 'phase' in train && train.phase ? train.phase : 'triage';
  const ticketId = ticket?.ticketId ?? ticketIdOf(trainId, phase, 1, 1);
  const by = 'Olga';
  switch (attempt.try) {
    case 'judge': {
      const { outcome, flaw, letter } = attempt;
      const files = phaseOf(pipeline, phase)?.artifacts ?? [];
      const artifacts = flaw === 'no file' ? [] : files.map(({ path }) => artifact(path, letter));
      const command = work('', {
        artifacts,
        outcome,
        facts: flaw === 'no fact' ? {} : { ok: true },
        checklist: flaw === 'open action' ? [] : ['work'],
      });
      return {
        ...command,
        checks: flaw === 'not inspected' ? [] : command.checks,
        ticketId:
          flaw === 'old ticket'
            ? ticketIdOf(trainId, 'triage', 1, 1)
            : flaw === 'no ticket'
              ? ticketIdOf(trainId, phase, 99, 1)
              : ticketId,
      };
    }
    case 'grant':
    case 'refuse': {
      const { role, by, stale } = attempt;
      const evidence = 'submission' in train ? evidenceOf(train.submission) : [];
      const named = start.approvers.find((approver) => approver.role === role)!.name;
      return {
        type: attempt.try === 'grant' ? 'GrantApproval' : 'RefuseApproval',
        trainId,
        phase,
        role,
        by: by === 'named' ? named : by,
        evidence: stale ? [digestOf('f')] : evidence,
        comment: 'because',
        simulated: false,
      };
    }
    case 'hold':
      return { type: 'PlaceHold', trainId, source: attempt.source, reason: 'risk', phases: attempt.phases };
    case 'lift':
      return { type: 'LiftHold', trainId, source: attempt.source, reason: 'settled' };
    case 'lift all':
      return { type: 'LiftHold', trainId, source: 'R001', reason: 'settled' };
    case 'abandon':
      return { type: 'AcceptAbandonment', trainId, ticketId, reasons: ['lost'] };
    case 'resume':
      return { type: 'Resume', trainId, by };
    case 'pause':
      return { type: 'Pause', trainId, by, reason: 'rest' };
    case 'unblock':
      return { type: 'Unblock', trainId, by, reason: 'mended' };
    case 'abort':
      return { type: 'Abort', trainId, by, reason: 'over' };
    case 'start':
      return start;
  }
}

/** Whatever is tried, in order; what is refused leaves no trace, and what is repeated adds nothing. */
function ride(pipeline: Pipeline, attempts: readonly Try[]): TrainEvent[] {
  const { initial, decide, evolve } = trainDecider(() => pipeline);
  const events = [...decide(start, initial)];
  let train = events.reduce(evolve, initial);
  for (const attempt of attempts) {
    const command = commandOf(attempt, train, pipeline);
    try {
      const decision = decide(command, train);
      train = decision.reduce(evolve, train);
      expect(decide(command, train)).toEqual([]);
      events.push(...decision);
    } catch (error) {
      if (!(error instanceof Rejection)) throw error;
    }
  }
  return events;
}

const of = <Type extends TrainEvent['type']>(events: readonly TrainEvent[], type: Type): EventOf<Type>['data'][] =>
  // The filter picks the member of the union that the type names, which the compiler cannot follow.
  events.filter((event) => event.type === type).map((event) => event.data as EventOf<Type>['data']);

const always = (holds: (events: readonly TrainEvent[], pipeline: Pipeline) => void) =>
  fc.assert(
    fc.property(pipelines, fc.array(tries, { minLength: 20, maxLength: 120 }), (pipeline, attempts) =>
      holds(ride(pipeline, attempts), pipeline),
    ),
    { numRuns: 150 },
  );

it('no phase is left without its gate, passed with every check met', () =>
  always((events) => {
    events.forEach((event, index) => {
      const before = events[index - 1];
      if (event.type === 'PhaseCompleted') {
        const { ticketId } = event.data;
        expect(before).toMatchObject({ type: 'GateEvaluated', data: { ticketId, verdict: 'passed' } });
        if (before?.type !== 'GateEvaluated') return;
        expect(before.data.checks.every(({ outcome }) => outcome === 'met')).toBe(true);
      }
      if (event.type === 'PhaseEntered' && index > 1)
        expect(['PhaseCompleted', 'CycleStarted']).toContain(before?.type);
      if (event.type === 'CycleStarted') expect(before?.type).toBe('PhaseCompleted');
    });
  }));

it('nothing is handed out while the budget is exhausted', () =>
  always((events) => {
    let exhausted = false;
    for (const { type, data } of events) {
      if (type === 'HoldPlaced' || type === 'HoldLifted') {
        if (data.source === 'budget') exhausted = type === 'HoldPlaced';
      }
      expect(exhausted && (type === 'TicketOpened' || type === 'TrainResumed')).toBe(false);
    }
  }));

it('nothing happens after the end', () =>
  always((events) => {
    const end = events.findIndex(({ type }) => ['TrainCompleted', 'TrainArchived', 'TrainAborted'].includes(type));
    if (end >= 0) expect(events).toHaveLength(end + 1);
  }));

it('a ticket is opened once, decided at most once, and frozen after that', () =>
  always((events) => {
    const opened = of(events, 'TicketOpened').map(({ ticketId }) => ticketId);
    expect(new Set(opened).size).toBe(opened.length);
    const decided = events.flatMap((event, index) =>
      event.type === 'GateEvaluated' && event.data.verdict !== 'held' ? [{ index, ticketId: event.data.ticketId }] : [],
    );
    expect(new Set(decided.map(({ ticketId }) => ticketId)).size).toBe(decided.length);
    for (const { index, ticketId } of decided) {
      const later = events.slice(index + 1).filter(({ data }) => 'ticketId' in data && data.ticketId === ticketId);
      expect(later.filter(({ type }) => type !== 'PhaseCompleted')).toEqual([]);
    }
  }));

it('one ticket is open at a time, and none is opened while the train is paused', () =>
  always((events) => {
    let open = 0;
    let paused = false;
    for (const event of events) {
      if (event.type === 'TrainPaused') paused = true;
      if (event.type === 'TrainResumed') paused = false;
      if (event.type === 'GateEvaluated' && event.data.verdict !== 'held') open -= 1;
      // The ticket of a gate that nobody could judge is given up.
      if (event.type === 'TrainUnblocked') open = 0;
      if (event.type === 'TicketOpened') {
        open += 1;
        expect(paused).toBe(false);
      }
      expect(open === 0 || open === 1).toBe(true);
    }
  }));

it('a phase is blocked after as many failed attempts as the pipeline allows, and not before', () =>
  always((events, { attemptsMax }) => {
    let failures = 0;
    let forgiven = false;
    events.forEach((event, index) => {
      if (event.type === 'PhaseEntered') failures = 0;
      if (event.type === 'TrainUnblocked') forgiven = true;
      if (event.type === 'GateEvaluated' && event.data.verdict === 'failed') {
        failures += 1;
        expect(events[index + 1]?.type === 'TrainBlocked').toBe(failures >= attemptsMax);
      }
      if (event.type !== 'TicketOpened') return;
      // Only an operator's word gives one more.
      if (failures >= attemptsMax) expect(forgiven).toBe(true);
      forgiven = false;
    });
  }));

it('what needs approval passes only with a fresh one of each role, by the person who is named for it', () =>
  always((events, pipeline) => {
    for (const gate of of(events, 'GateEvaluated').filter(({ verdict }) => verdict === 'passed')) {
      for (const { role } of phaseOf(pipeline, gate.phase)!.approvals) {
        const named = start.approvers.find((approver) => approver.role === role)!.name;
        expect(of(events, 'ApprovalGranted')).toContainEqual(
          expect.objectContaining({ ticketId: gate.ticketId, role, by: named, evidence: gate.evidence }),
        );
      }
      expect(of(events, 'ApprovalRefused').filter(({ ticketId }) => ticketId === gate.ticketId)).toEqual([]);
    }
    for (const { by } of of(events, 'ApprovalGranted')) expect(by).not.toBe('lab');
  }));

it('no gate passes under a hold', () =>
  always((events) => {
    const holds = new Map<string, readonly string[]>();
    for (const { type, data } of events) {
      if (type === 'HoldPlaced') holds.set(data.source, data.phases);
      if (type === 'HoldLifted') holds.delete(data.source);
      if (type !== 'GateEvaluated' || data.verdict !== 'passed') continue;
      const held = [...holds.values()].filter((phases) => phases.length === 0 || phases.includes(data.phase));
      expect(held).toEqual([]);
    }
  }));

it('no lap reaches operation without validation and deployment of its own', () =>
  always((events) => {
    for (const { cycle } of of(events, 'CycleStarted')) {
      const lap = events.filter(({ data }) => 'cycle' in data && data.cycle === cycle);
      const arrival = lap.findIndex((event) => event.type === 'PhaseEntered' && event.data.phase === 'operation');
      if (arrival < 0) continue;
      const completed = of(lap.slice(0, arrival), 'PhaseCompleted').map(({ phase }) => phase);
      expect(completed).toContain('validation');
      expect(completed.slice(completed.indexOf('validation'))).toContain('deployment');
    }
  }));

it('the rides are worth looking at: they end, block, wait for people and go round', () => {
  const types = fc
    .sample(fc.tuple(pipelines, fc.array(tries, { minLength: 20, maxLength: 120 })), { numRuns: 150, seed: 20 })
    .flatMap(([pipeline, attempts]) => ride(pipeline, attempts))
    .map(({ type }) => type);
  expect(new Set(types)).toEqual(
    new Set([
      ...['TrainStarted', 'PhaseEntered', 'TicketOpened', 'GateEvaluated', 'PhaseCompleted', 'CycleStarted'],
      ...['ApprovalRequested', 'ApprovalGranted', 'ApprovalRefused', 'ApprovalBecameStale'],
      ...['HoldPlaced', 'HoldLifted'],
      ...['TrainBlocked', 'TrainUnblocked', 'TrainPaused', 'TrainResumed', 'TrainAborted', 'TrainCompleted'],
    ]),
  );
});
