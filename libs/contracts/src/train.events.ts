import { Digest, Instant, TicketId, TrainId } from '@vt/kernel';
import { z } from 'zod';
import { defineEvent } from './define-event.ts';
import { Agent, Allowance, Artifact, Check, Facts, Mode, Money, Phase, Verdict } from './vocabulary.ts';

const PipelineRef = z.object({ id: z.string(), version: z.int().positive(), digest: Digest });

const ticket = {
  trainId: TrainId,
  ticketId: TicketId,
  phase: Phase,
  /** 1 for the first lap; every retraining lap adds one. */
  cycle: z.int().positive(),
  /** 1 for the first try of this phase in this cycle. */
  attempt: z.int().positive(),
};

export const TrainStarted = defineEvent('TrainStarted', 'A project was put on a pipeline, whose version it keeps.', {
  trainId: TrainId,
  name: z.string(),
  client: z.string(),
  pipeline: PipelineRef,
  /** The charter and the data, by content. */
  inputs: z.array(Artifact),
  budget: Money.nullable(),
  /** Roles that a gate may ask for, and the people who hold them. */
  approvers: z.array(z.object({ role: z.string(), name: z.string() })),
  startedBy: z.string(),
});

export const PhaseEntered = defineEvent('PhaseEntered', 'The train arrived at a phase.', {
  trainId: TrainId,
  phase: Phase,
  cycle: z.int().positive(),
});

export const TicketOpened = defineEvent('TicketOpened', 'An agent owns the work of a phase, for one attempt.', {
  ...ticket,
  agent: Agent,
  mode: Mode,
  /** Why the attempt before did not pass, in the words of the gate and of the people who were asked. */
  feedback: z.array(z.string()).default([]),
  /** What was reserved for it; absent where its phase declares nothing. */
  allowance: Allowance.optional(),
});

export const AllowanceRequested = defineEvent(
  'AllowanceRequested',
  'The work of a phase may cost money, and waits until that much is reserved for it.',
  { ...ticket, agent: Agent, amount: Money },
);

export const AllowanceGranted = defineEvent(
  'AllowanceGranted',
  'What a ticket asked for is reserved: it is opened as soon as nothing else is in the way.',
  { ...ticket, allowance: Allowance },
);

export const GateEvaluated = defineEvent('GateEvaluated', 'The gate of a phase judged one attempt, with every check.', {
  ...ticket,
  verdict: Verdict,
  checks: z.array(Check),
  /** The pipeline whose rules were applied. */
  policy: PipelineRef,
  evidence: z.array(Digest),
  /** Who may not approve or waive it: the agent that did the work, and the people whose answers are part of it. */
  authors: z.array(z.string()).default([]),
  /** What was judged, so that the same can be judged again; null when the work was abandoned. */
  submission: z
    .object({
      artifacts: z.array(Artifact),
      facts: Facts,
      checklist: z.array(z.string()),
      outcome: z.string(),
      /** What the inspection of the artifacts found. */
      checks: z.array(Check),
    })
    .nullable(),
  /** What stood in the streams of risks and of spending, which are not the train's; null when nobody looked. */
  observed: z
    .object({
      /** Those that are not closed. */
      risks: z.array(
        z.object({
          riskId: z.string(),
          score: z.int(),
          /** Phases that it touches; empty means all. */
          phases: z.array(Phase),
          /** A person took it upon themselves. */
          accepted: z.boolean(),
        }),
      ),
      spend: z.object({
        spent: Money.nullable(),
        /** Reserved for tickets that are not done, and not spent by them yet; absent where no phase declares anything. */
        reserved: Money.optional(),
        budget: Money.nullable(),
        /** Share of the budget that is spent, in ten-thousandths rounded up; null without a budget. */
        share: z.number().nonnegative().nullable(),
        /** Actions whose cost nobody knows. */
        unpriced: z.int().nonnegative(),
      }),
    })
    .nullable(),
  /** What people said that counted: in which role, which they held at that moment. */
  approvals: z.array(
    z.object({
      role: z.string(),
      by: z.string(),
      /** Whose voice it was, when they had delegated it. */
      standsInFor: z.string().nullable(),
      agreed: z.boolean(),
      evidence: z.array(Digest),
    }),
  ),
});

export const VerdictReported = defineEvent(
  'VerdictReported',
  'A verifier outside said, and signed, what it found about exactly this evidence.',
  {
    ...ticket,
    /** As the pipeline names it, beside its public key. */
    verifier: z.string(),
    outcome: z.enum(['pass', 'fail']),
    evidence: z.array(Digest),
    reason: z.string(),
    /** Ed25519, in base64, of the canonical JSON of all this but the signature and the ticket's id. */
    signature: z.string(),
  },
);

/** Bound to exactly what was shown: the files, and the rules that ask. */
const shown = { evidence: z.array(Digest), policy: Digest };
const word = {
  ...ticket,
  role: z.string(),
  by: z.string(),
  /** Whose voice it is, when it is that of somebody who delegated it; null: their own. */
  standsInFor: z.string().nullable().default(null),
  ...shown,
  comment: z.string(),
  /** True when a script spoke for the person, as the demo does. */
  simulated: z.boolean(),
};

export const ApprovalRequested = defineEvent(
  'ApprovalRequested',
  'A gate waits for people of a role to agree to exactly this evidence.',
  {
    ...ticket,
    role: z.string(),
    ...shown,
    /** How many must agree, and who may. */
    count: z.int().positive().default(1),
    people: z.array(z.string()).default([]),
    /** What the request brings, such as a rollback plan, and where it stands: `deploy/config.md#Rollback`. */
    brings: z.record(z.string(), z.string()).default({}),
    escalatesAt: z.array(Instant).default([]),
    /** When silence becomes a no; null: never. */
    deniedAt: Instant.nullable().default(null),
  },
);

