/** Something about the data that must be mended before work begins. */
export interface Problem {
  readonly column?: string;
  /** Line of the text file, from 1; of a Parquet file, the row. */
  readonly line?: number;
  readonly message: string;
  readonly mend: string;
}

/** The data cannot be worked with. */
export class BadData extends Error {
  override readonly name = 'BadData';
  readonly problems: readonly [Problem, ...Problem[]];
  constructor(problems: BadData['problems']) {
    super(problems.map(sentenceOf).join('\n'));
    this.problems = problems;
  }
}

export const sentenceOf = ({ column, line, message, mend }: Problem): string =>
  [
    column === undefined ? '' : `column ${column}, `,
    line === undefined ? '' : `line ${line}: `,
    message,
    `; ${mend}`,
  ].join('');

/** The word of `words` that was probably meant, as the end of a sentence; empty when none is near. */
export const didYouMean = (word: string, words: readonly string[]): string => {
  const [nearest] = words
    .map((candidate) => ({ candidate, distance: editDistance(word.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  return nearest !== undefined && nearest.distance <= Math.max(2, word.length / 3)
    ? ` (did you mean ${nearest.candidate}?)`
    : '';
};

const editDistance = (a: string, b: string): number => {
  let above = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const line = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const swap = above[column - 1]! + (a[row - 1] === b[column - 1] ? 0 : 1);
      line.push(Math.min(swap, above[column]! + 1, line[column - 1]! + 1));
    }
    above = line;
  }
  return above[b.length]!;
};
