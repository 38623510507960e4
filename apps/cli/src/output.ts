import Table from 'cli-table3';
import { stripVTControlCharacters } from 'node:util';
import pico from 'picocolors';
import { surroundings } from './config.ts';

// Lines are made with colours, and lose them where they are written.
const colors = pico.createColors(true);

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
  answer: (document, lines) =>
    process.stdout.write(`${json ? JSON.stringify(document) : shown(process.stdout, lines.join('\n'))}\n`),
  note: (line) => process.stderr.write(`${shown(process.stderr, line)}\n`),
});

/** Text as a stream should have it. */
export const shown = (stream: NodeJS.WriteStream, text: string): string =>
  surroundings.hasColours(stream) ? text : stripVTControlCharacters(text);

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

/** Columns under their names, as lines. */
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

/** A line cut to so many letters, colours not counted: one that breaks could not be drawn over. */
export function fitted(line: string, columns: number): string {
  if (stripVTControlCharacters(line).length <= columns) return line;
  let letters = 0;
  const kept = line.replace(/(\u001b\[[0-9;]*m)|[^]/g, (part, colour: string | undefined) => {
    if (colour !== undefined) return part;
    letters += 1;
    return letters < columns ? part : letters === columns ? '…' : '';
  });
  return kept;
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
  // From here on it would round to 60.0 s.
  if (ms < 59_950) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, '0')} s`;
}

/** 1 file, 2 files. */
export const countOf = (count: number, word: string): string => `${count} ${word}${count === 1 ? '' : 's'}`;

export const bytes = (size: number): string =>
  size < 1_024
    ? `${size} B`
    : size < 1_048_576
      ? `${(size / 1_024).toFixed(1)} KiB`
      : `${(size / 1_048_576).toFixed(1)} MiB`;
