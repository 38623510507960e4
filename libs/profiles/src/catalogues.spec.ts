import { expect, it } from '@jest/globals';
import { loadPriceBook, loadRiskCatalogue } from './catalogues.ts';

it('ships a price book with a date', async () => {
  const book = await loadPriceBook();
  expect(book.currency).toBe('USD');
  expect(Object.keys(book.models)).not.toHaveLength(0);
});

it('ships twelve risks and nineteen mitigations, all of which belong together', async () => {
  const { risks, mitigations } = await loadRiskCatalogue();
  expect(risks).toHaveLength(12);
  expect(mitigations).toHaveLength(19);
  expect(new Set(risks.flatMap((risk) => risk.mitigations))).toEqual(new Set(mitigations.map(({ id }) => id)));
});
