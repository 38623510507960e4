import type { ContextLoad } from '@vt/contracts';
import { partsOf } from './parts.ts';
import { openTokenizer, TOKENIZER } from './tokenizer.ts';

/** How much a model takes in at a time, and how much of that one request may use. */
export interface ModelWindow {
  readonly tokens: number;
  /** Share of the window from which on facts are summarised part by part, each in a window of its own. */
  readonly delegate: number;
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
  /** What is known from the work phases before this one. */
  readonly before?: unknown;
}

/** A part of the facts, to be summarised; the load as it is estimated. */
export interface Part {
  readonly load: ContextLoad;
  readonly prompt: string;
}

/** Has each part summarised; undefined where one of the summaries can not be used. */
export type Delegate = (parts: readonly Part[]) => Promise<readonly string[] | undefined>;

export interface Instructions {
  /** Of the section. */
  readonly narrate: string;
  /** Of a part of its facts. */
  readonly summarise: string;
}

export type Fitted =
  { readonly load: ContextLoad; readonly prompt: string } | { readonly load: ContextLoad; readonly refusal: string };

/** Facts of more parts are condensed: nobody waits for so many answers, and their summaries would be too long again. */
const PARTS_MAX = 8;
/** So many items of each list are left, the fewest last. */
const ITEMS_LEFT = [32, 16, 8, 4, 2, 1];

/**
 * What of a request a model may be given: all of it; where that is much, summaries of its parts; where those can not be
 * had, all of it up to the soft limit, and above it, fewer items of each list; nothing, where even that is too much.
 * Estimated before anything is sent, by our tokenizer, instructions included. Each request has a window of its own:
 * nothing of an earlier one is in it.
 */
export const fitted = async (
  window: ModelWindow,
  instructions: Instructions,
  material: Material,
  delegate: Delegate,
): Promise<Fitted> => {
  const { tokens: windowTokens, soft, hard } = window;
  const count = await openTokenizer();
  const { section, facts } = material;
  const attempt = (given: unknown) => {
    const prompt = JSON.stringify({ ...material, facts: given });
    return { prompt, tokens: count(`${instructions.narrate}\n${prompt}`) };
  };
  const whole = attempt(facts);
  const fit = (given: typeof whole, outcome: ContextLoad['outcome']) => ({
    load: { section, tokenizer: TOKENIZER, tokens: given.tokens, estimated: whole.tokens, windowTokens, outcome },
    prompt: given.prompt,
  });
  if (whole.tokens <= window.delegate * windowTokens) return fit(whole, 'whole');

  const parts = await partsFor(window, instructions.summarise, material);
  const summaries = parts && (await delegate(parts));
  const summarised = summaries && attempt({ summaries });
  if (summarised && summarised.tokens <= soft * windowTokens) return fit(summarised, 'delegated');

  let best = whole;
  for (const items of ITEMS_LEFT) {
    if (best.tokens <= soft * windowTokens) break;
    best = attempt(condensed(facts, items));
  }
  const { prompt, load } = fit(best, best === whole ? 'whole' : 'condensed');
  if (best.tokens <= hard * windowTokens) return { load, prompt };
  const limit = Math.floor(hard * windowTokens);
  const refusal = `${best.tokens} tokens, and ${limit} may be used: give it fewer facts, split the section, or set a larger window`;
  return { load: { ...load, outcome: 'refused' }, refusal };
};

/** Requests for summaries, each below the share of a window from which on it would itself be delegated. */
const partsFor = async (
  { tokens: windowTokens, delegate }: ModelWindow,
  instructions: string,
  { section, facts }: Material,
): Promise<readonly Part[] | undefined> => {
  const count = await openTokenizer();
  const promptOf = (part: unknown) => JSON.stringify({ section, facts: part });
  const tokensOf = (prompt: string) => count(`${instructions}\n${prompt}`);
  const room = Math.floor(delegate * windowTokens) - tokensOf(promptOf(null));
  // As it is sent: what JSON does not know is left out.
  const parts = partsOf(JSON.parse(JSON.stringify(facts ?? null)), room, count);
  if (parts === undefined || parts.length < 2 || parts.length > PARTS_MAX) return undefined;
  return parts.map((part) => {
    const prompt = promptOf(part);
    const tokens = tokensOf(prompt);
    const load = { section, tokenizer: TOKENIZER, tokens, estimated: tokens, windowTokens, outcome: 'part' as const };
    return { load, prompt };
  });
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