export const ApprovalGranted = defineEvent('ApprovalGranted', 'A person agreed to the evidence they saw.', {
  ...word,
  expiresAt: Instant.nullable().default(null),
});

export const ApprovalRefused = defineEvent('ApprovalRefused', 'A person did not agree; the attempt has failed.', {
  ...word,
  /** The person asks for changes: the attempt is made again, and does not count as a strike. */
  revise: z.boolean().default(false),
});

export const ApprovalBecameStale = defineEvent(
  'ApprovalBecameStale',
  'What a person agreed to, or their right to, is not what it was: the approval is void, and asked for again.',
  {
    ...ticket,
    role: z.string(),
    by: z.string(),
    standsInFor: z.string().nullable(),
    /** The rule that voids it: stale-evidence, stale-policy, not-the-approver, expired and the like. */
    cause: z.string(),
    reason: z.string(),
  },
);

export const ApprovalEscalated = defineEvent('ApprovalEscalated', 'Nobody has answered a request for too long.', {
  ...ticket,
  role: z.string(),
  /** 1 for the first time. */
  level: z.int().positive(),
});

export const ApprovalTimedOut = defineEvent('ApprovalTimedOut', 'Nobody answered a request in time, which means no.', {
  ...ticket,
  role: z.string(),
});

const office = { trainId: TrainId, role: z.string(), name: z.string(), by: z.string() };
export const ApproverAppointed = defineEvent('ApproverAppointed', 'A person got a role on the train.', office);
export const ApproverDismissed = defineEvent('ApproverDismissed', 'A person lost a role on the train.', {
  ...office,
  reason: z.string(),
});

const delegation = { trainId: TrainId, role: z.string(), from: z.string(), to: z.string(), by: z.string() };
export const ApprovalDelegated = defineEvent(
  'ApprovalDelegated',
  'A person lets another speak in their stead, for a while.',
  { ...delegation, until: Instant, reason: z.string() },
);
export const DelegationEnded = defineEvent('DelegationEnded', 'A delegation is over, by its time or by a word.', {
  ...delegation,
  cause: z.enum(['time', 'revoked']),
});

const waiver = {
  trainId: TrainId,
  /** `W1` for the first of a train. */
  waiverId: z.string(),
};
export const WaiverGranted = defineEvent('WaiverGranted', 'A person lets checks of a gate be unmet, until an end.', {
  ...waiver,
  phase: Phase,
  cycle: z.int().positive(),
  checks: z.array(z.string()),
  reason: z.string(),
  /** Who sees to it that the waiver is not needed any more. */
  owner: z.string(),
  until: Instant,
  role: z.string(),
  by: z.string(),
  /** Over everything that was unmet at the gate: a forced advance. */
  forced: z.boolean(),
});
export const WaiverEnded = defineEvent(
  'WaiverEnded',
  'The time of a waiver is over; its checks were looked at again.',
  {
    ...waiver,
    /** Checks that the train passed only because of it: they hold the train. */
    unmet: z.array(z.string()),
  },
);
export const WaiverSettled = defineEvent('WaiverSettled', 'What a waiver covered is mended, or accepted as it is.', {
  ...waiver,
  as: z.enum(['mended', 'accepted']),
  reason: z.string(),
  role: z.string(),
  by: z.string(),
});

export const PhaseCompleted = defineEvent(
  'PhaseCompleted',
  'The gate let the train out of a phase; its ticket is frozen.',
  {
    ...ticket,
    artifacts: z.array(Artifact),
    facts: Facts,
    /** What the work decided, where a phase decides: go, no-go, operate, retrain, close… */
    outcome: z.string(),
  },
);

export const CycleStarted = defineEvent(
  'CycleStarted',
  'A retraining lap began; the artifacts of the cycles before are frozen.',
  {
    trainId: TrainId,
    cycle: z.int().positive(),
    from: Phase,
    to: Phase,
  },
);

export const TrainBlocked = defineEvent('TrainBlocked', 'Three attempts at a phase failed; the operator must act.', {
  trainId: TrainId,
  phase: Phase,
  reasons: z.array(z.string()),
});

export const TrainUnblocked = defineEvent('TrainUnblocked', 'An operator gave a blocked phase another try.', {
  trainId: TrainId,
  phase: Phase,
  by: z.string(),
  reason: z.string(),
});

export const TrainPaused = defineEvent('TrainPaused', 'No new work is handed out until the train is resumed.', {
  trainId: TrainId,
  by: z.string(),
  reason: z.string(),
});

export const TrainResumed = defineEvent('TrainResumed', 'Work goes on where it stopped.', {
  trainId: TrainId,
  by: z.string(),
});

export const TrainAborted = defineEvent('TrainAborted', 'The train ended before its time.', {
  trainId: TrainId,
  by: z.string(),
  reason: z.string(),
});

export const TrainArchived = defineEvent(
  'TrainArchived',
  'The opportunity was declined; the train is kept for its lessons.',
  {
    trainId: TrainId,
    phase: Phase,
    outcome: z.string(),
  },
);

export const TrainCompleted = defineEvent('TrainCompleted', 'The train rode to its end.', {
  trainId: TrainId,
  cycle: z.int().positive(),
  outcome: z.string(),
});

export const HoldPlaced = defineEvent('HoldPlaced', 'A gate may not pass while this hold stands.', {
  trainId: TrainId,
  /** Id of what holds: a risk, a budget. */
  source: z.string(),
  reason: z.string(),
  /** Phases whose gates are held; empty means all. */
  phases: z.array(Phase),
});

export const HoldLifted = defineEvent('HoldLifted', 'What held a gate is out of the way.', {
  trainId: TrainId,
  source: z.string(),
  reason: z.string(),
});
