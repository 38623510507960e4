import { expect, it, jest } from '@jest/globals';
import type { Check, EventOf } from '@vt/contracts';
import { Instant, Rejection, TenantId, type CommandId, type Recorded } from '@vt/kernel';
import fc from 'fast-check';
import type { EvaluateRule, Observed } from './criteria.ts';
import { replayGates } from './gate-replay.ts';
import { evidenceOf } from './gate.ts';
import { phaseOf, type Pipeline, type Test } from './pipeline.ts';
import { artifact, digestOf, pipelineWith, start, trainId, work } from './testing/pipelines.ts';
import type { TrainCommand } from './train-commands.ts';
import { trainDecider } from './train.decider.ts';
import type { Train, TrainEvent } from './train.ts';

// So many that they are ridden where nobody counts branches, which takes five times as long.
const HISTORIES = 10_000;
jest.setTimeout(120_000);

/** Whoever builds, checks and ships is another agent; what fails goes back, and a lap goes round. */
const PHASES = [
  { id: 'build', owner: 'lab', next: 'check' },
  { id: 'check', owner: 'evaluator', next: 'ship' },
  { id: 'ship', owner: 'ops', next: null },
] as const;

const singles = fc.oneof(
  fc.constantFrom<Test>(
    { kind: 'fact', fact: 'good', op: '==', value: true },
    { kind: 'rule', rule: 'good' },
    { kind: 'rule', rule: 'throws' },
    { kind: 'completed', phase: 'build' },
    { kind: 'evidence', phase: 'check', fact: 'good', op: '==', value: true },
    { kind: 'evidence', phase: 'build', fact: 'good', op: '!=', value: false },
    { kind: 'fresh', phase: 'check', after: 'build' },
    { kind: 'external', verifier: 'ci' },
  ),
  fc.constantFrom<Test>(
    { kind: 'risks', below: 8 },
    { kind: 'budget', share: 0.8 },
    { kind: 'fact', fact: 'good', op: '==', value: true },
  ),
);
const tests: fc.Arbitrary<Test> = fc.oneof(
  { weight: 6, arbitrary: singles },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom('all', 'any'),
      of: fc.array(singles, { minLength: 1, maxLength: 3 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('at-least' as const),
      count: fc.constantFrom(1, 2),
      of: fc.array(singles, { minLength: 2, maxLength: 3 }),
    }),
  },
);
const criteria = fc
  .array(
    fc.record({
      check: tests,
      onFail: fc.constantFrom('block', 'block', 'hold', 'warn'),
      shadow: fc.constantFrom(false, false, false, true),
    }),
    { maxLength: 2 },
  )
  .map((rows) => rows.map((row, index) => ({ id: `c${index}`, says: 'It holds.', ...row })));

const pipelines: fc.Arbitrary<Pipeline> = fc
  .array(
    fc.record({ entry: criteria, exit: criteria, file: fc.boolean(), asks: fc.constantFrom(false, false, true) }),
    {
      minLength: 3,
      maxLength: 3,
    },
  )
  .map((rows) =>
    pipelineWith(
      rows.map(({ entry, exit, file, asks }, place) => ({
        ...PHASES[place]!,
        // Who enters the first phase has passed no gate.
        entry: place === 0 ? [] : entry.map((criterion) => ({ ...criterion, id: `e${criterion.id}` })),
        exit,
        artifacts: file ? [{ path: 'model.tgz' }] : [],
        approvals: asks ? [{ role: 'sponsor' }] : [],
        loops: [{ outcome: 'back', to: 'build' }],
        ends: [{ outcome: 'close', as: 'completed' as const }],
      })),
    ),
  );

const observations: fc.Arbitrary<Observed> = fc
  .tuple(
    fc.constantFrom(2, 9),
    fc.constantFrom(true, false),
    fc.constantFrom(0.1, 0.1, 0.9, null),
    fc.constantFrom(0, 0, 1),
  )
  .map(([score, accepted, share, unpriced]) => ({
    risks: [{ riskId: 'R1', score, phases: [], accepted }],
    spend: { spent: null, budget: null, share, unpriced },
  }));

const steps = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.record({
      try: fc.constant('judge' as const),
      good: fc.constantFrom(true, true, true, false, undefined),
      flaw: fc.constantFrom('', '', '', '', 'no file', 'not inspected', 'open action'),
      outcome: fc.constantFrom('', '', '', 'back', 'close'),
      observed: observations,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      try: fc.constant('verdict' as const),
      outcome: fc.constantFrom('pass', 'pass', 'fail'),
      stale: fc.constantFrom(false, false, true),
      signature: fc.nat(1_000_000),
    }),
  },
  { weight: 3, arbitrary: fc.record({ try: fc.constant('observe' as const), observed: observations }) },
  {
    weight: 3,
    arbitrary: fc.record({ try: fc.constantFrom('unblock', 'approve', 'approve', 'abandon', 'hold', 'lift') }),
  },
);
type Step = typeof steps extends fc.Arbitrary<infer Value> ? Value : never;

