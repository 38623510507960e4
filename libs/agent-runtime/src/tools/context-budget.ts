import type { ContextLoad } from '@vt/contracts';
import { countTokens, TOKENIZER } from './tokenizer.ts';

/** How much a model takes in at a time, and how much of that one request may use. */
export interface ModelWindow {
  readonly tokens: number;
  /** Share of the window from which on a request is condensed. */
  readonly soft: number;
  /** Share of the window that no request exceeds. */
  readonly hard: number;
}

/** What a model is given of a section. */
export interface Material {
  readonly section: string;
  readonly facts: unknown;
  readonly plain: string;
  /** What people said of the work before. */
  readonly feedback?: readonly unknown[];
}

export type Fitted =
  { readonly load: ContextLoad; readonly prompt: string } | { readonly load: ContextLoad; readonly refusal: string };

/** So many items of each list are left, the fewest last. */
const ITEMS_LEFT = [32, 16, 8, 4, 2, 1];

/**
 * What of a request a model may be given: all of it; with fewer items of each list, where that is too much; nothing,
 * where even that is. Estimated before anything is sent, by our tokenizer, instructions included. Each request has a
 * window of its own: nothing of an earlier one is in it.
 */
export const fitted = async (
  { tokens: windowTokens, soft, hard }: ModelWindow,
  instructions: string,
  material: Material,
): Promise<Fitted> => {
  const attempt = async (given: unknown) => {
    const prompt = JSON.stringify({ ...material, facts: given });
    return { prompt, tokens: await countTokens(`${instructions}\n${prompt}`) };
  };
  const { section, facts } = material;
  const whole = await attempt(facts);
  let best = whole;
  for (const items of ITEMS_LEFT) {
    if (best.tokens <= soft * windowTokens) break;
    best = await attempt(condensed(facts, items));
  }
  const about = { section, tokenizer: TOKENIZER, tokens: best.tokens, windowTokens };
  if (best.tokens > hard * windowTokens) {
    const limit = Math.floor(hard * windowTokens);
    const refusal = `${best.tokens} tokens, and ${limit} may be used: give it fewer facts, split the section, or set a larger window`;
    return { load: { ...about, estimated: whole.tokens, outcome: 'refused' }, refusal };
  }
  const outcome = best === whole ? 'whole' : 'condensed';
  return { load: { ...about, estimated: whole.tokens, outcome }, prompt: best.prompt };
};

/** The same, with the first items of each list, and a word of how many more there were. */
const condensed = (value: unknown, items: number): unknown => {
  if (Array.isArray(value)) {
    const left = value.slice(0, items).map((item) => condensed(item, items));
    return value.length > items ? [...left, `and ${value.length - items} more`] : left;
  }
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, condensed(each, items)]));
};
