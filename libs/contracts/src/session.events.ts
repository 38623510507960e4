import { Digest, TicketId, TrainId } from '@vt/kernel';
import { z } from 'zod';
import { defineEvent } from './define-event.ts';
import {
  Agent,
  Allowance,
  Artifact,
  Check,
  Decision,
  Facts,
  Isolation,
  Mode,
  Phase,
  Question,
  Usage,
  Improvement,
  Law,
  Learning,
  Retrospective,
  WorkPhase,
} from './vocabulary.ts';

const session = { trainId: TrainId, ticketId: TicketId, phase: Phase };

/** By what whoever takes something up works on it. */
const terms = {
  cycle: z.int().positive(),
  attempt: z.int().positive(),
  mode: Mode,
  /** Rules of its mode, as the pipeline has them. */
  permissions: z.object({ deny: z.array(z.string()), ask: z.array(z.string()), allow: z.array(z.string()) }),
  /** What earlier attempts failed with, as signatures: the same again may be a spiral. */
  earlierFailures: z.array(z.string()),
  /** Actions that come before the plan is accepted, and the files that they may leave. Absent: there is no plan. */
  beforePlan: z.record(z.string(), z.object({ during: WorkPhase, produces: z.array(z.string()) })).optional(),
  /** Fencing token of the claim. */
  fence: z.int().positive(),
};

export const SessionStarted = defineEvent('SessionStarted', 'An agent took up a ticket.', {
  ...session,
  ...terms,
  agent: Agent,
  /** What was reserved for the ticket. */
  allowance: Allowance.optional(),
});

export const SessionResumed = defineEvent(
  'SessionResumed',
  'Another claimant goes on at the first unfinished action.',
  {
    ...session,
    fence: z.int().positive(),
    /** The context bundle that it was taken up with. */
    bundle: Digest,
  },
);

export const SessionPaused = defineEvent(
  'SessionPaused',
  'The claimant let the session go, and left a bundle for the next one.',
  {
    ...session,
    reason: z.string(),
    fence: z.int().positive(),
  },
);

export const SessionRolledBack = defineEvent(
  'SessionRolledBack',
  'A session is again what it was at an earlier version; what came after stays in the log.',
  {
    ...session,
    /** Version of its stream. */
    to: z.int().positive(),
    /** Actions that are to be done again. */
    undone: z.array(z.string()),
    /** What its work is about again; absent where there is no plan. */
    workPhase: WorkPhase.optional(),
    reason: z.string(),
    by: z.string(),
  },
);

export const BundleSaved = defineEvent(
  'BundleSaved',
  'What a session knows was condensed, checked and kept, in place of any earlier bundle.',
  {
    ...session,
    /** Of the bundle as JSON, kept as a blob. */
    bundle: Digest,
    /** Version of the stream that it tells of. */
    sourceVersion: z.int().positive(),
    tokenizer: z.string(),
    /** Of the bundle. */
    tokens: z.int().positive(),
    /** Of the log up to that version, and of the documents that its actions read and wrote. */
    sourceTokens: z.int().positive(),
  },
);

export const WorkPhaseEntered = defineEvent(
  'WorkPhaseEntered',
  'Work in a ticket goes on to its plan or its implementation, or back, with a bundle and nothing else of before.',
  {
    ...session,
    workPhase: WorkPhase,
    from: WorkPhase,
    /** What the gate of `from` found, all of it good enough. Empty when work went back. */
    checks: z.array(Check),
    /** What the work phase begins with. */
    bundle: Digest,
    /** Which action sent the work back and why, and which actions are to be done again. Absent when it went on. */
    sentBack: z.object({ by: z.string(), reason: z.string(), undone: z.array(z.string()) }).optional(),
    fence: z.int().positive(),
  },
);

export const BundleRejected = defineEvent(
  'BundleRejected',
  'What was condensed leaves something out, or is too long: nothing goes on by it.',
  {
    ...session,
    bundle: Digest,
    problems: z.array(z.string()),
    fence: z.int().positive(),
  },
);

export const ActionStarted = defineEvent('ActionStarted', 'Written before an action that may not simply be repeated.', {
  ...session,
  action: z.string(),
  tool: z.string(),
  fence: z.int().positive(),
});

export const ActionCompleted = defineEvent(
  'ActionCompleted',
  'An action of the checklist is done, and can not become undone.',
  {
    ...session,
    agent: Agent,
    attempt: z.int().positive(),
    action: z.string(),
    tool: z.string(),
    artifacts: z.array(Artifact),
    facts: Facts,
    /** Absent where there was none to make, to ask or to read. */
    decisions: z.array(Decision).optional(),
    questions: z.array(Question).optional(),
    learnings: z.array(Learning).optional(),
    improvements: z.array(Improvement).optional(),
    /** Files of the train that it looked at. */
    read: z.array(Artifact).optional(),
    usage: Usage,
    /** How the programs that it ran were contained; absent when it ran none. */
    isolation: Isolation.optional(),
    /** The ticket of the other agent that did it, where the action was handed off. */
    handoff: TicketId.optional(),
    /** The action's answer, for the actions that need it; JSON kept as a blob. */
    result: Digest.nullable(),
    fence: z.int().positive(),
  },
);

