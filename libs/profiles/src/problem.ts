/** Something wrong in a file that a person wrote: where it is, what it is, and how to mend it. */
export interface Problem {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
  /** Place in the document: `phases[3].actions[0].tool`; empty for the document itself. */
  readonly path: string;
  readonly message: string;
  readonly mend: string;
}

/** A problem by its place in the document, before anybody has looked up the line. */
export interface Finding {
  readonly path: readonly (string | number)[];
  readonly message: string;
  readonly mend: string;
}

/** `file:line:column`, as editors and terminals make it a link, then what and how. */
export const formatProblem = ({ file, line, column, path, message, mend }: Problem): string =>
  `${file}:${line}:${column} ${path === '' ? '' : `${path}: `}${message}; ${mend}`;

export const formatPath = (path: Finding['path']): string =>
  path.reduce<string>(
    (text, step) => (typeof step === 'number' ? `${text}[${step}]` : text === '' ? step : `${text}.${step}`),
    '',
  );

/** How many letters must be changed, added or taken away to make one word of the other. */
const distance = (one: string, other: string): number => {
  let previous = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (const [row, letter] of [...one].entries()) {
    const current = [row + 1];
    for (const [column, otherLetter] of [...other].entries()) {
      const replaced = (previous[column] ?? 0) + (letter === otherLetter ? 0 : 1);
      current.push(Math.min(replaced, (previous[column + 1] ?? 0) + 1, (current[column] ?? 0) + 1));
    }
    previous = current;
  }
  return previous.at(-1) ?? 0;
};

/** Shorter words are all near each other, and longer ones cost more to compare than a suggestion is worth. */
const WORD_LENGTH_MIN = 3;
const WORD_LENGTH_MAX = 100;

/** Names the known word that was probably meant, or else all of them. */
export const suggest = (word: string, words: readonly string[]): string => {
  const known = [...new Set(words)];
  if (known.length === 0) return 'remove it';
  const comparable = word.length >= WORD_LENGTH_MIN && word.length <= WORD_LENGTH_MAX;
  const near = comparable ? known.map((name) => ({ name, off: distance(word, name) })) : [];
  const [best] = near.toSorted((one, other) => one.off - other.off);
  return best !== undefined && best.off <= Math.max(2, Math.floor(word.length / 3))
    ? `did you mean "${best.name}"?`
    : `use one of: ${known.join(', ')}`;
};
