import type { Money, Usage } from '@vt/contracts';
import { z } from 'zod';
import { money, nanos } from './money.ts';

const Amount = z.string().regex(/^\d+(\.\d{1,9})?$/, 'a decimal such as "0.04", in quotes');

/** What things cost, on a date. One currency; a train's budget must be in it. */
export const PriceBook = z.strictObject({
  date: z.iso.date(),
  currency: z.string().length(3),
  source: z.string().min(1),
  cpuHour: Amount,
  /** Per million tokens, by the model's id as its provider reports it. */
  models: z.record(z.string(), z.strictObject({ input: Amount, output: Amount })),
});
export type PriceBook = z.infer<typeof PriceBook>;

const MS_PER_HOUR = 3_600_000n;
const TOKENS_PER_PRICE = 1_000_000n;

/** Price of a usage, or null when a model of it is not in the book: unknown is not zero. */
export function priceOf(usage: Usage, book: Pick<PriceBook, 'currency' | 'cpuHour' | 'models'>): Money | null {
  let total = (nanos({ amount: book.cpuHour }) * BigInt(Math.round(usage.cpuMs))) / MS_PER_HOUR;
  for (const { model, input, output } of usage.tokens) {
    const price = book.models[model];
    if (price === undefined) return null;
    total += (nanos({ amount: price.input }) * BigInt(input)) / TOKENS_PER_PRICE;
    total += (nanos({ amount: price.output }) * BigInt(output)) / TOKENS_PER_PRICE;
  }
  return money(total, book.currency);
}
