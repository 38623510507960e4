import type { DomainEvent, EventOf } from '@vt/contracts';
import type { Reactions, TrainId } from '@vt/kernel';
import type { RiskCommand } from './risk.decider.ts';

type Raise = Omit<Extract<RiskCommand, { type: 'RaiseRisk' }>, 'source' | 'title'> & {
  /** Signals with the same source are one; each event is a source of its own, unless this says otherwise. */
  readonly source?: string;
};

/** Programs, files, the network and secrets: a refusal of one of these is an attempt at something. */
const DANGEROUS = /^(command:|Read$|Edit$|WebFetch$|secret)/;
const READINESS_LOW = 50;

/** The signals that raise a risk by themselves. The event's id and the catalogue's title are the service's to add. */
export const riskReactions: Reactions<DomainEvent, Raise> = {
  ToolRefused: ({ data: { trainId, phase, tool, call, mode } }) => [
    DANGEROUS.test(tool)
      ? signal(trainId, 'R012', 'tool-refused', [4, 5], [], `in ${phase}, mode ${mode} was asked for ${call}`)
      : signal(trainId, 'R008', 'tool-refused', [3, 3], [phase], `in ${phase}, mode ${mode} was asked for ${tool}`),
  ],
  GateEvaluated: gateSignals,
  ActionFailed: ({ data: { trainId, phase, action, kind, reason } }) =>
    kind === 'timeout' || kind === 'unknown'
      ? [signal(trainId, 'R011', `action-${kind}`, [3, 3], [phase], `${action} ended as ${kind}: ${reason}`)]
      : [],
  SpiralDetected: ({ data: { trainId, phase, action, signature, similar } }) => [
    signal(trainId, 'R011', 'spiral', [4, 3], [phase], `${action} failed ${similar} times the same way: ${signature}`),
  ],
  TrainBlocked: ({ data: { trainId, phase, reasons } }) => [
    signal(trainId, 'R006', 'phase-blocked', [3, 4], [phase], `${phase} is blocked: ${reasons.join('; ')}`),
  ],
  ApprovalRefused: ({ data: { trainId, phase, role, comment } }) => [
    signal(trainId, 'R001', 'approval-refused', [3, 3], [phase], `the ${role} did not agree to ${phase}: ${comment}`),
  ],
  BudgetWarned: ({ data: { trainId, spent, budget } }) => [
    signal(trainId, 'R010', 'budget', [3, 4], [], `${spent.amount} of ${budget.amount} ${budget.currency} are spent`),
  ],
  BudgetExhausted: ({ data: { trainId, budget } }) => [
    signal(trainId, 'R010', 'budget', [5, 4], [], `the budget of ${budget.amount} ${budget.currency} is spent`),
  ],
  SpendRecorded: ({ data: { trainId, cost, usage } }) => {
    if (cost !== null) return [];
    const models = usage.tokens.map(({ model }) => model).join(', ');
    // That a model has no price is one finding, however often it is used.
    return [
      {
        ...signal(trainId, 'R010', 'unknown-cost', [3, 3], [], `no price for ${models}`),
        source: `no-price/${models}`,
      },
    ];
  },
  PhaseCompleted: completionSignals,
};

function gateSignals({ data: { trainId, phase, checks, verdict } }: EventOf<'GateEvaluated'>): Raise[] {
  if (verdict !== 'failed') return [];
  // What only holds, warns or is on trial failed nothing.
  const unmet = checks.filter(({ outcome, effect }) => outcome === 'unmet' && effect === undefined);
  const missing = unmet.filter(({ id }) => id.startsWith('artifact'));
  const unmeasured = unmet.filter(({ reason }) => reason.includes('not reported'));
  return [
    ...(missing.length > 0
      ? [signal(trainId, 'R003', 'artifact', [3, 3], [phase], missing.map(({ reason }) => reason).join('; '))]
      : []),
    ...(unmeasured.length > 0
      ? [signal(trainId, 'R009', 'no-metric', [3, 4], [phase], unmeasured.map(({ reason }) => reason).join('; '))]
      : []),
  ];
}

function completionSignals({ data: { trainId, phase, facts } }: EventOf<'PhaseCompleted'>): Raise[] {
  const readiness = facts['readiness-score'];
  return [
    ...(facts['drift-found'] === true
      ? [
          signal(
            trainId,
            'R007',
            'drift',
            [3, 3],
            [],
            `${phase} found drift in ${String(facts['drifted-features'] ?? 'the inputs')}`,
          ),
        ]
      : []),
    ...(typeof readiness === 'number' && readiness < READINESS_LOW
      ? [signal(trainId, 'R005', 'readiness', [4, 3], [], `the client's readiness is ${readiness} of 100`)]
      : []),
  ];
}

/** The same signal in the same place is the same risk: it is raised once, and scored again after that. */
const signal = (
  trainId: TrainId,
  catalogue: string,
  name: string,
  [probability, impact]: readonly [number, number],
  phases: readonly string[],
  reason: string,
): Raise => ({
  type: 'RaiseRisk',
  trainId,
  riskId: [catalogue, name, ...phases].join('-'),
  catalogue,
  signal: name,
  reason,
  probability,
  impact,
  phases: [...phases],
  raisedBy: 'risk-registry',
});
