import { Agent, Isolation, Law, Mode, Phase, WorkPhase } from '@vt/contracts';
import { Duration } from '@vt/kernel';
import { z } from 'zod';
import { Permissions, type Call } from './permissions.ts';

const Id = z.string().regex(/^[a-z][a-z0-9-]*$/, 'a slug: lower-case letters, digits and hyphens');

/** Name of a tool: `lab.profile-data`, `human`, `command:python3`, `mcp__server__tool`. */
export const ToolName = z
  .string()
  .regex(
    /^([a-z][a-z0-9-]*(\.[a-z0-9][a-z0-9.-]*)?|command:[\w.+-]+|mcp__[a-z0-9-]+__[\w-]+)$/,
    'a tool, such as lab.profile-data',
  );

const comparison = {
  fact: z.string(),
  op: z.enum(['==', '!=', '>=', '>', '<=', '<']),
  value: z.union([z.number(), z.string(), z.boolean()]),
};

const SingleTest = z.discriminatedUnion('kind', [
  /** Compares a number or word that the work reported. */
  z.strictObject({ kind: z.literal('fact'), ...comparison }),
  /** A CEL expression over `facts`, `outcome`, `cycle`, `attempt` and `artifacts`. */
  z.strictObject({ kind: z.literal('rule'), rule: z.string().min(1) }),
  z.strictObject({ kind: z.literal('completed'), phase: Phase }),
  /** Compares what a phase of another agent reported when it was last completed: nobody is their own judge. */
  z.strictObject({ kind: z.literal('evidence'), phase: Phase, ...comparison }),
  /** `phase` was completed again since `after`, whose work it looks at, was last completed. */
  z.strictObject({ kind: z.literal('fresh'), phase: Phase, after: Phase }),
  /** No open risk that touches the phase scores so much, 1 to 25, unless a person accepted it. */
  z.strictObject({ kind: z.literal('risks'), below: z.int().min(1).max(25) }),
  /** At most this share of the budget is spent. */
  z.strictObject({ kind: z.literal('budget'), share: z.number().positive().max(1) }),
  /** A verifier of this pipeline looked at exactly what was submitted, and signed that it passes. */
  z.strictObject({ kind: z.literal('external'), verifier: Id }),
]);

interface Several {
  readonly of: Test[];
}
/** What a criterion tests: one thing, or several together. */
export type Test =
  | z.infer<typeof SingleTest>
  | (Several & { readonly kind: 'all' | 'any' })
  | (Several & { readonly kind: 'at-least'; readonly count: number });

const several = { of: z.array(z.lazy((): z.ZodType<Test> => Test)).min(1) };

export const Test = z
  .discriminatedUnion('kind', [
    ...SingleTest.options,
    z.strictObject({ kind: z.literal('all'), ...several }),
    z.strictObject({ kind: z.literal('any'), ...several }),
    z.strictObject({ kind: z.literal('at-least'), count: z.int().positive(), ...several }),
  ])
  .meta({ id: 'Test' });

/** What must hold at the door of a phase. */
export const Criterion = z.strictObject({
  id: Id,
  /** The sentence that a person reads. */
  says: z.string().min(1),
  check: Test,
  /** Fails the attempt, holds the gate until that changes, or is noted and nothing else. */
  onFail: z.enum(['block', 'hold', 'warn']).default('block'),
  /** On trial: recorded, and never part of the verdict. */
  shadow: z.boolean().default(false),
});
export type Criterion = z.infer<typeof Criterion>;

const FactPattern = z.string().regex(/^[a-z][a-z0-9-]*(\.([a-z0-9][a-z0-9-]*|\*))*$/, 'a fact, such as raw-rows');

