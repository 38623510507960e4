import { expect, it } from '@jest/globals';
import type { Charter } from './charter.ts';
import { criterionWords, targetWords } from './charter-wording.ts';

it.each<[Partial<Charter['data']>, string]>([
  [{ task: 'regression', target: 'rain' }, 'the value of rain'],
  [{ task: 'regression', target: { column: 'rain', ahead: 2 } }, 'the value of rain, 2 rows later'],
  [{ task: 'classification', target: { column: 'rain', ahead: 1, above: 0 } }, 'whether rain is above 0, 1 row later'],
  [{ task: 'classification', target: 'wet' }, 'whether wet is true'],
  [{ task: 'classification', target: 'wet', positive: 'yes' }, 'whether wet is yes'],
])('%j is %s', (data, words) => {
  // Only what is looked at.
  expect(targetWords(data as Charter['data'])).toBe(words);
});

it.each<[Charter['success'][number], string]>([
  [{ metric: 'roc-auc', atLeast: 0.75 }, 'ROC AUC at least 0.75'],
  [{ metric: 'brier', atMost: 0.2 }, 'Brier score at most 0.2'],
  [
    { metric: 'rmse', betterThanBaselineBy: 1.5 },
    'root mean squared error better than the mean of the training rows by at least 1.5',
  ],
])('%j asks for %s', (criterion, words) => {
  expect(criterionWords(criterion, 'mean')).toBe(words);
});
