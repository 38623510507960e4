import { leafOf, sigmoid, type Model, type Tree } from '../inference.ts';
import { randomOf } from '../random.ts';

const BINS_MAX = 64;

type Rows = readonly (readonly number[])[];

/** Features as small numbers, so that a split is found by counting: `codes[feature][row]` is the index of its edge. */
interface Binned {
  readonly edges: readonly (readonly number[])[];
  readonly codes: readonly Uint8Array[];
  /** Sums by bin, of one feature at a time. */
  readonly slopes: Float64Array;
  readonly curvatures: Float64Array;
  readonly counts: Uint32Array;
}

const binned = (x: Rows): Binned => {
  const edges = (x[0] ?? []).map((_, feature) => edgesOf(x.map((values) => values[feature]!)));
  const codes = edges.map((cuts, feature) => Uint8Array.from(x, (values) => codeOf(cuts, values[feature]!)));
  const [slopes, curvatures] = [new Float64Array(BINS_MAX), new Float64Array(BINS_MAX)];
  return { edges, codes, slopes, curvatures, counts: new Uint32Array(BINS_MAX) };
};

/** Between neighbouring values, at most 63 of them at equal steps of the sorted values. */
const edgesOf = (values: readonly number[]): number[] => {
  const sorted = [...new Set(values)].sort((a, b) => a - b);
  const source = sorted.length <= BINS_MAX ? sorted : thinned(values.toSorted((a, b) => a - b));
  return source.slice(1).map((value, index) => {
    const middle = (source[index]! + value) / 2;
    return middle < value ? middle : source[index]!;
  });
};

const thinned = (sorted: readonly number[]): number[] => [
  ...new Set(
    Array.from({ length: BINS_MAX }, (_, bin) => sorted[Math.floor((bin * (sorted.length - 1)) / (BINS_MAX - 1))]!),
  ),
];

/** Index of the first edge that is not below the value: the same comparison as at prediction. */
const codeOf = (cuts: readonly number[], value: number): number => {
  let low = 0;
  let high = cuts.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (value <= cuts[middle]!) high = middle;
    else low = middle + 1;
  }
  return low;
};

interface Growth {
  readonly depth: number;
  readonly leafRows: number;
  /** Features looked at for each split. */
  readonly tried: number;
  /** Added to the curvature of a leaf: keeps leaves of few rows near zero. */
  readonly shrink: number;
  readonly random: () => number;
}

interface Split {
  readonly feature: number;
  readonly code: number;
  readonly gain: number;
}

/**
 * Grows a tree whose leaves hold sum(slope) / (sum(curvature) + shrink). With slope y and curvature 1 that is the mean
 * of y, and the best split is the one that lowers its variance most; with the gradient and curvature of a loss it is
 * a step of boosting.
 */
const grow = (bins: Binned, rows: Uint32Array, slope: Float64Array, curvature: Float64Array, growth: Growth): Tree => {
  const tree = {
    feature: [] as number[],
    threshold: [] as number[],
    left: [] as number[],
    right: [] as number[],
    value: [] as number[],
  };
  const sumOf = (from: Float64Array, part: Uint32Array): number => part.reduce((sum, row) => sum + from[row]!, 0);

  const add = (part: Uint32Array, depth: number): number => {
    const node = tree.feature.push(-1) - 1;
    const [g, h] = [sumOf(slope, part), sumOf(curvature, part)];
    tree.threshold.push(0);
    tree.left.push(0);
    tree.right.push(0);
    tree.value.push(g / (h + growth.shrink));
    if (depth === 0 || part.length < 2 * growth.leafRows) return node;
    const split = bestSplit(bins, part, slope, curvature, growth, g, h);
    if (split === undefined) return node;
    const column = bins.codes[split.feature]!;
    tree.feature[node] = split.feature;
    tree.threshold[node] = bins.edges[split.feature]![split.code]!;
    tree.left[node] = add(
      part.filter((row) => column[row]! <= split.code),
      depth - 1,
    );
    tree.right[node] = add(
      part.filter((row) => column[row]! > split.code),
      depth - 1,
    );
    return node;
  };
  add(rows, growth.depth);
  return tree;
};