/** A unit of work with a life of its own: recorded when done, and never done again after that. */
export const PipelineAction = z.strictObject({
  id: Id,
  title: z.string().min(1),
  tool: ToolName,
  /** The agent that performs it, one of the phase's `support`; without it, the owner. */
  by: Agent.optional(),
  /** Research and plan come first, each ends with a gate of its own, and until the plan is accepted nothing else is written. */
  during: WorkPhase.default('implement'),
  /** Actions of this phase that come first. What does not depend on each other runs side by side. */
  needs: z.array(z.string()).default([]),
  /** Paths, relative to the train's tree, of the files it may leave; the gate judges which of them it must. */
  produces: z.array(z.string()).default([]),
  /** Facts that it may report, which the gate's criteria read; `metric.*` stands for every name that begins so. */
  reports: z.array(FactPattern).default([]),
  required: z.boolean().default(true),
  /** What may be done when nobody knows whether it happened: repeat it, look first, or ask a person. */
  retry: z.enum(['idempotent', 'reconcilable', 'at-most-once']).default('idempotent'),
  /** How programs must be contained, at least; a machine that gives less refuses the action. */
  isolation: Isolation.default('none'),
  timeoutSeconds: z.int().positive().default(300),
  /** For the tool `command:<program>`: its arguments. */
  run: z.array(z.string()).optional(),
  /** For the tool `human`: who is asked to do what. */
  ask: z.strictObject({ role: z.string(), instructions: z.string() }).optional(),
});
export type PipelineAction = z.infer<typeof PipelineAction>;

/** People of one role whose agreement a gate needs, to exactly the evidence they saw. */
export const ApprovalGroup = z.strictObject({
  role: z.string().min(1),
  /** Only these of the people who have the role; without it, all of them. */
  people: z.array(z.string().min(1)).min(1).optional(),
  /** How many of them must agree. */
  count: z.int().positive().default(1),
  /** How long a yes lasts while the gate waits for something else; without it, for as long as it waits. */
  expiresAfter: Duration.optional(),
  /** When silence is escalated, each counted from the request. */
  escalateAfter: z.array(Duration).default(() => ['4h', '8h', '24h'].map((text) => Duration.parse(text))),
  /** When silence becomes a no; without it, never. */
  deniedAfter: Duration.optional(),
});
export type ApprovalGroup = z.infer<typeof ApprovalGroup>;