export const ActionFailed = defineEvent('ActionFailed', 'One try of an action failed.', {
  ...session,
  agent: Agent,
  attempt: z.int().positive(),
  action: z.string(),
  tool: z.string(),
  try: z.int().positive(),
  kind: z.enum(['transient', 'permanent', 'unknown', 'timeout', 'cancelled', 'unavailable']),
  reason: z.string(),
  usage: Usage,
  isolation: Isolation.optional(),
  /** The ticket of the other agent that gave it back, where the action was handed off. */
  handoff: TicketId.optional(),
  fence: z.int().positive(),
});

export const HandoffOffered = defineEvent('HandoffOffered', 'An action is offered to another agent, with a bundle.', {
  ...session,
  cycle: z.int().positive(),
  attempt: z.int().positive(),
  action: z.string(),
  tool: z.string(),
  from: Agent,
  to: Agent,
  /** The ticket of the one that it is offered to, and so the name of its stream. */
  handoff: TicketId,
  /** Actions whose work it starts from, all of them completed. */
  needs: z.array(z.string()),
  /** The context bundle that it starts from. */
  bundle: Digest,
  /** UTC day on which the ticket of the session was opened: the date that documents carry. */
  openedOn: z.iso.date(),
  fence: z.int().positive(),
});

export const HandoffWithdrawn = defineEvent('HandoffWithdrawn', 'What was offered is not wanted any more.', {
  ...session,
  action: z.string(),
  to: Agent,
  handoff: TicketId,
  reason: z.string(),
});

/** What every word of an agent about an action that it was offered says. */
const handedOff = {
  ...session,
  agent: Agent,
  action: z.string(),
  from: Agent,
  /** The ticket of the session that offered it. */
  of: TicketId,
};

export const HandoffAccepted = defineEvent('HandoffAccepted', 'An agent took up an action that it was offered.', {
  ...handedOff,
  ...terms,
  /** The context bundle that it starts from. */
  bundle: Digest,
});

export const HandoffReturned = defineEvent('HandoffReturned', 'An action that was offered is done, and goes back.', {
  ...handedOff,
  retrospective: Retrospective.optional(),
});

export const HandoffReversed = defineEvent(
  'HandoffReversed',
  'An action that was offered goes back undone: that is a failed try for who offered it.',
  {
    ...handedOff,
    kind: z.enum(['transient', 'permanent', 'unknown']),
    reasons: z.array(z.string()),
    retrospective: Retrospective.optional(),
  },
);

export const SpiralDetected = defineEvent(
  'SpiralDetected',
  'An action is given up, because the same fails again and again.',
  {
    ...session,
    action: z.string(),
    /** What the failures have in common: their reason without numbers, ids, paths and names. */
    signature: z.string(),
    /** How often in a row, of the action. */
    consecutive: z.int().positive(),
    /** How often at all, of any action, in this session and the attempts before it. */
    similar: z.int().positive(),
  },
);

export const ToolRefused = defineEvent('ToolRefused', 'An action asked for what a rule or a person does not allow.', {
  ...session,
  action: z.string(),
  tool: z.string(),
  mode: Mode,
  /** What it wanted to do, in the words of rules: `git push origin`, `Read(data/a.csv)`. */
  call: z.string(),
  /** The rule that decided; `default` when none allows it, `unreadable` when nobody can tell what it would run. */
  rule: z.string(),
  reason: z.string(),
  /** Whether the action can not be completed without it. */
  required: z.boolean(),
});

export const ToolGranted = defineEvent('ToolGranted', 'A person allowed what a rule asks about.', {
  ...session,
  action: z.string(),
  tool: z.string(),
  mode: Mode,
  call: z.string(),
  rule: z.string(),
  by: z.string(),
});

export const WorkSubmitted = defineEvent('WorkSubmitted', 'The checklist is worked through; the gate may judge.', {
  ...session,
  cycle: z.int().positive(),
  attempt: z.int().positive(),
  agent: Agent,
  artifacts: z.array(Artifact),
  facts: Facts,
  checklist: z.array(z.string()),
  outcome: z.string(),
  retrospective: Retrospective.optional(),
});

export const LawBroken = defineEvent(
  'LawBroken',
  'A session broke a law that its pipeline only warns of; or services set each other off.',
  {
    ...session,
    law: Law,
    reason: z.string(),
  },
);

export const AllowanceReturned = defineEvent(
  'AllowanceReturned',
  'The session ends here, and spends no more of what was reserved for its ticket.',
  session,
);

export const WorkAbandoned = defineEvent('WorkAbandoned', 'The agent could not finish the ticket.', {
  ...session,
  cycle: z.int().positive(),
  attempt: z.int().positive(),
  agent: Agent,
  reasons: z.array(z.string()),
  retrospective: Retrospective.optional(),
});

export const SessionCancelled = defineEvent('SessionCancelled', 'The work was called off; what it had found is kept.', {
  ...session,
  reason: z.string(),
});

export const SessionArchived = defineEvent(
  'SessionArchived',
  'The train has ended: the last bundle of a session is kept, and nothing is added to it any more.',
  {
    ...session,
    ...BundleSaved.shape.data.omit({ trainId: true, ticketId: true, phase: true }).shape,
    /** How many it had. */
    learnings: z.int().nonnegative(),
    improvements: z.int().nonnegative(),
    waived: Retrospective.shape.waived,
    agent: Agent,
    attempt: z.int().positive(),
    /** Of the model that put the bundle into words; absent where none did. */
    usage: Usage.optional(),
  },
);
