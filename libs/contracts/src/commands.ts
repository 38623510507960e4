import { CommandId, Digest, Instant, TenantId, TicketId, TrainId } from '@vt/kernel';
import { z } from 'zod';
import { Agent, Artifact, Facts, Money, PauseScope, Phase } from './vocabulary.ts';

const onTrain = { trainId: TrainId };
/** Whose word it is; unless it is given, that of the actor, who passes it on. */
const passedOn = { onBehalfOf: z.string().min(1).optional() };
const agreement = {
  ...onTrain,
  phase: Phase,
  role: z.string(),
  /** What the person saw; the approval is void for anything else. */
  evidence: z.array(Digest),
  comment: z.string().default(''),
  /** A script speaks for the person, and says so. */
  simulated: z.boolean().default(false),
  /** Whose voice it is, where somebody delegated theirs to the person; unless it is given, their own if they have one. */
  standsInFor: z.string().min(1).optional(),
  ...passedOn,
};
/** What is missing is refused by the rule that asks for it. */
const waiver = {
  ...onTrain,
  phase: Phase,
  reason: z.string().default(''),
  owner: z.string().default(''),
  until: Instant.nullable().default(null),
  role: z.string(),
  ...passedOn,
};
const office = { ...onTrain, role: z.string().min(1), name: z.string().min(1) };

/** A train is paused by `train.pause`. Of the fleet: sent for the tenant `fleet`. */
const pause = {
  scope: PauseScope.exclude(['train']),
  /** A ticket, of scopes session and ticket; an agent; else empty. */
  subject: z.union([TicketId, Agent, z.literal('')]),
};

const define = <Owner extends 'conductor' | 'risk-registry' | 'cost', Body extends z.ZodType>(
  owner: Owner,
  description: string,
  body: Body,
) => ({ owner, description, body });

