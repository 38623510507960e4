import type { Model } from '../inference.ts';
import { randomOf, shuffled } from '../random.ts';
import type { Task } from '../evaluation/metrics.ts';
import { fitLogistic, fitRidge } from './linear.ts';
import { fitBoosting, fitForest } from './trees.ts';

export type Family = Model['family'];

/** Everything but the rows that a model follows from. */
export interface Recipe {
  readonly task: Task;
  readonly family: Family;
  readonly params: Readonly<Record<string, number>>;
  readonly seed: number;
}

/** What a search may choose from at most, by family and parameter. */
export const GRID: Readonly<Record<Family, Readonly<Record<string, readonly number[]>>>> = {
  'logistic-regression': { l2: [0.1, 1, 3, 10, 30, 100, 300] },
  'ridge-regression': { l2: [0.1, 1, 3, 10, 30, 100, 300] },
  'random-forest': { trees: [60, 120], depth: [4, 6, 8, 10], leafRows: [2, 5, 10], features: [0.2, 0.35, 0.6] },
  'gradient-boosting': { rounds: [40, 80, 120], depth: [2, 3, 4], leafRows: [5, 10, 20], rate: [0.03, 0.06, 0.1] },
  'nearest-neighbours': { k: [5, 10, 20, 35, 50, 75] },
};

/** More stored points than this make a prediction slow and a package large. */
const NEIGHBOURS_MAX = 5_000;

export const familiesOf = (task: Task): readonly Family[] => [
  task === 'classification' ? 'logistic-regression' : 'ridge-regression',
  'random-forest',
  'gradient-boosting',
  'nearest-neighbours',
];

/** At most `count` different settings of a family from a part of its grid, drawn by the seed. */
export const drawParams = (
  family: Family,
  space: Readonly<Record<string, readonly number[]>>,
  count: number,
  seed: number,
): Recipe['params'][] => {
  const settings = Object.entries(GRID[family]).reduce<Recipe['params'][]>(
    (partial, [name, values]) => partial.flatMap((params) => values.map((value) => ({ ...params, [name]: value }))),
    [{}],
  );
  // Drawn before anything is left away: what is left is tried in the same order in whatever space.
  return shuffled(settings, randomOf(seed))
    .filter((params) => Object.entries(params).every(([name, value]) => space[name]?.includes(value)))
    .slice(0, count);
};

const setting = ({ family, params }: Recipe, name: string): number => {
  const value = params[name];
  if (value === undefined) throw new Error(`${family} needs the parameter ${name}`);
  return value;
};

/** The same recipe on the same rows is the same model, to the last digit; it is plain JSON. */
export const fit = (recipe: Recipe, x: readonly (readonly number[])[], y: readonly number[]): Model => {
  const { family, seed, task } = recipe;
  const of = (name: string): number => setting(recipe, name);
  switch (family) {
    case 'logistic-regression':
      return fitLogistic(x, y, of('l2'));
    case 'ridge-regression':
      return fitRidge(x, y, of('l2'));
    case 'random-forest':
      return fitForest(
        x,
        y,
        { trees: of('trees'), depth: of('depth'), leafRows: of('leafRows'), features: of('features') },
        seed,
      );
    case 'gradient-boosting':
      return fitBoosting(
        x,
        y,
        { rounds: of('rounds'), depth: of('depth'), leafRows: of('leafRows'), rate: of('rate') },
        seed,
        task === 'classification' ? 'logit' : 'identity',
      );
    case 'nearest-neighbours': {
      const rows =
        y.length <= NEIGHBOURS_MAX ? [...y.keys()] : shuffled([...y.keys()], randomOf(seed)).slice(0, NEIGHBOURS_MAX);
      return { family, k: of('k'), points: rows.map((row) => x[row]!), targets: rows.map((row) => y[row]!) };
    }
  }
};