const bestSplit = (
  { edges, codes, slopes, curvatures, counts }: Binned,
  part: Uint32Array,
  slope: Float64Array,
  curvature: Float64Array,
  { leafRows, tried, shrink, random }: Growth,
  g: number,
  h: number,
): Split | undefined => {
  let best: Split | undefined;
  const whole = (g * g) / (h + shrink);
  for (const feature of sampleOf(codes.length, tried, random)) {
    const bins = edges[feature]!.length + 1;
    slopes.fill(0, 0, bins);
    curvatures.fill(0, 0, bins);
    counts.fill(0, 0, bins);
    const column = codes[feature]!;
    for (const row of part) {
      const code = column[row]!;
      slopes[code]! += slope[row]!;
      curvatures[code]! += curvature[row]!;
      counts[code]! += 1;
    }
    let [leftG, leftH, left] = [0, 0, 0];
    for (let code = 0; code < bins - 1; code += 1) {
      leftG += slopes[code]!;
      leftH += curvatures[code]!;
      left += counts[code]!;
      if (left < leafRows || counts[code] === 0) continue;
      if (part.length - left < leafRows) break;
      const gain = leftG ** 2 / (leftH + shrink) + (g - leftG) ** 2 / (h - leftH + shrink) - whole;
      if (gain > 1e-9 && gain > (best?.gain ?? 0)) best = { feature, code, gain };
    }
  }
  return best;
};

const sampleOf = (size: number, count: number, random: () => number): number[] => {
  const all = Array.from({ length: size }, (_, index) => index);
  if (count >= size) return all;
  for (let at = 0; at < count; at += 1) {
    const other = at + Math.floor(random() * (size - at));
    [all[at], all[other]] = [all[other]!, all[at]!];
  }
  return all.slice(0, count);
};

export interface ForestParams {
  readonly trees: number;
  readonly depth: number;
  readonly leafRows: number;
  /** Share of the features looked at for each split. */
  readonly features: number;
}

/** Trees on resampled rows, averaged. */
export const fitForest = (x: Rows, y: readonly number[], params: ForestParams, seed: number): Model => {
  const random = randomOf(seed);
  const bins = binned(x);
  const slope = Float64Array.from(y);
  const curvature = new Float64Array(y.length).fill(1);
  const tried = Math.max(1, Math.round(bins.codes.length * params.features));
  const trees = Array.from({ length: params.trees }, () => {
    const sample = Uint32Array.from(y, () => Math.floor(random() * y.length));
    return grow(bins, sample, slope, curvature, { ...params, tried, shrink: 0, random });
  });
  return { family: 'random-forest', trees };
};

export interface BoostingParams {
  readonly rounds: number;
  readonly depth: number;
  readonly leafRows: number;
  /** Part of each step that is taken. */
  readonly rate: number;
}

/** Small trees, each of which corrects those before it: on log-odds for yes or no, on the value itself for numbers. */
export const fitBoosting = (
  x: Rows,
  y: readonly number[],
  params: BoostingParams,
  seed: number,
  link: 'logit' | 'identity',
): Model => {
  const random = randomOf(seed);
  const bins = binned(x);
  const mean = y.reduce((sum, value) => sum + value, 0) / y.length;
  const bounded = Math.min(1 - 1e-6, Math.max(1e-6, mean));
  const base = link === 'logit' ? Math.log(bounded / (1 - bounded)) : mean;
  const scores = new Float64Array(y.length).fill(base);
  const curvature = new Float64Array(y.length).fill(1);
  const growth = { ...params, tried: bins.codes.length, shrink: 1, random };
  const trees: Tree[] = [];
  for (let round = 0; round < params.rounds; round += 1) {
    const expected = link === 'logit' ? scores.map(sigmoid) : scores;
    const slope = expected.map((value, row) => y[row]! - value);
    if (link === 'logit') expected.forEach((value, row) => (curvature[row] = value * (1 - value)));
    // Four fifths of the rows for each tree: what one draw overfits, the next does not see.
    const sample = Uint32Array.from(y.keys()).filter(() => random() < 0.8);
    const tree = grow(bins, sample, slope, curvature, growth);
    const step = { ...tree, value: tree.value.map((value) => value * params.rate) };
    trees.push(step);
    x.forEach((values, row) => (scores[row]! += leafOf(step, values)));
  }
  return { family: 'gradient-boosting', link, base, trees };
};
