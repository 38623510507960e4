import type { ActionContext } from '@vt/agent-runtime';
import { datasetFromCsv, digestOf, rowRanges, type Dataset, type RowRange, type RowRanges } from '@vt/modeling';
import type { Charter } from '@vt/value-train';

export const RAW = 'delivery/data/raw.parquet';
export const PREPARED = 'delivery/data/prepared.csv';

export interface Prepared {
  readonly dataset: Dataset;
  readonly digest: string;
  readonly ranges: RowRanges;
}

/** The prepared rows, and which of them serve what in this cycle. */
export const preparedRows = async (context: ActionContext): Promise<Prepared> => {
  const { charter, ticket } = context;
  const dataset = await datasetFromCsv(await context.localPath(PREPARED), charter.data);
  return {
    dataset,
    digest: digestOf(await context.read(PREPARED)),
    ranges: rowRanges(dataset.rows.length, charter.data.split, ticket.cycle),
  };
};

/** `rows 1 to 731, 2012-01-01 to 2013-12-31`, counted from 1 as people do. */
export const rangeWords = (
  { rows }: Pick<Dataset, 'rows'>,
  [from, to]: RowRange,
  { time }: Charter['data'],
): string => {
  const period = time === undefined ? '' : `, ${String(rows[from]?.[time])} to ${String(rows[to - 1]?.[time])}`;
  return `rows ${from + 1} to ${to}${period}`;
};
