/** Counts the tokens of a text. */
export type Count = (text: string) => number;

const isList = (value: unknown): value is readonly unknown[] => Array.isArray(value);
const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

/** Each member, by its name; items of a list have none. */
const members = (value: object): readonly (readonly [string, unknown])[] =>
  isList(value) ? value.map((item) => ['', item]) : Object.entries(value);
const marks = (value: object, name: string) => (isList(value) ? ',' : `${JSON.stringify(name)}:,`);

/** At least as many as the value has as JSON, as far as tokens of its pieces add up. */
const weightOf = (value: unknown, count: Count): number => {
  if (!isObject(value)) return count(JSON.stringify(value) ?? '');
  return members(value).reduce(
    (sum, [name, each]) => sum + count(marks(value, name)) + weightOf(each, count),
    count('[]'),
  );
};

/**
 * Parts a JSON value along its lists and objects into values of the same shape, each of at most `most` tokens: put
 * together again in their order they are the value. What fits stays together, so no row is parted among two.
 * Undefined when something that can not be parted, such as a text, is too large by itself.
 */
export const partsOf = (value: unknown, most: number, count: Count): readonly unknown[] | undefined => {
  if (weightOf(value, count) <= most) return [value];
  if (!isObject(value) || members(value).length === 0) return undefined;
  const parts: { readonly held: (readonly [string, unknown])[]; weight: number }[] = [];
  for (const [name, each] of members(value)) {
    const own = count(marks(value, name));
    const pieces = partsOf(each, most - own - count('[]'), count);
    if (pieces === undefined) return undefined;
    for (const piece of pieces) {
      const weight = weightOf(piece, count) + own;
      const last = parts.at(-1);
      // Two pieces of one member have one name, and would not stand side by side.
      if (last && pieces.length === 1 && last.weight + weight <= most) {
        last.held.push([name, piece]);
        last.weight += weight;
      } else {
        parts.push({ held: [[name, piece]], weight: weight + count('[]') });
      }
    }
  }
  return parts.map(({ held }) => (isList(value) ? held.map(([, item]) => item) : Object.fromEntries(held)));
};