/** Every command that crosses a service boundary: who carries it out, and what it says. */
export const COMMANDS = {
  'train.start': define(
    'conductor',
    'Put a project on a pipeline.',
    z.object({
      ...onTrain,
      pipeline: z.string(),
      name: z.string(),
      client: z.string(),
      inputs: z.array(Artifact),
      budget: Money.nullable(),
      approvers: z.array(z.object({ role: z.string(), name: z.string() })),
    }),
  ),
  'train.pause': define('conductor', 'Hand out no new work.', z.object({ ...onTrain, reason: z.string().min(1) })),
  'train.resume': define('conductor', 'Go on where it stopped.', z.object(onTrain)),
  'train.abort': define('conductor', 'End the train.', z.object({ ...onTrain, reason: z.string().min(1) })),
  'train.unblock': define(
    'conductor',
    'Give a blocked phase another try.',
    z.object({ ...onTrain, reason: z.string().min(1) }),
  ),
  'pause.place': define(
    'conductor',
    'Begin nothing new in a scope.',
    z.object({ ...pause, reason: z.string().min(1) }),
  ),
  'pause.lift': define('conductor', 'Go on in a scope.', z.object({ ...pause, reason: z.string() })),
  'approval.grant': define('conductor', 'Agree to the evidence of a gate.', z.object(agreement)),
  'verdict.report': define(
    'conductor',
    'Pass on what a verifier outside found about exactly the evidence that lies at a gate, and signed.',
    z.object({
      ...onTrain,
      phase: Phase,
      cycle: z.int().positive(),
      attempt: z.int().positive(),
      verifier: z.string(),
      outcome: z.enum(['pass', 'fail']),
      evidence: z.array(Digest),
      reason: z.string().default(''),
      signature: z.string(),
    }),
  ),
  'approval.refuse': define(
    'conductor',
    'Do not agree to the evidence of a gate, or ask for changes.',
    z.object({ ...agreement, revise: z.boolean().default(false) }),
  ),
  'approver.appoint': define('conductor', 'Give a person a role on a train.', z.object(office)),
  'approver.dismiss': define(
    'conductor',
    'Take a role on a train from a person.',
    z.object({ ...office, reason: z.string().min(1) }),
  ),
  'approval.delegate': define(
    'conductor',
    'Let another person speak in one’s stead, for a while.',
    z.object({
      ...onTrain,
      role: z.string(),
      to: z.string().min(1),
      until: Instant,
      reason: z.string().min(1),
      ...passedOn,
    }),
  ),
  'approval.undelegate': define(
    'conductor',
    'Speak for oneself again.',
    z.object({ ...onTrain, role: z.string(), to: z.string().min(1), ...passedOn }),
  ),
  'waiver.grant': define(
    'conductor',
    'Let checks of a gate be unmet, until an end.',
    z.object({ ...waiver, checks: z.array(z.string()).min(1) }),
  ),
  'gate.force': define('conductor', 'Waive everything that is unmet at a gate.', z.object(waiver)),
  'waiver.settle': define(
    'conductor',
    'Say that what a waiver covered is mended, or accepted as it is.',
    z.object({
      ...onTrain,
      waiverId: z.string(),
      as: z.enum(['mended', 'accepted']),
      reason: z.string().default(''),
      role: z.string(),
      ...passedOn,
    }),
  ),
  'task.complete': define(
    'conductor',
    'Say that a person has done what a session waits for, and what they found.',
    z.object({ ...onTrain, ticketId: TicketId, action: z.string(), facts: Facts.default({}), ...passedOn }),
  ),
  'session.rollback': define(
    'conductor',
    'Make a session what it was at an earlier version of its stream.',
    z.object({ ...onTrain, ticketId: TicketId, to: z.int().positive(), reason: z.string().min(1) }),
  ),
  'risk.raise': define(
    'risk-registry',
    'Raise a risk by hand.',
    z.object({
      ...onTrain,
      catalogue: z.string(),
      title: z.string().min(1),
      reason: z.string().min(1),
      probability: z.int().min(1).max(5),
      impact: z.int().min(1).max(5),
      phases: z.array(Phase).default([]),
    }),
  ),
  'risk.mitigate': define(
    'risk-registry',
    'Say what works against a risk, and how much of it.',
    z.object({ ...onTrain, riskId: z.string(), mitigation: z.string(), effectiveness: z.number().min(0).max(1) }),
  ),
  'risk.accept': define(
    'risk-registry',
    'Take an open risk upon oneself, as it is.',
    z.object({ ...onTrain, riskId: z.string(), reason: z.string().min(1) }),
  ),
  'risk.close': define(
    'risk-registry',
    'Close a risk.',
    z.object({ ...onTrain, riskId: z.string(), reason: z.string().min(1) }),
  ),
  'budget.set': define('cost', 'Set what a train may spend.', z.object({ ...onTrain, budget: Money })),
} as const;

export type CommandName = keyof typeof COMMANDS;
export type CommandBody<Name extends CommandName> = z.infer<(typeof COMMANDS)[Name]['body']>;
export type CommandInput<Name extends CommandName> = z.input<(typeof COMMANDS)[Name]['body']>;

/** A command on its way: who asks, for which tenant, and under which id it may be repeated. */
export const CommandEnvelope = z.object({
  tenant: TenantId,
  commandId: CommandId,
  actor: z.string(),
  correlationId: z.string(),
  body: z.unknown(),
});
export type CommandEnvelope = z.infer<typeof CommandEnvelope>;

/**
 * What became of a command. `unknown`: no answer in time, or what it needs is away; ask again with the same id.
 * `failed`: a bug, which asking again would meet again.
 */
export const CommandReply = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('accepted'),
    stream: z.string(),
    version: z.int().nonnegative(),
    /** Place in the global log of what the command brought about. */
    position: z.int().nonnegative(),
  }),
  z.object({ kind: z.literal('rejected'), code: z.string(), reason: z.string() }),
  z.object({ kind: z.literal('failed'), reason: z.string() }),
  z.object({ kind: z.literal('unknown'), reason: z.string() }),
]);
export type CommandReply = z.infer<typeof CommandReply>;

/** Subject of a command: `vt.command.<name>`. */
export const subjectOfCommand = (name: CommandName) => `vt.command.${name}`;
