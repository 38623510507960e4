import { instantOf, type Column, type Value } from '../inference.ts';

const MISSING = new Set(['', 'NA', 'N/A', 'NaN', 'nan', 'null', 'NULL']);

export const isMissing = (text: string): boolean => MISSING.has(text);

/** The number that a field holds, or NaN: decimal, finite, no hexadecimal. */
export const numberIn = (text: string): number => {
  const second = text.charCodeAt(1) | 0x20;
  const prefixed = text.charCodeAt(0) === 48 && (second === 120 || second === 98 || second === 111);
  const number = prefixed ? Number.NaN : Number(text);
  return Number.isFinite(number) ? number : Number.NaN;
};

export const isBoolean = (text: string): boolean => {
  const word = text.toLowerCase();
  return word === 'true' || word === 'false';
};

/** The text without the megabyte that it was cut from, which a mere slice keeps in memory. */
export const ownCopy = (text: string): string => Buffer.from(text).toString();

/** A field of a file as a value of its column's kind; times become ISO 8601, in UTC where they have an hour. */
export const valueOf = (field: string, kind: Column['kind']): Value => {
  const text = field.trim();
  if (isMissing(text)) return null;
  switch (kind) {
    case 'number':
      return numberIn(text);
    case 'boolean':
      return text.toLowerCase() === 'true';
    case 'category':
      return ownCopy(text);
    case 'time':
      return text.length === 10 ? text : new Date(instantOf(text)!).toISOString();
  }
};
