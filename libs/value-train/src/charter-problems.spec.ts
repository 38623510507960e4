import { expect, it } from '@jest/globals';
import type { Charter } from './charter.ts';
import { charterProblems } from './charter-problems.ts';

const charter = (changes: object, data: object = {}): Charter =>
  // Only what is looked at.
  ({
    baseline: 'persistence',
    success: [],
    ...changes,
    data: { task: 'classification', time: 'date', ...data },
  }) as never;

it.each([
  [{ success: [{ metric: 'roc-auc', atLeast: 0.75 }] }, {}, []],
  [{ success: [{ metric: 'roc-auc', atLeast: 1.2 }] }, {}, ['never above 1']],
  [{ success: [{ metric: 'roc-auc', atMost: 0.2 }] }, {}, ['say atLeast']],
  [{ success: [{ metric: 'brier', atLeast: 0.2 }] }, {}, ['say atMost']],
  [{ success: [{ metric: 'brier', atMost: -1 }] }, {}, ['never below 0']],
  [{ success: [{ metric: 'f1', betterThanBaselineBy: 1 }] }, {}, ['better than a baseline by 1']],
  [{ success: [{ metric: 'rmse', betterThanBaselineBy: 3 }] }, { task: 'regression' }, []],
  [{ success: [{ metric: 'rmse', atMost: 3 }] }, {}, ['measured for regression']],
  [{ baseline: 'mean' }, {}, ['no baseline for classification']],
  [{ baseline: 'majority' }, { task: 'regression' }, ['no baseline for regression']],
  [{}, { time: undefined }, ['needs a time column']],
])('%j with data %j', (changes, data, expected) => {
  const messages = charterProblems(charter(changes, data)).map(({ message }) => message);
  expect(messages).toEqual(expected.map((part) => expect.stringContaining(part)));
});
