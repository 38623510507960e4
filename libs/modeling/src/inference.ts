/**
 * What turns rows into predictions, in training, in evaluation and in the served package alike. It imports nothing, so
 * that its built file can be copied into a package and run there as it is.
 */

export type Value = number | string | boolean | null;
/** One observation, by column. A time is text in ISO 8601; what is not known is null. */
export type Row = Readonly<Record<string, Value>>;

export interface Column {
  readonly name: string;
  readonly kind: 'number' | 'boolean' | 'category' | 'time';
}

/** How one number is made from a row and the rows before it. Nothing here can name a row that comes after. */
export type FeatureRule = { readonly name: string; readonly column: string } & (
  | { readonly kind: 'value'; readonly lag: number }
  /** Mean of the last `rows` rows, the present one included. */
  | { readonly kind: 'rolling-mean'; readonly rows: number }
  | { readonly kind: 'missing' }
  | { readonly kind: 'one-hot'; readonly is: string; readonly lag: number }
  | { readonly kind: 'calendar'; readonly cycle: 'year' | 'week' | 'day'; readonly wave: 'sin' | 'cos' }
);

/** A rule with what the training rows taught: what stands in for a missing value, and the standardisation. */
export type Feature = FeatureRule & { readonly fill: number; readonly mean: number; readonly scale: number };

export interface FeatureConfig {
  /** The columns that a row must have. */
  readonly columns: readonly Column[];
  readonly features: readonly Feature[];
}

/** Parallel arrays, one entry a node; `feature` is -1 at a leaf. A row goes left when its value is at most `threshold`. */
export interface Tree {
  readonly feature: readonly number[];
  readonly threshold: readonly number[];
  readonly left: readonly number[];
  readonly right: readonly number[];
  readonly value: readonly number[];
}

export type Model =
  | { readonly family: 'logistic-regression'; readonly weights: readonly number[]; readonly bias: number }
  | { readonly family: 'ridge-regression'; readonly weights: readonly number[]; readonly bias: number }
  | { readonly family: 'random-forest'; readonly trees: readonly Tree[] }
  | {
      readonly family: 'gradient-boosting';
      readonly link: 'logit' | 'identity';
      readonly base: number;
      readonly trees: readonly Tree[];
    }
  | {
      readonly family: 'nearest-neighbours';
      readonly k: number;
      readonly points: readonly (readonly number[])[];
      readonly targets: readonly number[];
    };

const DAY_MS = 86_400_000;
const CYCLE_MS = { year: 365.2425 * DAY_MS, week: 7 * DAY_MS, day: DAY_MS } as const;
const ISO = /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(\.\d{1,9})?)?(Z|[+-]\d{2}(?::?\d{2})?)?)?$/;

const daysOf = (year: number, month: number): number => {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
};

/** Minutes that a zone such as `+02:00` is ahead of UTC. */
const minutesAhead = (zone: string | undefined): number => {
  if (zone === undefined || zone === 'Z') return 0;
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(3).replace(':', '') || 0);
  return zone.startsWith('-') ? -minutes : minutes;
};

/** Milliseconds since 1970 of a date or date and time in ISO 8601 (UTC unless it says otherwise), or undefined. */
export const instantOf = (text: string): number | undefined => {
  const match = ISO.exec(text);
  if (match === null) return undefined;
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
  const [hour, minute, second] = [Number(match[4] ?? 0), Number(match[5] ?? 0), Number(match[6] ?? 0)];
  if (month < 1 || month > 12 || day < 1 || day > daysOf(year, month)) return undefined;
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  const milliseconds = Math.floor(Number(match[7] ?? 0) * 1000);
  return Date.UTC(year, month - 1, day, hour, minute - minutesAhead(match[8]), second, milliseconds);
};

const numberOf = (value: Value | undefined): number =>
  typeof value === 'number' ? value : typeof value === 'boolean' ? Number(value) : Number.NaN;

const meanOfKnown = (rows: readonly Row[], from: number, to: number, column: string): number => {
  let sum = 0;
  let known = 0;
  for (let row = from; row <= to; row += 1) {
    const value = numberOf(rows[row]?.[column]);
    if (Number.isNaN(value)) continue;
    sum += value;
    known += 1;
  }
  return known === 0 ? Number.NaN : sum / known;
};

const waveOf = (value: Value | undefined, cycle: keyof typeof CYCLE_MS, wave: 'sin' | 'cos'): number => {
  const at = typeof value === 'string' ? instantOf(value) : undefined;
  return at === undefined ? Number.NaN : Math[wave]((2 * Math.PI * at) / CYCLE_MS[cycle]);
};

/** What a rule makes of each row before filling and scaling; NaN where it cannot be known from these rows. */
export const measure = (rule: FeatureRule, rows: readonly Row[]): number[] => {
  const { column } = rule;
  switch (rule.kind) {
    case 'value':
      return rows.map((_, row) => numberOf(rows[row - rule.lag]?.[column]));
    case 'rolling-mean':
      // A window that reaches before the first row is unknown rather than shorter: the same row then has the same
      // value, however much history comes with it.
      return rows.map((_, row) =>
        row + 1 < rule.rows ? Number.NaN : meanOfKnown(rows, row + 1 - rule.rows, row, column),
      );
    case 'missing':
      return rows.map((values) => ((values[column] ?? null) === null ? 1 : 0));
    case 'one-hot':
      return rows.map((_, row) => {
        const value = rows[row - rule.lag]?.[column] ?? null;
        return row < rule.lag ? Number.NaN : value === rule.is ? 1 : 0;
      });
    case 'calendar':
      return rows.map((values) => waveOf(values[column], rule.cycle, rule.wave));
  }
};

