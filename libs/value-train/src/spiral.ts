/** The same failure of one action so often in a row is a spiral. */
export const CONSECUTIVE_MAX = 3;
/** The same failure so often at all, of any action, in a session and in the attempts before it. */
export const SIMILAR_MAX = 5;
const SIGNATURE_CHARS_MAX = 200;

/**
 * What failures of one cause have in common: what they say, without the numbers, ids, paths and quoted names that
 * differ from try to try.
 */
export const signatureOf = (reason: string): string =>
  reason
    .toLowerCase()
    .replaceAll(/"[^"]*"|'[^']*'|`[^`]*`/g, '*')
    .replaceAll(/(?:[a-z][a-z0-9+.-]*:\/\/|\.{0,2}\/)[^\s,;:)]+/g, '*')
    .replaceAll(/\b(?=[a-z-]*\d)[0-9a-f]{8,}(?:-[0-9a-f]+)*\b/g, '*')
    .replaceAll(/\d+(?:[.,:-]\d+)*/g, '*')
    .replaceAll(/\s+/g, ' ')
    .trim()
    .slice(0, SIGNATURE_CHARS_MAX);

export interface Spiral {
  readonly signature: string;
  /** How often in a row, of the action. */
  readonly consecutive: number;
  /** How often at all. */
  readonly similar: number;
}

/** Whether one more failure is a spiral, after those of its action and those of others, by signature, in order. */
export const spiralIn = (signature: string, own: readonly string[], others: readonly string[]): Spiral | undefined => {
  const consecutive = own.length - own.findLastIndex((other) => other !== signature);
  const similar = 1 + [...own, ...others].filter((other) => other === signature).length;
  return consecutive >= CONSECUTIVE_MAX || similar >= SIMILAR_MAX ? { signature, consecutive, similar } : undefined;
};
