import type { FeatureConfig, Model } from '../inference.ts';
import { predict } from '../inference.ts';
import type { Examples } from '../models/features.ts';
import { randomOf, shuffled } from '../random.ts';
import { advantage, evaluate, type Metric, type Task } from './metrics.ts';

export interface Importance {
  readonly column: string;
  /** How much worse the metric becomes when the column's features are shuffled together; mean of the repeats. */
  readonly loss: number;
}

/** What each column is worth to a model on these examples, the most important first. Empty when the metric is undefined. */
export const importanceOf = (
  model: Model,
  { features }: FeatureConfig,
  { x, y }: Pick<Examples, 'x' | 'y'>,
  { task, metric, seed, repeats = 3 }: { task: Task; metric: Metric; seed: number; repeats?: number },
): Importance[] => {
  const whole = evaluate(task, y, predict(model, x))[metric];
  if (whole === undefined) return [];
  const random = randomOf(seed);
  const columns = [...new Set(features.map(({ column }) => column))];
  return columns
    .map((column) => {
      const losses = Array.from({ length: repeats }, () => {
        const donors = shuffled([...x.keys()], random);
        const mixed = x.map((values, row) =>
          values.map((value, index) => (features[index]!.column === column ? x[donors[row]!]![index]! : value)),
        );
        return advantage(metric, whole, evaluate(task, y, predict(model, mixed))[metric] ?? whole);
      });
      return { column, loss: losses.reduce((sum, loss) => sum + loss, 0) / repeats };
    })
    .sort((a, b) => b.loss - a.loss);
};