/** Rows (in order of time, where time matters) to a matrix: one line a row, one number a feature. */
export const transform = (config: FeatureConfig, rows: readonly Row[]): number[][] => {
  const matrix = rows.map(() => new Array<number>(config.features.length));
  config.features.forEach((feature, index) => {
    const values = measure(feature, rows);
    for (let row = 0; row < rows.length; row += 1) {
      const value = values[row]!;
      matrix[row]![index] = ((Number.isNaN(value) ? feature.fill : value) - feature.mean) / feature.scale;
    }
  });
  return matrix;
};

/** How many rows before a row its features look at. */
export const lookback = ({ features }: FeatureConfig): number =>
  features.reduce((most, feature) => {
    if (feature.kind === 'rolling-mean') return Math.max(most, feature.rows - 1);
    return feature.kind === 'value' || feature.kind === 'one-hot' ? Math.max(most, feature.lag) : most;
  }, 0);

/** Probability of yes for a log-odds. */
export const sigmoid = (logit: number): number =>
  logit >= 0 ? 1 / (1 + Math.exp(-logit)) : Math.exp(logit) / (1 + Math.exp(logit));

const linear = (weights: readonly number[], bias: number, x: readonly number[]): number => {
  let sum = bias;
  for (let index = 0; index < weights.length; index += 1) sum += weights[index]! * x[index]!;
  return sum;
};

export const leafOf = (tree: Tree, x: readonly number[]): number => {
  let node = 0;
  while (tree.feature[node]! >= 0) {
    node = x[tree.feature[node]!]! <= tree.threshold[node]! ? tree.left[node]! : tree.right[node]!;
  }
  return tree.value[node]!;
};

const sumOfLeaves = (trees: readonly Tree[], x: readonly number[]): number =>
  trees.reduce((sum, tree) => sum + leafOf(tree, x), 0);

const nearest = (
  points: readonly (readonly number[])[],
  targets: readonly number[],
  k: number,
  x: readonly number[],
): number => {
  const distances = points.map((point) => point.reduce((sum, value, index) => sum + (value - x[index]!) ** 2, 0));
  const order = Uint32Array.from(distances.keys()).sort((a, b) => distances[a]! - distances[b]! || a - b);
  return order.subarray(0, k).reduce((sum, index) => sum + targets[index]!, 0) / Math.min(k, points.length);
};

/** Probability of yes (classification) or the expected value (regression), one a line of `matrix`. */
export const predict = (model: Model, matrix: readonly (readonly number[])[]): number[] => {
  switch (model.family) {
    case 'logistic-regression':
      return matrix.map((x) => sigmoid(linear(model.weights, model.bias, x)));
    case 'ridge-regression':
      return matrix.map((x) => linear(model.weights, model.bias, x));
    case 'random-forest':
      return matrix.map((x) => sumOfLeaves(model.trees, x) / model.trees.length);
    case 'gradient-boosting':
      return matrix.map((x) => {
        const score = model.base + sumOfLeaves(model.trees, x);
        return model.link === 'logit' ? sigmoid(score) : score;
      });
    case 'nearest-neighbours':
      return matrix.map((x) => nearest(model.points, model.targets, model.k, x));
  }
};

const fieldProblem = ({ name, kind }: Column, value: unknown): string | undefined => {
  if (value === undefined) return `${name} is missing; send null when it is not known`;
  if (kind === 'time') {
    return typeof value === 'string' && instantOf(value) !== undefined
      ? undefined
      : `${name} is not a date or time in ISO 8601, such as 2015-12-31`;
  }
  if (value === null) return undefined;
  if (kind === 'category') return typeof value === 'string' ? undefined : `${name} is not text`;
  if (kind === 'boolean') return typeof value === 'boolean' ? undefined : `${name} is not true or false`;
  return typeof value === 'number' && Number.isFinite(value) ? undefined : `${name} is not a number`;
};

/**
 * What is wrong with rows that somebody sent, by index and field; empty when they can be predicted. Fields that the
 * model does not use are ignored, so that whole records can be sent.
 */
export const inputProblems = ({ columns }: FeatureConfig, rows: unknown): string[] => {
  if (!Array.isArray(rows) || rows.length === 0) return ['rows is not a list with at least one row'];
  const problems = rows.flatMap((row: unknown, index) => {
    if (typeof row !== 'object' || row === null || Array.isArray(row)) return [`rows[${index}] is not an object`];
    const fields = row as Readonly<Record<string, unknown>>;
    return columns.flatMap((column) => {
      const problem = fieldProblem(column, Object.hasOwn(fields, column.name) ? fields[column.name] : undefined);
      return problem === undefined ? [] : [`rows[${index}].${problem}`];
    });
  });
  const time = columns.find(({ kind }) => kind === 'time')?.name;
  if (problems.length > 0 || time === undefined) return problems;
  const times = (rows as readonly Row[]).map((row) => instantOf(String(row[time]))!);
  const early = times.findIndex((at, index) => index > 0 && at < times[index - 1]!);
  return early < 0 ? [] : [`rows[${early}].${time} is earlier than the row before it; send rows in order of time`];
};
