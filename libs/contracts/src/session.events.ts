import { Digest, TicketId, TrainId } from '@vt/kernel';
import { z } from 'zod';
import { defineEvent } from './define-event.ts';
import { Agent, Artifact, Facts, Mode, Phase, Usage } from './vocabulary.ts';

const session = { trainId: TrainId, ticketId: TicketId, phase: Phase };

export const SessionStarted = defineEvent('SessionStarted', 'An agent took up a ticket.', {
  ...session,
  cycle: z.int().positive(),
  attempt: z.int().positive(),
  agent: Agent,
  mode: Mode,
  /** Rules of its mode, as the pipeline has them. */
  permissions: z.object({ deny: z.array(z.string()), ask: z.array(z.string()), allow: z.array(z.string()) }),
  /** Fencing token of the claim. */
  fence: z.int().positive(),
});

export const SessionResumed = defineEvent(
  'SessionResumed',
  'Another claimant goes on at the first unfinished action.',
  {
    ...session,
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
    usage: Usage,
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
  kind: z.enum(['transient', 'permanent', 'unknown', 'timeout', 'cancelled']),
  reason: z.string(),
  usage: Usage,
  fence: z.int().positive(),
});

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
});

export const WorkAbandoned = defineEvent('WorkAbandoned', 'The agent could not finish the ticket.', {
  ...session,
  cycle: z.int().positive(),
  attempt: z.int().positive(),
  agent: Agent,
  reasons: z.array(z.string()),
});

export const SessionCancelled = defineEvent('SessionCancelled', 'The work was called off; what it had found is kept.', {
  ...session,
  reason: z.string(),
});