const evaluateRule: EvaluateRule = (rule, { facts }) => {
  if (rule === 'throws') throw new Error('it broke');
  return facts['good'] === undefined ? 'inconclusive' : facts['good'] === true ? 'met' : 'unmet';
};

function commandOf(step: Step, train: Train, pipeline: Pipeline): TrainCommand {
  const ticket = 'ticket' in train ? train.ticket : undefined;
  const ticketId = ticket?.ticketId ?? work('build_1_1').ticketId;
  const phase = ticket?.phase ?? 'build';
  const evidence = 'submission' in train ? evidenceOf(train.submission) : [];
  switch (step.try) {
    case 'judge': {
      const artifacts =
        step.flaw === 'no file' ? [] : (phaseOf(pipeline, phase)?.artifacts ?? []).map(({ path }) => artifact(path));
      const { good, outcome, observed } = step;
      const command = work('', { artifacts, outcome, observed, facts: good === undefined ? {} : { good } });
      const checklist = step.flaw === 'open action' ? [] : command.checklist;
      return { ...command, ticketId, checklist, checks: step.flaw === 'not inspected' ? [] : command.checks };
    }
    case 'verdict': {
      const { cycle = 1, attempt = 1 } = ticket ?? {};
      const seen = step.stale ? [digestOf('f')] : evidence;
      const said = { phase, cycle, attempt, verifier: 'ci', outcome: step.outcome, reason: '' };
      return { type: 'ReportVerdict', trainId, ...said, evidence: seen, signature: `s${step.signature}` };
    }
    case 'observe':
      return { type: 'Observe', trainId, observed: step.observed };
    case 'unblock':
      return { type: 'Unblock', trainId, by: 'Olga', reason: 'again' };
    case 'approve':
      return {
        type: 'GrantApproval',
        trainId,
        phase,
        role: 'sponsor',
        by: 'Sam',
        evidence,
        comment: '',
        simulated: true,
      };
    case 'abandon':
      return { type: 'AcceptAbandonment', trainId, ticketId, reasons: ['lost'] };
    case 'hold':
      return { type: 'PlaceHold', trainId, source: 'R1', reason: 'risk', phases: [] };
    case 'lift':
      return { type: 'LiftHold', trainId, source: 'R1', reason: 'settled' };
  }
}

type Decision = EventOf<'GateEvaluated'>['data'];
const passes = (events: readonly TrainEvent[]) =>
  events.some(({ type, data }) => type === 'GateEvaluated' && data.verdict === 'passed');

/** More of what can speak for the work: facts that nobody asked for, a risk that is accepted, and less that is spent. */
const withMore = (command: TrainCommand & { readonly type: 'JudgeWork' }): TrainCommand => {
  const { facts, observed } = command;
  const risks = observed.risks.map((risk) => ({ ...risk, accepted: true }));
  const spend = { ...observed.spend, share: observed.spend.share && observed.spend.share / 2, unpriced: 0 };
  return { ...command, facts: { ...facts, more: 1 }, observed: { risks, spend } };
};

/** Whatever is tried, in order; what is refused leaves no trace. */
function ride(pipeline: Pipeline, attempts: readonly Step[]): readonly TrainEvent[] {
  const { initial, decide, evolve } = trainDecider(() => pipeline, evaluateRule);
  const events = [...decide(start, initial)];
  let train = events.reduce(evolve, initial);
  for (const step of attempts) {
    const command = commandOf(step, train, pipeline);
    let decision: readonly TrainEvent[] = [];
    try {
      decision = decide(command, train);
    } catch (error) {
      if (!(error instanceof Rejection)) throw error;
    }
    if (command.type === 'JudgeWork' && passes(decision)) expect(passes(decide(withMore(command), train))).toBe(true);
    events.push(...decision);
    train = decision.reduce(evolve, train);
  }
  return events;
}

/** What the words of the receipt alone say; written anew, so that it is no copy of the rule. */
function verdictBy(checks: readonly Check[]): Decision['verdict'] {
  let verdict: Decision['verdict'] = 'passed';
  for (const { outcome, effect } of checks) {
    if (outcome === 'met' || outcome === 'waived' || effect === 'shadow' || effect === 'warn') continue;
    if (outcome === 'unmet' && effect === undefined) return 'failed';
    verdict = 'held';
  }
  return verdict;
}