export const PipelinePhase = z.strictObject({
  id: Phase,
  title: z.string().min(1),
  group: z.enum(['pre-engagement', 'delivery']),
  owner: Agent,
  /** Of all its actions, unless one asks for more. */
  isolation: Isolation.default('none'),
  /** What one attempt may spend: it is reserved before, and no call of a model is made that could pass it. */
  mayCost: z
    .strictObject({
      amount: z.string().regex(/^\d+(\.\d{1,9})?$/, 'a decimal in quotes, such as "0.50"'),
      currency: z.string().length(3, 'a currency of three letters, such as USD'),
    })
    .optional(),
  support: z.array(z.enum([...Agent.options, 'conductor'])).default([]),
  mode: Mode,
  entry: z.array(Criterion).default([]),
  actions: z.array(PipelineAction).min(1),
  /** What must hold before work goes on from research, and from its plan; judged from what its actions reported. */
  workGates: z
    .strictObject({ research: z.array(Criterion).min(1).optional(), plan: z.array(Criterion).min(1).optional() })
    .optional(),
  artifacts: z
    .array(
      z.strictObject({
        path: z.string().regex(/^[a-z0-9][\w./-]*\.[a-z0-9]+$/i, 'a relative path with an extension'),
        required: z.boolean().default(true),
        /** Required only from the second cycle on. */
        onlyRetraining: z.boolean().default(false),
        /** Required only when the work has this outcome. */
        onlyOutcome: z.string().optional(),
      }),
    )
    .default([]),
  exit: z.array(Criterion).default([]),
  /** Groups of people who must agree, all of them. */
  approvals: z.array(ApprovalGroup).default([]),
  /** Whether a group is asked only after those before it have agreed. */
  approvalsInOrder: z.boolean().default(false),
  /** What a request must bring, and the section where it stands: `rollback: deploy/config.md#Rollback`. */
  approvalsNeed: z
    .record(Id, z.string().regex(/^[^#]+\.md#.+$/, 'a section of a Markdown file, such as deploy/config.md#Rollback'))
    .default({}),
  /** Where the train goes when the work has no outcome of `loops` or `ends`; null: nowhere, an outcome must say. */
  next: Phase.nullable(),
  loops: z
    .array(z.strictObject({ outcome: z.string(), to: Phase, retraining: z.boolean().default(false) }))
    .default([]),
  ends: z.array(z.strictObject({ outcome: z.string(), as: z.enum(['archived', 'completed']) })).default([]),
});
export type PipelinePhase = z.infer<typeof PipelinePhase>;

/** A bounded working context: who may work in it, with which tools, by which checklist. */
export const PipelineMode = z.strictObject({
  id: Mode,
  title: z.string().min(1),
  agents: z.array(Agent).min(1),
  /** The short form of `permissions.allow`: `lab.*` allows every tool of the lab. What is not listed is refused. */
  tools: z.array(z.string().min(1)).default([]),
  permissions: Permissions.prefault({}),
  /** Advisory items, in the groups of the methodology. */
  checklist: z.array(z.strictObject({ group: z.string(), items: z.array(z.string()).min(1) })).default([]),
  exit: z.array(z.string()).default([]),
  /** Modes that may follow. */
  transitions: z.array(Mode),
});
export type PipelineMode = z.infer<typeof PipelineMode>;

/** enforce: it is refused; warn: it is recorded; off: nobody looks. */
export const LawPolicy = z.enum(['enforce', 'warn', 'off']);
export type LawPolicy = z.infer<typeof LawPolicy>;
export type LawPolicies = Readonly<Partial<Record<Law, LawPolicy | undefined>>>;

export const Pipeline = z.strictObject({
  id: Id,
  version: z.int().positive(),
  title: z.string().min(1),
  description: z.string().min(1),
  attemptsMax: z.int().positive().max(10).default(3),
  /** What becomes of who breaks a law; each law has a policy of its own unless it is given here. */
  laws: z.partialRecord(Law, LawPolicy).optional(),
  /** Who may let a check be unmet for a while, and which checks never; without it, nobody may. */
  waivers: z
    .strictObject({
      roles: z.array(z.string().min(1)).min(1),
      /** Ids of checks; `criterion:*` stands for every id that begins so. */
      never: z.array(z.string().min(1)).default([]),
    })
    .optional(),
  /** Services outside whose signed verdicts criteria of the kind `external` ask for. */
  verifiers: z
    .array(
      z.strictObject({
        id: Id,
        publicKey: z
          .string()
          .regex(/^MCowBQYDK2VwAyEA[A-Za-z0-9+/]{43}=$/, 'the line between BEGIN and END of an Ed25519 PUBLIC KEY'),
      }),
    )
    .default([]),
  modes: z.array(PipelineMode).min(1),
  phases: z.array(PipelinePhase).min(1),
});
export type Pipeline = z.infer<typeof Pipeline>;

export const phaseOf = (pipeline: Pipeline, phase: string): PipelinePhase | undefined =>
  pipeline.phases.find(({ id }) => id === phase);

export const modeOf = (pipeline: Pipeline, mode: string): PipelineMode | undefined =>
  pipeline.modes.find(({ id }) => id === mode);

/** What it is to perform an action: to run a program with its arguments, or to use a tool. */
export const callOfAction = ({ tool, run = [] }: Pick<PipelineAction, 'tool' | 'run'>): Call =>
  tool.startsWith('command:')
    ? { kind: 'command', argv: [tool.slice('command:'.length), ...run] }
    : { kind: 'tool', name: tool };

/**
 * What may be done in a mode. The files of its train may be read and written, unless it allows some of them only, as
 * `Edit(models/**)` does.
 */
export const permissionsOf = ({ tools, permissions: { deny, ask, allow } }: PipelineMode): Permissions => {
  const said = [...tools, ...allow];
  const files = ['Read', 'Edit'].filter((tool) => !said.some((rule) => rule === tool || rule.startsWith(`${tool}(`)));
  return { deny, ask, allow: [...said, ...files] };
};
