import type { Axis, BarChart, Block, Table } from './content.ts';
import { formatCell } from './format.ts';

export interface TextRun {
  readonly text: string;
  readonly bold: boolean;
}

/** Splits a paragraph at its **bold** words. */
export const runsOf = (paragraph: string): TextRun[] =>
  paragraph
    .split(/\*\*(.+?)\*\*/s)
    .map((text, index) => ({ text, bold: index % 2 === 1 }))
    .filter(({ text }) => text !== '');

/** Prose as a model or a person writes it, paragraphs and `- ` lists apart by blank lines, as blocks of a document. */
export const proseBlocks = (prose: string): Block[] =>
  prose
    .trim()
    .split(/\n\s*\n/)
    .filter((paragraph) => paragraph.trim() !== '')
    .map((paragraph) => {
      const lines = paragraph.trim().split('\n');
      const isList = lines.every((line) => /^[-*] /.test(line));
      return isList ? { bullets: lines.map((line) => line.slice(2).trim()) } : lines.join(' ').replace(/^#+ /, '');
    });

/** Letters after which a cell breaks its line instead of widening its column. */
const LETTERS_MAX = 60;
/** Room for a cell's margins, in letters. */
const MARGIN_LETTERS = 3;

/**
 * How much of the width each column gets, summing to 1, when about `letters` letters fit on a line: as much as its
 * longest cell wants, less where that is too much together, but no less than its longest word.
 */
export const columnShares = ({ columns, rows }: Table, letters: number): number[] => {
  const wishes = columns.map((column, at) => {
    const texts = [column, ...rows.map((row) => formatCell(row[at]))];
    const word = Math.max(...texts.flatMap((text) => text.split(/\s+/).map((part) => Math.min(part.length, 30))));
    const whole = Math.max(...texts.map((text) => Math.min(text.length, LETTERS_MAX)));
    return { least: word + MARGIN_LETTERS, most: Math.max(whole, word) + MARGIN_LETTERS };
  });
  const least = wishes.reduce((sum, wish) => sum + wish.least, 0);
  const most = wishes.reduce((sum, wish) => sum + wish.most, 0);
  const stretch = most > least ? Math.min(1, Math.max(0, (letters - least) / (most - least))) : 1;
  const widths = wishes.map((wish) => wish.least + (wish.most - wish.least) * stretch);
  const total = widths.reduce((sum, width) => sum + width, 0);
  return widths.map((width) => width / total);
};

export const isNumeric = ({ rows }: Table, at: number): boolean =>
  rows.length > 0 && rows.every((row) => typeof row[at] === 'number' || row[at] === null || row[at] === undefined);

/** Office programs draw horizontal bars from the bottom up; the first category belongs at the top. */
export const upward = <T>(chart: BarChart, items: readonly T[]): T[] =>
  chart.horizontal === true ? items.toReversed() : [...items];

/** Office programs count days from 1900; 1970 began on day 25,569. */
export const officeValue = ({ scale }: Axis, value: number): number =>
  scale === 'day' ? value / 86_400_000 + 25_569 : value;

export const OFFICE_DAY_FORMAT = 'yyyy-mm-dd';
