import { describe, expect, it } from '@jest/globals';
import { EVENT_TYPES, type DomainEvent } from '@vt/contracts';
import { fold, react, Rejection, TicketId, TrainId } from '@vt/kernel';
import fc from 'fast-check';
import { riskDecider, riskStreamOf, scoreOf, type RiskCommand, type RiskEvent } from './risk.decider.ts';
import { riskReactions } from './risk.reactions.ts';
import { bandOf, CRITICAL_SCORE, residualScore } from './score.ts';

const trainId = TrainId.parse('0191b2c4-6f3e-4a75-9d4e-2f1c0a9b8d7e');
const riskId = 'R012-tool-refused';
const raise = (source: string, probability = 2, impact = 3): RiskCommand => ({
  type: 'RaiseRisk',
  trainId,
  riskId,
  catalogue: 'R012',
  title: 'Security Breach',
  signal: 'tool-refused',
  reason: 'because',
  probability,
  impact,
  phases: ['training'],
  raisedBy: 'risk-registry',
  source,
});
const mitigate = (effectiveness: number, mitigation = 'M016'): RiskCommand => ({
  type: 'MitigateRisk',
  trainId,
  riskId,
  mitigation,
  effectiveness,
  by: 'Dana',
});
const close: RiskCommand = { type: 'CloseRisk', trainId, riskId, reason: 'over', by: 'Dana' };
const accept: RiskCommand = { type: 'AcceptRisk', trainId, riskId, reason: 'we can live with it', by: 'Dana' };
const after = (...commands: RiskCommand[]) =>
  commands.reduce<RiskEvent[]>(
    (events, command) => [...events, ...riskDecider.decide(command, fold(riskDecider, events))],
    [],
  );
const typesOf = (events: readonly RiskEvent[]) => events.map(({ type }) => type);

describe('a signal', () => {
  it('raises the risk once, and makes it more probable when it comes again', () => {
    expect(typesOf(after(raise('a@1'), raise('a@1'), raise('a@2')))).toEqual(['RiskRaised', 'RiskRescored']);
    expect(fold(riskDecider, after(raise('a@1'), raise('a@2')))[riskId]).toMatchObject({ probability: 3, impact: 3 });
  });

  it('that brings the score to the critical line says so, for the phases it touches', () => {
    const events = after(raise('a@1', 4, 3), raise('a@2', 1, 1));
    expect(events.at(-1)).toMatchObject({ type: 'RiskBecameCritical', data: { score: 15, phases: ['training'] } });
  });

  it('opens a closed risk again', () => {
    expect(typesOf(after(raise('a@1'), close, raise('a@2')))).toEqual(['RiskRaised', 'RiskSettled', 'RiskRaised']);
  });
});

describe('a mitigation', () => {
  it('that works well enough settles a critical risk', () => {
    const events = after(raise('a@1', 5, 5), mitigate(0.2), mitigate(0.5, 'M017'));
    expect(typesOf(events)).toEqual([
      'RiskRaised',
      'RiskBecameCritical',
      'RiskMitigated',
      'RiskMitigated',
      'RiskSettled',
    ]);
    expect(scoreOf(fold(riskDecider, events)[riskId]!)).toBe(10);
  });

  it('that loses its effect makes the risk critical again', () => {
    expect(typesOf(after(raise('a@1', 5, 5), mitigate(0.8), mitigate(0.1))).at(-1)).toBe('RiskBecameCritical');
  });

  it('repeated is no news; of an unknown or closed risk it is refused', () => {
    expect(after(raise('a@1'), mitigate(0.5), mitigate(0.5))).toHaveLength(2);
    expect(() => after(mitigate(0.5))).toThrow(new Rejection('risk-unknown', `the train has no risk ${riskId}`));
    expect(() => after(raise('a@1'), close, mitigate(0.5))).toThrow('closed');
    expect(typesOf(after(raise('a@1'), close, close))).toEqual(['RiskRaised', 'RiskSettled']);
  });
});

describe('an accepted risk', () => {
  const critical = raise('a@1', 5, 5);

  it('is settled for its gates, and open in the register', () => {
    const events = after(critical, accept, accept);
    expect(events.slice(2)).toMatchObject([{ type: 'RiskSettled', data: { status: 'accepted', by: 'Dana' } }]);
    expect(fold(riskDecider, events)[riskId]).toMatchObject({ status: 'accepted' });
    expect(() => after(accept)).toThrow('the train has no risk');
  });

  it('stays accepted while less is left of it, and is open again when it is raised again', () => {
    expect(typesOf(after(critical, accept, mitigate(0.1))).slice(3)).toEqual(['RiskMitigated']);
    expect(typesOf(after(critical, accept, raise('a@2'))).slice(3)).toEqual(['RiskRescored', 'RiskBecameCritical']);
    expect(typesOf(after(critical, accept, close)).slice(3)).toEqual(['RiskSettled']);
    expect(typesOf(after(critical, raise('a@2'))).slice(2)).toEqual(['RiskRescored']);
  });
});

it('keeps nothing of a risk that was never raised', () => {
  const [, mitigated] = after(raise('a@1'), mitigate(0.5));
  expect(fold(riskDecider, [mitigated!])).toEqual({});
});

