import { createHash } from 'node:crypto';
import { format, inspect } from 'node:util';
import { type Context, createContext, Script } from 'node:vm';
import { svgChart } from './chart.ts';
import type { Cell, Chart, Table } from './content.ts';
import { formatCell } from './format.ts';
import { scriptOf } from './notebook-cell.ts';

export type NotebookCell = { readonly markdown: string } | { readonly code: string };

type Rendering = { readonly table: Table } | { readonly chart: Chart };

/** A value that a notebook shows as a picture or a table instead of as text. */
class Rendered {
  readonly rendering: Rendering;

  constructor(rendering: Rendering) {
    this.rendering = rendering;
  }
}

/** In a notebook: shows a chart. */
export const chart = (content: Chart): Rendered => new Rendered({ chart: content });

/** In a notebook: shows a table. */
export const dataTable = (rows: readonly (readonly Cell[])[], columns: readonly string[]): Rendered =>
  new Rendered({ table: { rows, columns } });

type MimeBundle = Record<string, string>;
type Output =
  | { output_type: 'stream'; name: 'stdout' | 'stderr'; text: string }
  | { output_type: 'execute_result' | 'display_data'; data: MimeBundle; metadata: object; execution_count?: number }
  | { output_type: 'error'; ename: string; evalue: string; traceback: string[] };

const escapeHtml = (text: string): string =>
  text.replace(/[&<>]/g, (letter) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[letter] ?? letter);

const htmlTable = ({ columns, rows }: Table): string => {
  const head = columns.map((column) => `<th>${escapeHtml(column)}</th>`).join('');
  const body = rows
    .map((row) => {
      const cells = row.map((cell) => {
        const align = typeof cell === 'number' ? ' style="text-align: right"' : '';
        return `<td${align}>${escapeHtml(formatCell(cell))}</td>`;
      });
      return `<tr>${cells.join('')}</tr>`;
    })
    .join('\n');
  return `<table>\n<thead><tr>${head}</tr></thead>\n<tbody>\n${body}\n</tbody>\n</table>`;
};

const textTable = ({ columns, rows }: Table): string => {
  const lines = [columns, ...rows.map((row) => row.map(formatCell))];
  const widths = columns.map((_, at) => Math.max(...lines.map((line) => line[at]?.length ?? 0)));
  return lines
    .map((line) =>
      line
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
};

const bundleOf = (value: unknown): MimeBundle => {
  if (!(value instanceof Rendered)) {
    return {
      'text/plain': typeof value === 'string' ? value : inspect(value, { depth: 4, sorted: false, compact: 3 }),
    };
  }
  const { rendering } = value;
  return 'table' in rendering
    ? { 'text/html': htmlTable(rendering.table), 'text/plain': textTable(rendering.table) }
    : { 'image/svg+xml': svgChart(rendering.chart), 'text/plain': `[chart: ${rendering.chart.title}]` };
};

/** Collects what a cell prints; neighbouring lines of one stream are one output, as Jupyter keeps them. */
const consoleTo = (outputs: Output[]) => {
  const print =
    (name: 'stdout' | 'stderr') =>
    (...values: unknown[]): void => {
      const last = outputs.at(-1);
      const line = `${format(...values)}\n`;
      if (last?.output_type === 'stream' && last.name === name) last.text += line;
      else outputs.push({ output_type: 'stream', name, text: line });
    };
  const [out, err] = [print('stdout'), print('stderr')];
  return { log: out, info: out, debug: out, warn: err, error: err };
};

/** Only frames of cells: the others name files of the machine that ran the notebook. */
const errorOutput = (thrown: unknown): Output & { output_type: 'error' } => {
  // Errors of a cell come from another realm, where `instanceof Error` does not hold.
  const { name, message, stack } = (typeof thrown === 'object' && thrown !== null ? thrown : {}) as Partial<Error>;
  const [ename, evalue] = [name ?? 'Error', message ?? inspect(thrown)];
  const frames = (stack ?? '').split('\n').filter((line) => /^\s+at .*\bcell-\d+\.js/.test(line));
  return { output_type: 'error', ename, evalue, traceback: [`${ename}: ${evalue}`, ...frames] };
};

const execute = async (code: string, count: number, context: Context, outputs: Output[]): Promise<void> => {
  const value: unknown = await new Script(scriptOf(code), { filename: `cell-${count}.js` }).runInContext(context);
  if (value === undefined) return;
  outputs.push({ output_type: 'execute_result', execution_count: count, data: bundleOf(value), metadata: {} });
};

export interface NotebookRun {
  /** nbformat 4.5. */
  readonly json: string;
  readonly failed: boolean;
  /** Of the cell that failed: its number and what it threw. */
  readonly error?: string;
}

/**
 * Runs the code cells in order, in one JavaScript context that has `scope`, `console`, `chart`, `dataTable` and
 * `display`, and keeps what they print and answer in the notebook. `await` may stand at the top of a cell. As in
 * Jupyter, cells after one that throws are not run. The same cells over the same data give the same bytes.
 */
export const runNotebook = async (notebook: {
  title: string;
  cells: readonly NotebookCell[];
  scope: Readonly<Record<string, unknown>>;
}): Promise<NotebookRun> => {
  let outputs: Output[] = [];
  const display = (value: unknown): void => {
    outputs.push({ output_type: 'display_data', data: bundleOf(value), metadata: {} });
  };
  const context = createContext({ ...notebook.scope, chart, dataTable, display });
  let count = 0;
  let error: string | undefined;
  const cells: object[] = [];
  for (const [index, cell] of [{ markdown: `# ${notebook.title}` }, ...notebook.cells].entries()) {
    const source = 'markdown' in cell ? cell.markdown : cell.code;
    const head = { id: createHash('sha256').update(`${index} ${source}`).digest('hex').slice(0, 12), metadata: {} };
    if ('markdown' in cell) {
      cells.push({ cell_type: 'markdown', ...head, source });
      continue;
    }
    outputs = [];
    context['console'] = consoleTo(outputs);
    const run = error === undefined;
    if (run) {
      count += 1;
      try {
        await execute(source, count, context, outputs);
      } catch (thrown) {
        const failure = errorOutput(thrown);
        outputs.push(failure);
        error = `cell ${count}: ${failure.ename}: ${failure.evalue}`;
      }
    }
    cells.push({ cell_type: 'code', ...head, execution_count: run ? count : null, source, outputs });
  }
  const document = {
    cells,
    metadata: {
      kernelspec: { display_name: 'JavaScript', language: 'javascript', name: 'javascript' },
      language_info: { file_extension: '.js', mimetype: 'text/javascript', name: 'javascript' },
      title: notebook.title,
    },
    nbformat: 4,
    nbformat_minor: 5,
  };
  return { json: `${JSON.stringify(document, null, 1)}\n`, failed: error !== undefined, ...(error && { error }) };
};
