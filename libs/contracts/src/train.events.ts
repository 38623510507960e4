import { Digest, TicketId, TrainId } from '@vt/kernel';
import { z } from 'zod';
import { defineEvent } from './define-event.ts';
import { Agent, Artifact, Check, Facts, Mode, Money, Phase, Verdict } from './vocabulary.ts';

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
  pipeline: z.object({ id: z.string(), version: z.int().positive(), digest: Digest }),
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
});

export const GateEvaluated = defineEvent('GateEvaluated', 'The gate of a phase judged one attempt, with every check.', {
  ...ticket,
  verdict: Verdict,
  checks: z.array(Check),
  /** Digest of the pipeline whose rules were applied. */
  policy: Digest,
  evidence: z.array(Digest),
  /** What was submitted, kept when the gate is held, so that it can judge the same again. */
  submission: z
    .object({
      artifacts: z.array(Artifact),
      facts: Facts,
      checklist: z.array(z.string()),
      outcome: z.string(),
      /** What the inspection of the artifacts found. */
      checks: z.array(Check),
    })
    .optional(),
});

export const ApprovalRequested = defineEvent(
  'ApprovalRequested',
  'A gate waits for a named role to agree to exactly this evidence.',
  {
    ...ticket,
    role: z.string(),
    evidence: z.array(Digest),
  },
);

export const ApprovalGranted = defineEvent('ApprovalGranted', 'A person agreed to the evidence they saw.', {
  ...ticket,
  role: z.string(),
  by: z.string(),
  evidence: z.array(Digest),
  comment: z.string(),
  /** True when a script spoke for the person, as the demo does. */
  simulated: z.boolean(),
});

export const ApprovalRefused = defineEvent('ApprovalRefused', 'A person did not agree; the attempt has failed.', {
  ...ticket,
  role: z.string(),
  by: z.string(),
  evidence: z.array(Digest),
  comment: z.string(),
  simulated: z.boolean(),
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
