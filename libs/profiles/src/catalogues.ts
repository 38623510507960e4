import { join } from 'node:path';
import { PriceBook } from '@vt/cost';
import { RiskCatalogue } from '@vt/risk';
import type { z } from 'zod';
import { formatProblem } from './problem.ts';
import { readYaml } from './read-yaml.ts';

/** The price book that ships, or one's own. A file that is not one is an error that names every mistake. */
export const loadPriceBook = (file = join(import.meta.dirname, 'price-book.yaml')) => load(file, PriceBook);

export const loadRiskCatalogue = (file = join(import.meta.dirname, 'risk-catalogue.yaml')) => load(file, RiskCatalogue);

async function load<T>(file: string, schema: z.ZodType<T>): Promise<T> {
  const read = await readYaml(file, schema);
  if (!read.ok) throw new Error(read.problems.map(formatProblem).join('\n'));
  return read.value;
}
