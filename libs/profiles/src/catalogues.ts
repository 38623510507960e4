import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PriceBook } from '@vt/cost';
import { RiskCatalogue } from '@vt/risk';
import { parse } from 'yaml';
import { z } from 'zod';

/** The price book that ships, or one's own. A file that is not one is an error that names every mistake. */
export const loadPriceBook = (file = join(import.meta.dirname, 'price-book.yaml')) => load(file, PriceBook);

export const loadRiskCatalogue = (file = join(import.meta.dirname, 'risk-catalogue.yaml')) => load(file, RiskCatalogue);

async function load<Schema extends z.ZodType>(file: string, schema: Schema): Promise<z.infer<Schema>> {
  const result = schema.safeParse(parse(await readFile(file, 'utf8')));
  if (!result.success) throw new Error(`${file} is not valid\n${z.prettifyError(result.error)}`);
  return result.data;
}
