import { Money } from '@vt/contracts';
import { z } from 'zod';

const Person = z.strictObject({
  name: z.string().min(1),
  role: z.string().min(1),
  email: z.email(),
  responsibility: z.string().optional(),
});

/**
 * What is to be predicted. A word names a column that holds it; otherwise the value of `column`, `ahead` rows later in
 * time, made yes-or-no by `above`: `{ column: precipitation, ahead: 1, above: 0 }` asks whether it rains tomorrow.
 */
const Target = z.union([
  z.string().min(1),
  z.strictObject({
    column: z.string().min(1),
    ahead: z.int().nonnegative().default(0),
    above: z.number().optional(),
  }),
]);

const Metric = z.enum(['roc-auc', 'accuracy', 'f1', 'log-loss', 'brier', 'mae', 'rmse', 'r2']);

/** What a client and a sponsor agree on before work begins; the whole train is judged by it. */
export const Charter = z.strictObject({
  name: z.string().min(1),
  client: z.strictObject({ name: z.string().min(1), industry: z.string().min(1) }),
  problem: z.string().min(20, 'say in a sentence or two which decision is hard today'),
  decision: z.string().min(1).describe('What somebody will do differently with the prediction.'),
  sponsor: Person,
  contacts: z.array(Person).min(1),
  questionnaire: z
    .array(
      z.strictObject({
        id: z.string().regex(/^[a-z][a-z0-9-]*$/),
        dimension: z.enum(['business', 'data', 'technology', 'people', 'governance']),
        question: z.string().min(1),
        answer: z.string().min(1),
        /** 0: nothing there; 5: fully in place. */
        score: z.int().min(0).max(5),
      }),
    )
    .min(5),
  data: z.strictObject({
    /** CSV or Parquet, relative to the charter. */
    file: z.string().min(1),
    description: z.string().min(1),
    owner: z.string().min(1),
    licence: z.string().min(1),
    target: Target,
    task: z.enum(['classification', 'regression']),
    /** For classification with a text target: the label that counts as yes. */
    positive: z.union([z.string(), z.number(), z.boolean()]).optional(),
    time: z.string().optional(),
    /** Columns that must not be used, such as ids and what is known only afterwards. */
    exclude: z.array(z.string()).default([]),
    /** Shares of the rows, in time where there is a time column: training, held-out, later. */
    split: z.tuple([z.number().positive(), z.number().positive(), z.number().positive()]).default([0.5, 0.25, 0.25]),
  }),
  success: z
    .array(
      z.union([
        z.strictObject({ metric: Metric, atLeast: z.number() }),
        z.strictObject({ metric: Metric, atMost: z.number() }),
        z.strictObject({ metric: Metric, betterThanBaselineBy: z.number() }),
      ]),
    )
    .min(1),
  /** persistence: the latest known value of the target's column; majority and mean: of the training rows. */
  baseline: z.enum(['persistence', 'majority', 'mean']),
  budget: Money,
  valuePerCorrectDecision: Money.optional(),
  approvals: z.array(z.strictObject({ role: z.string().min(1), name: z.string().min(1) })).min(1),
  /** Same seed, same data, same model. */
  seed: z.int().nonnegative().default(20),
});
export type Charter = z.infer<typeof Charter>;

/** The metric that models are chosen and compared by: that of the first success criterion. */
export const primaryMetric = ({ success }: Pick<Charter, 'success'>) => success[0]!.metric;
