import canonicalize from 'canonicalize';

/** A lone surrogate, as `JSON.stringify` writes it, or a backslash before the same letters. */
const MAYBE_LONE_SURROGATE = /\\ud[89a-f]/;
const INSERTED_KEYS_MAX = 32;

/**
 * Canonical JSON of an object (RFC 8785). `JSON.stringify` writes strings and numbers as the RFC wants them, so sorting
 * the keys is enough for all but a few values; those go to `canonicalize`, which takes twice as long.
 * @throws when there is none: NaN, an infinity, a lone surrogate, a bigint, a cycle.
 */
export const canonicalJson = (value: object): string => {
  let ordinary = true;

  // Called for every value of every event, hence the plain loops.
  const sorted = (value: unknown): unknown => {
    if (typeof value === 'number' && !Number.isFinite(value)) ordinary = false;
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) {
      const items: unknown[] = [];
      for (let index = 0; index < value.length; index += 1) items.push(sorted(value[index]));
      return items;
    }
    if ('toJSON' in value) ordinary = false;
    const keys = Object.keys(value);
    sort(keys);
    const copy: Record<string, unknown> = {};
    for (let index = 0; index < keys.length; index += 1) {
      const key = keys[index]!;
      if (isUnsortable(key)) ordinary = false;
      copy[key] = sorted((value as Record<string, unknown>)[key]);
    }
    return copy;
  };

  const copy = sorted(value);
  const json = ordinary ? JSON.stringify(copy) : undefined;
  return json === undefined || MAYBE_LONE_SURROGATE.test(json) ? (canonicalize(value) ?? '') : json;
};

/** By insertion: keys are few, and `Array.prototype.sort` makes more garbage than all the rest of an append. */
const sort = (keys: string[]): void => {
  if (keys.length > INSERTED_KEYS_MAX) keys.sort();
  else {
    for (let next = 1; next < keys.length; next += 1) {
      const key = keys[next]!;
      let place = next;
      for (; place > 0 && keys[place - 1]! > key; place -= 1) keys[place] = keys[place - 1]!;
      keys[place] = key;
    }
  }
};

/** Keys like integers come first in an object whatever the order of insertion, and `__proto__` is not a key like others. */
const isUnsortable = (key: string): boolean => (key >= '0' && key < ':') || key === '__proto__';