/** Ids of the checks that the gate of a phase may not do without. */
function requiredAt(pipeline: Pipeline, { phase: name, submission }: Decision): string[] {
  const phase = phaseOf(pipeline, name)!;
  const to = phase.loops.find(({ outcome }) => outcome === submission!.outcome)?.to ?? phase.next;
  const leaves = phase.ends.every(({ outcome }) => outcome !== submission!.outcome) && to !== null;
  const binding = ({ onFail, shadow }: Pipeline['phases'][number]['exit'][number]) => !shadow && onFail !== 'warn';
  return [
    'action:work',
    ...phase.artifacts.map(({ path }) => `artifact:${path}`),
    ...phase.exit.filter(binding).map(({ id }) => `criterion:${id}`),
    ...(leaves
      ? phaseOf(pipeline, to)!
          .entry.filter(binding)
          .map(({ id }) => `entry:${to}.${id}`)
      : []),
    ...phase.approvals.map(({ role }) => `approval:${role}`),
  ];
}

function expectOf(events: readonly TrainEvent[], pipeline: Pipeline): void {
  const decided = new Set<string>();
  const attempts = new Set<string>();
  let before: TrainEvent | undefined;
  for (const event of events) {
    if (event.type === 'TicketOpened') {
      const { phase, cycle, attempt } = event.data;
      expect(attempts.has(`${phase} ${cycle} ${attempt}`)).toBe(false);
      attempts.add(`${phase} ${cycle} ${attempt}`);
    }
    if (event.type === 'PhaseCompleted') {
      // I15: no phase advances but by its gate, in the same decision.
      expect(before).toMatchObject({
        type: 'GateEvaluated',
        data: { ticketId: event.data.ticketId, verdict: 'passed' },
      });
    }
    if (event.type === 'GateEvaluated') {
      const { ticketId, verdict, checks, submission } = event.data;
      expect(verdict).toBe(verdictBy(checks));
      // I16: a ticket is decided once; a gate that is held has not decided.
      expect(decided.has(ticketId)).toBe(false);
      if (verdict !== 'held') decided.add(ticketId);
      if (verdict === 'passed') {
        const met = new Set(checks.flatMap(({ id, outcome, effect }) => (outcome === 'met' && !effect ? [id] : [])));
        const held = new Set(
          checks.flatMap(({ id, outcome, effect }) => (outcome === 'met' && effect === 'hold' ? [id] : [])),
        );
        // I15, I23: everything that is required was looked at, and is met.
        expect(requiredAt(pipeline, event.data).filter((id) => !met.has(id) && !held.has(id))).toEqual([]);
        expect(submission!.checklist).toContain('work');
      }
    }
    before = event;
  }
}

const recorded = (events: readonly TrainEvent[]): readonly Recorded<TrainEvent>[] =>
  events.map((event, index) => ({
    ...{ id: `train@${index + 1}`, tenant: TenantId.parse('acme'), stream: 'train', version: index + 1, hash: '' },
    ...{ commandId: 'c' as CommandId, event, at: Instant.parse('2026-01-01T00:00:00.000Z') },
    causation: { actor: '', causationId: '', correlationId: '' },
  }));

const histories = fc.tuple(pipelines, fc.array(steps, { minLength: 6, maxLength: 24 }));

it('holds its invariants over random pipelines and histories', () => {
  fc.assert(
    fc.property(histories, ([pipeline, attempts]) => {
      const events = ride(pipeline, attempts);
      expectOf(events, pipeline);
      // Judged again by the very same policy, nothing flips: what is recorded is all that a verdict rests on.
      expect(replayGates(recorded(events), () => pipeline, { pipeline, evaluateRule }).flips).toEqual([]);
    }),
    { numRuns: HISTORIES },
  );
});

it('the histories are worth looking at: every kind of verdict, effect and outcome is among them', () => {
  const seen = fc
    .sample(histories, { numRuns: 300, seed: 20 })
    .flatMap(([pipeline, attempts]) => ride(pipeline, attempts))
    .flatMap((event) => (event.type === 'GateEvaluated' ? [event.data] : []))
    .flatMap(({ verdict, checks }) =>
      checks.map(({ outcome, effect }) => `${verdict} ${effect ?? 'block'} ${outcome}`),
    );
  expect([...new Set(seen)]).toEqual(
    expect.arrayContaining([
      ...['passed warn unmet', 'passed shadow unmet', 'passed shadow inconclusive', 'passed warn pending'],
      ...['failed block unmet', 'held hold unmet', 'held block inconclusive', 'held block pending', 'passed hold met'],
    ]),
  );
});