it('is critical exactly when its residual score is and nobody accepted that, whatever happened before', () => {
  const commands = fc.oneof(
    fc
      .tuple(fc.string({ maxLength: 3 }), fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 }))
      .map(([s, p, i]) => raise(s, p, i)),
    fc
      .tuple(fc.float({ min: 0, max: 1, noNaN: true }), fc.constantFrom('M001', 'M002'))
      .map(([e, m]) => mitigate(e, m)),
    fc.constantFrom(close, accept),
  );
  fc.assert(
    fc.property(fc.array(commands, { maxLength: 25 }), (list) => {
      const events = list.reduce<RiskEvent[]>((events, command) => {
        try {
          return [...events, ...riskDecider.decide(command, fold(riskDecider, events))];
        } catch (error) {
          expect(error).toBeInstanceOf(Rejection);
          return events;
        }
      }, []);
      const risk = fold(riskDecider, events)[riskId];
      if (risk === undefined || ['accepted', 'closed'].includes(risk.status)) return;
      expect(risk.status === 'critical').toBe(scoreOf(risk) >= CRITICAL_SCORE);
    }),
  );
});

it('scores from 1 to 25, in three bands', () => {
  expect([residualScore(5, 5, []), residualScore(1, 1, [1]), residualScore(4, 5, [0.5])]).toEqual([25, 1, 10]);
  expect([bandOf(7), bandOf(8), bandOf(15)]).toEqual(['low', 'medium', 'high']);
  expect(riskStreamOf(close)).toBe(`risk-${trainId}`);
});

const ticket = {
  trainId,
  ticketId: TicketId.parse(`validation_1_1_${trainId}`),
  phase: 'validation',
  cycle: 1,
  attempt: 1,
};
const money = { amount: '1', currency: 'USD' };
const usage = { cpuMs: 0, wallMs: 0, tokens: [{ model: 'new', input: 1, output: 1 }] };
const gate = (id: string, reason: string, verdict: 'failed' | 'passed' = 'failed', effect?: 'shadow') => ({
  type: 'GateEvaluated' as const,
  data: {
    ...ticket,
    verdict,
    checks: [{ id, outcome: 'unmet' as const, reason, ...(effect && { effect }) }],
    policy: {} as never,
    evidence: [],
    authors: [],
    submission: null,
    observed: null,
    approvals: [],
  },
});
const refusal = { call: '', rule: 'default', reason: '', required: true };
const failed = (kind: 'timeout' | 'permanent') => ({
  type: 'ActionFailed' as const,
  data: { ...ticket, agent: 'lab' as const, action: 'a', tool: 'lab.a', try: 1, kind, reason: 'late', usage, fence: 1 },
});
const completed = (facts: Record<string, number | boolean>) => ({
  type: 'PhaseCompleted' as const,
  data: { ...ticket, artifacts: [], facts, outcome: 'next' },
});

it.each<[string, DomainEvent, string[]]>([
  [
    'a dangerous tool',
    { type: 'ToolRefused', data: { ...ticket, action: 'a', tool: 'command:sh', mode: 'build', ...refusal } },
    ['R012'],
  ],
  [
    'a file that is none of its business',
    { type: 'ToolRefused', data: { ...ticket, action: 'a', tool: 'Read', mode: 'build', ...refusal } },
    ['R012'],
  ],
  [
    'a spiral',
    { type: 'SpiralDetected', data: { ...ticket, action: 'a', signature: 'away', consecutive: 3, similar: 3 } },
    ['R011'],
  ],
  [
    'another tool',
    { type: 'ToolRefused', data: { ...ticket, action: 'a', tool: 'ops.deploy', mode: 'build', ...refusal } },
    ['R008'],
  ],
  ['a missing artifact', gate('artifact:x.md', 'x.md is missing'), ['R003']],
  ['a missing metric', gate('auc', 'roc-auc was not reported'), ['R009']],
  ['a metric that is asked for on trial', gate('auc', 'roc-auc was not reported', 'failed', 'shadow'), []],
  ['a gate that passed', gate('artifact:x.md', '', 'passed'), []],
  ['a timeout', failed('timeout'), ['R011']],
  ['a plain failure', failed('permanent'), []],
  ['a blocked train', { type: 'TrainBlocked', data: { trainId, phase: 'scope', reasons: ['x'] } }, ['R006']],
  [
    'a refused approval',
    {
      type: 'ApprovalRefused',
      data: {
        ...ticket,
        role: 'sponsor',
        by: 'Dana',
        standsInFor: null,
        evidence: [],
        policy: '' as never,
        comment: 'no',
        simulated: false,
        revise: false,
      },
    },
    ['R001'],
  ],
  ['four fifths of the budget', { type: 'BudgetWarned', data: { trainId, spent: money, budget: money } }, ['R010']],
  ['a spent budget', { type: 'BudgetExhausted', data: { trainId, spent: money, budget: money } }, ['R010']],
  [
    'an unknown price',
    {
      type: 'SpendRecorded',
      data: { ...ticket, agent: 'lab', action: 'a', source: 's@1', usage, cost: null, priceBook: '2026-11-01' },
    },
    ['R010'],
  ],
  [
    'a known price',
    {
      type: 'SpendRecorded',
      data: { ...ticket, agent: 'lab', action: 'a', source: 's@1', usage, cost: money, priceBook: '2026-11-01' },
    },
    [],
  ],
  ['drift', completed({ 'drift-found': true }), ['R007']],
  ['a client who is not ready', completed({ 'readiness-score': 30 }), ['R005']],
  ['a quiet phase', completed({ 'readiness-score': 80 }), []],
])('%s raises what it should', (_, event, catalogue) => {
  expect(react(riskReactions, event).map((command) => command.catalogue)).toEqual(catalogue);
});

it('listens to events that exist', () => {
  expect(EVENT_TYPES).toEqual(expect.arrayContaining(Object.keys(riskReactions)));
});
