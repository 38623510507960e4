import type { Block, Table } from './content.ts';
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
const LETTERS_MAX = 48;

/** How much of the width each column gets: by its longest content, but at least its longest word. Sums to 1. */
export const columnShares = ({ columns, rows }: Table): number[] => {
  const letters = columns.map((column, at) => {
    const texts = [column, ...rows.map((row) => formatCell(row[at]))];
    const longest = Math.max(...texts.map((text) => Math.min(text.length, LETTERS_MAX)));
    const longestWord = Math.max(
      ...texts.flatMap((text) => text.split(/\s+/).map((word) => Math.min(word.length, 30))),
    );
    return Math.max(longest, longestWord, 5) + 2;
  });
  const total = letters.reduce((sum, count) => sum + count, 0);
  return letters.map((count) => count / total);
};

export const isNumeric = ({ rows }: Table, at: number): boolean =>
  rows.length > 0 && rows.every((row) => typeof row[at] === 'number' || row[at] === null || row[at] === undefined);
