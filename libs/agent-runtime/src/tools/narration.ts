import type { ContextLoad } from '@vt/contracts';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fitted, type Delegate, type Material, type Part } from './context-budget.ts';
import type { ModelProvider, ModelRequest } from './model.ts';
import { countTokens } from './tokenizer.ts';

const [NARRATE, SUMMARISE] = ['narrate', 'summarise'].map((name) => join(import.meta.dirname, `${name}.prompt.md`));
/** Whoever is asked for a summary, and answers more, has made none. */
const SUMMARY_TOKENS_MAX = 2_000;

/** Hears what was used, and of everything that a model was to be given. */
export interface Metering {
  model(name: string, input: number, output: number): void;
  load(load: ContextLoad): void;
}

/** A section in the words of a model, or why there is none. */
export type Narrated = { readonly text: string } | { readonly plainBecause: string };

/**
 * Has a section written. Facts that are too many for one context are summarised first, part by part, each in a context
 * of its own; what is written says no number that was not among them, at either step.
 * @throws Error of the model, or of the signal
 */
export const narrate = async (
  model: ModelProvider,
  material: Material,
  { metering, signal }: { readonly metering: Metering; readonly signal: AbortSignal },
): Promise<Narrated> => {
  const [narrating, summarising] = await Promise.all([readFile(NARRATE!, 'utf8'), readFile(SUMMARISE!, 'utf8')]);
  const ask = async (request: Omit<ModelRequest, 'signal'>): Promise<Narrated> => {
    const { text, tokens } = await model.write({ ...request, signal });
    if (tokens) metering.model(model.name, tokens.input, tokens.output);
    // Under a name that no price book has: what was not counted has no known cost.
    else metering.model(`${model.name}, tokens not counted`, 0, 0);
    if (text.trim() === '') return { plainBecause: 'it answered nothing' };
    const isInvented = inventsNumber(text, request.prompt);
    return isInvented ? { plainBecause: 'it said a number that it was not given' } : { text };
  };
  const summaryOf = async ({ load, prompt }: Part): Promise<string | undefined> => {
    let summaryTokens: number | undefined;
    try {
      const answer = await ask({ instructions: summarising, prompt });
      if (!('text' in answer)) return undefined;
      summaryTokens = await countTokens(answer.text);
      return summaryTokens <= SUMMARY_TOKENS_MAX ? answer.text : undefined;
    } finally {
      metering.load(summaryTokens === undefined ? load : { ...load, summaryTokens });
    }
  };
  const delegate: Delegate = async (parts) => {
    const asked = parts.map(summaryOf);
    // Each of them is metered, whatever becomes of the others.
    await Promise.allSettled(asked);
    const summaries = (await Promise.all(asked)).filter((summary) => summary !== undefined);
    return summaries.length === parts.length ? summaries : undefined;
  };
  const instructions = { narrate: narrating, summarise: summarising };
  const { load, ...given } = await fitted(model.window, instructions, material, delegate);
  metering.load(load);
  return 'refusal' in given ? { plainBecause: given.refusal } : ask({ instructions: narrating, prompt: given.prompt });
};

const NUMBER = /\d+(?:[.,]\d+)*/g;

/** Whether a text says a number that it was not given, such as one that nobody measured. */
const inventsNumber = (text: string, given: string): boolean => {
  const known = new Set(given.match(NUMBER));
  return (text.match(NUMBER) ?? []).some((number) => !known.has(number));
};
