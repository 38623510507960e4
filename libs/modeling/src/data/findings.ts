import { inspectData, readDataset } from './inspect.ts';
import { thinningWords } from './load.ts';
import { sentenceOf } from './problem.ts';
import { profileOf } from './profile.ts';
import { ROWS_MIN, type DataSummary } from './survey.ts';

/** What is to be known of a project's data before work begins. */
export interface DataFindings {
  readonly rows: number;
  /** Which of them are looked at, where that is not all. */
  readonly thinned: string | null;
  readonly columns: readonly { readonly name: string; readonly kind: string; readonly missing: number }[];
  readonly period: readonly [string, string] | null;
  /** Rows whose outcome is known. */
  readonly known: number;
  readonly targetMissingShare: number;
  /** Of yes-or-no targets the share of yes, of numbers their mean. */
  readonly targetMean: number;
  readonly duplicates: number;
  /** Columns by the strength of their relation to the target, the strongest first. */
  readonly related: readonly { readonly name: string; readonly association: number }[];
  /** What must be mended before work can begin. */
  readonly problems: readonly string[];
  readonly sufficient: boolean;
}

const withProblems = (problems: readonly string[], summary: DataSummary | undefined): DataFindings => ({
  rows: summary?.rows ?? 0,
  thinned: null,
  columns: summary?.columns ?? [],
  period: summary?.period ?? null,
  known: 0,
  targetMissingShare: 1,
  targetMean: 0,
  duplicates: 0,
  related: [],
  problems,
  sufficient: false,
});

/** Looks at a data file as a charter describes it. */
export const findingsOf = async (
  file: string,
  data: Parameters<typeof readDataset>[1],
  seed: Parameters<typeof readDataset>[2],
): Promise<DataFindings> => {
  const { problems, summary } = await inspectData(file, data);
  if (problems.length > 0 || summary === undefined) return withProblems(problems.map(sentenceOf), summary);
  const dataset = await readDataset(file, data, seed);
  const profile = profileOf(dataset, data);
  const { known, mean } = profile.target;
  const related = profile.columns
    .flatMap(({ name, association }) => (association === undefined ? [] : [{ name, association }]))
    .toSorted((a, b) => Math.abs(b.association) - Math.abs(a.association));
  return {
    rows: summary.rows,
    thinned: thinningWords(summary.rows, dataset) ?? null,
    columns: summary.columns.map(({ name, kind, missing }) => ({ name, kind, missing })),
    period: summary.period ?? null,
    known,
    targetMissingShare: profile.rows === 0 ? 1 : 1 - known / profile.rows,
    targetMean: mean,
    duplicates: profile.duplicates,
    related,
    problems: [],
    sufficient: known >= ROWS_MIN,
  };
};
