import type { Charter } from '@vt/value-train';
import { loadDataset, type Dataset } from './load.ts';
import { BadData, type Problem } from './problem.ts';
import { rowRanges } from './split.ts';
import { survey, type Inspection } from './survey.ts';
import { targetRule } from './target.ts';

/**
 * Says whether a file can be worked with as the charter describes it, before work is wasted.
 */
export const inspectData = async (path: string, data: Charter['data']): Promise<Inspection> => {
  const { problems, summary } = await survey(path, data, data.file);
  if (problems.length > 0 || summary === undefined) return { problems, ...(summary && { summary }) };
  const dataset = await loadDataset(path, data, summary, 0);
  return { problems: problemsOfParts(dataset, data), summary };
};

/** The prepared rows of a file, or of the snapshot of one. BadData with every problem found, when it cannot be worked with. */
export const readDataset = async (path: string, data: Charter['data'], seed: number): Promise<Dataset> => {
  const { problems, summary } = await survey(path, data);
  const [first, ...others] = problems;
  if (first !== undefined || summary === undefined) throw new BadData([first!, ...others]);
  return loadDataset(path, data, summary, seed);
};

/** Each part of the split must be able to teach or to judge. */
const problemsOfParts = (dataset: Dataset, data: Charter['data']): Problem[] => {
  const { column } = targetRule(data);
  return Object.entries(rowRanges(dataset.rows.length, data.split, 1)).flatMap(([part, [from, to]]): Problem[] => {
    const known = new Set(dataset.target.slice(from, to).filter((value) => value !== null));
    if (known.size > 1) return [];
    const [only] = known;
    const found =
      only === undefined
        ? 'no known target'
        : `only the outcome ${data.task === 'regression' ? only : only === 1 ? 'yes' : 'no'}`;
    const message = `rows ${from + 1} to ${to} (${part === 'heldOut' ? 'held-out' : part} part) have ${found}`;
    return [{ column, message, mend: 'bring more rows, or change data.split or the threshold of data.target' }];
  });
};
