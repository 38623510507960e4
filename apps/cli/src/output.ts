import Table from 'cli-table3';
import colors from 'picocolors';

/** Where a command says what it found: a document for scripts, or lines for people. */
export interface Output {
  readonly json: boolean;
  /** The answer itself, on standard output: with --json the document, else the lines. */
  answer(document: unknown, lines: readonly string[]): void;
  /** On the way there, on standard error. */
  note(line: string): void;
}

export const output = (json: boolean): Output => ({
  json,
  answer: (document, lines) => process.stdout.write(`${json ? JSON.stringify(document) : lines.join('\n')}\n`),
  note: (line) => process.stderr.write(`${line}\n`),
});

const PLAIN = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};

/** Columns under their names, as lines. Colours are left out by picocolors where they are not wanted. */
export function tableLines(columns: readonly string[], rows: readonly (readonly (string | number)[])[]): string[] {
  if (rows.length === 0) return [colors.dim('none')];
  const table = new Table({
    head: columns.map((column) => colors.dim(column)),
    chars: PLAIN,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  table.push(...rows.map((row) => row.map(String)));
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd());
}

export const heading = (text: string) => colors.bold(text);
export const dim = (text: string) => colors.dim(text);
export const good = (text: string) => colors.green(text);
export const bad = (text: string) => colors.red(text);
export const warn = (text: string) => colors.yellow(text);

/** 850 ms, 12.3 s, 2 min 05 s. */
export function duration(ms: number | null | undefined): string {
  if (ms == null) return '–';
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${String(Math.floor((ms % 60_000) / 1_000)).padStart(2, '0')} s`;
}

export const bytes = (size: number): string =>
  size < 1_024
    ? `${size} B`
    : size < 1_048_576
      ? `${(size / 1_024).toFixed(1)} KiB`
      : `${(size / 1_048_576).toFixed(1)} MiB`;
