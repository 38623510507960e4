import { Digest } from '@vt/kernel';
import { z } from 'zod';

/** The agents that do the work of phases. The conductor decides, and works no phase. */
export const Agent = z.enum(['onboarder', 'lab', 'studio', 'ops', 'evaluator', 'improver']);
export type Agent = z.infer<typeof Agent>;

const Slug = z.string().regex(/^[a-z][a-z0-9-]*$/, 'a slug: lower-case letters, digits and hyphens');

/** Slug of a phase; which ones there are is the pipeline's to say. */
export const Phase = Slug;
export type Phase = z.infer<typeof Phase>;
export const Mode = Slug;
export type Mode = z.infer<typeof Mode>;

export const Role = z.enum(['viewer', 'operator', 'approver', 'auditor', 'admin']);
export type Role = z.infer<typeof Role>;

/** What a pause covers, from the narrowest to the widest. Its subject is a ticket, a train or an agent; else empty. */
export const PauseScope = z.enum(['session', 'ticket', 'train', 'agent', 'tenant', 'fleet']);
export type PauseScope = z.infer<typeof PauseScope>;

/** A file that work left behind: where it belongs in the train's tree, and the content it had. */
export const Artifact = z.object({
  path: z.string(),
  digest: Digest,
  /** Bytes. */
  size: z.int().nonnegative(),
  mediaType: z.string(),
});
export type Artifact = z.infer<typeof Artifact>;

/**
 * One check of a gate, and what it found. `inconclusive` is what nobody can tell, because something is missing, failed
 * or took too long: it is never a pass. `waived` lets the gate pass, for a while.
 */
export const Check = z.object({
  id: z.string(),
  outcome: z.enum(['met', 'unmet', 'inconclusive', 'pending', 'waived']),
  reason: z.string(),
  /** What it does unless it is met: hold the gate, warn, or nothing, because it is on trial. Absent: fail the attempt. */
  effect: z.enum(['hold', 'warn', 'shadow']).optional(),
  /** Digests of what it looked at. Absent: everything that was submitted. */
  inputs: z.array(Digest).optional(),
});
export type Check = z.infer<typeof Check>;

export const Verdict = z.enum(['passed', 'failed', 'held']);
export type Verdict = z.infer<typeof Verdict>;

/** What a model was to be given for a section, estimated before it was sent. */
export const ContextLoad = z.object({
  section: z.string(),
  tokenizer: z.string(),
  /** As it was sent, or would have been. */
  tokens: z.int().positive(),
  /** Before anything was left out. */
  estimated: z.int().positive(),
  windowTokens: z.int().positive(),
  /** Of the summary of a part; absent where there is none. */
  summaryTokens: z.int().positive().optional(),
  /** part: of the facts, to be summarised; delegated: what was sent were the summaries of all parts. */
  outcome: z.enum(['whole', 'part', 'delegated', 'condensed', 'refused']),
});
export type ContextLoad = z.infer<typeof ContextLoad>;

/**
 * How a program is contained, from the least: not at all; by a process group and limits; by namespaces besides, with
 * files, processes and a network of its own.
 */
export const Isolation = z.enum(['none', 'process', 'namespace']);
export type Isolation = z.infer<typeof Isolation>;

/** What the work in a ticket is about, in this order: what is so, what shall be done, and doing it. */
export const WorkPhase = z.enum(['research', 'plan', 'implement']);
export type WorkPhase = z.infer<typeof WorkPhase>;

/** What an action cost. Tokens are per model; an action without a model has none. */
export const Usage = z.object({
  cpuMs: z.number().nonnegative(),
  wallMs: z.number().nonnegative(),
  tokens: z.array(z.object({ model: z.string(), input: z.int().nonnegative(), output: z.int().nonnegative() })),
  /** What a model was to be given; absent where none was asked. */
  loads: z.array(ContextLoad).optional(),
});
export type Usage = z.infer<typeof Usage>;

/** Named numbers and words that work found out; gates read them by name. */
export const Facts = z.record(z.string(), z.union([z.number(), z.string(), z.boolean()]));
export type Facts = z.infer<typeof Facts>;

/** What was decided in the course of work: why, and what else was thought of, with the reason against it. */
export const Decision = z.object({
  decision: z.string().min(1),
  rationale: z.string().min(1),
  alternatives: z.array(z.object({ option: z.string().min(1), because: z.string().min(1) })),
});
export type Decision = z.infer<typeof Decision>;

/** What work had to leave open: what hangs on it, and who or what needs the answer. */
export const Question = z.object({
  question: z.string().min(1),
  impact: z.string().min(1),
  neededBy: z.string().min(1),
});
export type Question = z.infer<typeof Question>;

/** Something that work taught, and the evidence. */
export const Learning = z.object({ learning: z.string().min(1), evidence: z.string().min(1) });
export type Learning = z.infer<typeof Learning>;

/** Something that would make work better. Impact and effort from 1 to 10; null where nobody has estimated it. */
export const Improvement = z.object({
  proposal: z.string().min(1),
  because: z.string().min(1),
  impact: z.int().min(1).max(10).nullable(),
  effort: z.int().min(1).max(10).nullable(),
});
export type Improvement = z.infer<typeof Improvement>;

/** What every train is held to, whatever its pipeline. */
export const Law = z.enum([
  'extract-learnings',
  'improve',
  'document-context',
  'validate-before-execute',
  'prevent-loops',
  'share-patterns',
  'guide',
]);
export type Law = z.infer<typeof Law>;

/** What a session leaves for those that come after it. */
export const Retrospective = z.object({
  learnings: z.array(Learning),
  improvements: z.array(Improvement),
  /** Laws that ask for something that there was not, and why. */
  waived: z.array(z.object({ law: Law, reason: z.string().min(1) })),
});
export type Retrospective = z.infer<typeof Retrospective>;

/** Decimal number as a string, so that no digit is lost: `12.50`. */
export const Money = z.object({
  amount: z.string().regex(/^-?\d+(\.\d+)?$/, 'a decimal number as text, such as 12.50'),
  currency: z.string().length(3, 'a currency of three letters, such as USD'),
});
export type Money = z.infer<typeof Money>;

/** What the work on a ticket may spend: an amount that is reserved for it, and what models cost when it was. */
export const Allowance = z.object({
  amount: Money,
  /** Date of the price book, YYYY-MM-DD. */
  priceBook: z.string(),
  /** Per million tokens, in the currency of the amount. */
  models: z.record(z.string(), z.object({ input: z.string(), output: z.string() })),
});
export type Allowance = z.infer<typeof Allowance>;
