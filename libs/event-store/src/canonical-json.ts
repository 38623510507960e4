import canonicalize from 'canonicalize';

/** A lone surrogate, as `JSON.stringify` writes it, or a backslash before the same letters. */
const MAYBE_LONE_SURROGATE = /\\ud[89a-f]/;
/** Keys like integers come first in an object whatever the order of insertion, and `__proto__` is not a key like others. */
const UNSORTABLE_KEY = /^(\d|__proto__$)/;

/**
 * Canonical JSON of an object (RFC 8785). `JSON.stringify` writes strings and numbers as the RFC wants them, so sorting
 * the keys is enough for all but a few values; those go to `canonicalize`, which takes twice as long.
 * @throws when there is none: NaN, an infinity, a lone surrogate, a bigint, a cycle.
 */
export const canonicalJson = (value: object): string => {
  let ordinary = true;

  const sorted = (value: unknown): unknown => {
    if (typeof value === 'number') ordinary &&= Number.isFinite(value);
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map(sorted);
    ordinary &&= !('toJSON' in value);
    const copy: Record<string, unknown> = {};
    for (const key of Object.keys(value).sort()) {
      ordinary &&= !UNSORTABLE_KEY.test(key);
      copy[key] = sorted((value as Record<string, unknown>)[key]);
    }
    return copy;
  };

  const copy = sorted(value);
  const json = ordinary ? JSON.stringify(copy) : undefined;
  return json === undefined || MAYBE_LONE_SURROGATE.test(json) ? (canonicalize(value) ?? '') : json;
};
