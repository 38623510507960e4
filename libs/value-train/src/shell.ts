/** A word as it stands in a script. Open: what becomes of it is known only when it runs, as of `$NAME` or `*.md`. */
export interface Word {
  readonly text: string;
  readonly open: boolean;
}

/** One command of a script: `NAME=value program argument >file`. */
export interface ShellCommand {
  readonly assignments: readonly Word[];
  readonly words: readonly Word[];
  readonly redirections: readonly { readonly to: 'read' | 'write'; readonly file: Word }[];
}

/** Why nobody can tell for certain what a script runs. */
export class Unreadable extends Error {
  override readonly name = 'Unreadable';
}

interface Source {
  readonly text: string;
  at: number;
  depth: number;
  readonly found: ShellCommand[];
}

/** A command as far as it was read. */
interface Draft {
  readonly assignments: Word[];
  readonly words: Word[];
  readonly redirections: { to: 'read' | 'write'; file: Word }[];
  /** Was a subshell, which only redirections may follow. */
  subshell: boolean;
}

const DEPTH_MAX = 20;
const METACHARACTERS = new Set(' \t\n;&|<>()');
const RESERVED = new Set(
  `if then else elif fi for while until do done case esac in function select coproc { } ! [[ ]]`.split(' '),
);
const CONTROL = /[\x00-\x08\x0b-\x1f\x7f]/;

/**
 * All commands of a script of a POSIX shell, however deep they stand in `&&`, `|`, `&`, `( )`, `$( )`, backticks and
 * `<( )`. Reads a subset of the grammar, and refuses the rest: functions, loops, here-documents, arithmetic, comments.
 * @throws Unreadable
 */
export const commandsOf = (script: string): readonly ShellCommand[] => {
  if (CONTROL.test(script)) throw new Unreadable('it has a control character');
  const source: Source = { text: script, at: 0, depth: 0, found: [] };
  readList(source, undefined);
  return source.found;
};

function readList(source: Source, closing: ')' | undefined): void {
  source.depth += 1;
  if (source.depth > DEPTH_MAX) throw new Unreadable(`it is nested more than ${DEPTH_MAX} deep`);
  let draft = empty();
  for (;;) {
    const next = source.text[source.at];
    if (next === undefined || next === ')') {
      if (next !== closing) throw new Unreadable(closing ? 'a ( is not closed' : 'a ) was never opened');
      if (closing) source.at += 1;
      keep(source, draft);
      source.depth -= 1;
      return;
    }
    const operator = /^(?:&&|\|\||\|&|;|\||&(?!>)|\n)/.exec(source.text.slice(source.at, source.at + 3))?.[0];
    if (operator !== undefined) {
      source.at += operator.length;
      if (operator !== '\n' && isEmpty(draft)) throw new Unreadable(`nothing is before ${operator}`);
      keep(source, draft);
      draft = empty();
    } else readPart(source, draft, next);
  }
}

function readPart(source: Source, draft: Draft, next: string): void {
  if (next === ' ' || next === '\t') source.at += 1;
  else if (next === '#') throw new Unreadable('it has a comment');
  else if (next === '(') {
    if (!isEmpty(draft) || source.text[source.at + 1] === '(') throw new Unreadable('it has a function, list or sum');
    source.at += 1;
    draft.subshell = true;
    readList(source, ')');
  } else if (/^(?:\d*[<>]|&>)(?!\()/.test(source.text.slice(source.at))) readRedirection(source, draft);
  else readArgument(source, draft);
}

function readArgument(source: Source, draft: Draft): void {
  if (draft.subshell) throw new Unreadable('a word follows a subshell');
  const { assigns, ...word } = readWord(source);
  if (assigns && draft.words.length === 0) return void draft.assignments.push(word);
  if (draft.words.length === 0 && RESERVED.has(word.text)) throw new Unreadable(`${word.text} is not read`);
  draft.words.push(word);
}

function readRedirection(source: Source, draft: Draft): void {
  const [text, copies, operator] = /^(?:\d*[<>]&(\d+|-)|\d*(<(?![<>&])|>[>|]?(?![<>&|])|&>>?(?![<>&|])))/.exec(
    source.text.slice(source.at, source.at + 20),
  ) ?? [''];
  if (text === '') throw new Unreadable('it has a here-document, or a redirection that is not read');
  source.at += text.length;
  // `2>&1` opens nothing; but `2>&1file` does.
  if (copies !== undefined) {
    const after = source.text[source.at];
    if (after === undefined || METACHARACTERS.has(after)) return;
    throw new Unreadable('it has a redirection that is not read');
  }
  while (source.text[source.at] === ' ' || source.text[source.at] === '\t') source.at += 1;
  const file = readWord(source);
  if (file.open) throw new Unreadable('which file it opens is known only when it runs');
  draft.redirections.push({ to: operator === '<' ? 'read' : 'write', file });
}

/** A word up to the next metacharacter. Assigns: it begins with `NAME=`, without quotes. */
function readWord(source: Source): Word & { assigns: boolean } {
  const start = source.at;
  const word = { text: '', open: false, assigns: false };
  let bare = true;
  for (;;) {
    const next = source.text[source.at];
    if (/^[<>]\(/.test(source.text.slice(source.at, source.at + 2))) {
      source.at += 2;
      readList(source, ')');
      word.open = true;
    } else if (next === undefined || METACHARACTERS.has(next)) break;
    else if (next === '=' && bare && /^[A-Za-z_]\w*\+?$/.test(word.text)) {
      source.at += 1;
      word.text += next;
      word.assigns = true;
      bare = false;
    } else {
      if (next === "'" || next === '"' || next === '\\' || next === '$' || next === '`') bare = false;
      readPiece(source, word, next);
    }
  }
  if (source.at === start) throw new Unreadable('a word is missing');
  return word;
}

function readPiece(source: Source, word: { text: string; open: boolean }, next: string): void {
  source.at += 1;
  switch (next) {
    case "'": {
      const end = source.text.indexOf("'", source.at);
      if (end === -1) throw new Unreadable("a ' is not closed");
      word.text += source.text.slice(source.at, end);
      source.at = end + 1;
      return;
    }
    case '"':
      return readQuoted(source, word);
    case '\\':
      word.text += escaped(source);
      return;
    case '$':
      if (/['"]/.test(source.text[source.at] ?? '')) throw new Unreadable(`it has a $${source.text[source.at]}`);
      return readExpansion(source, word);
    case '`':
      return readBackticks(source, word);
    default:
      // `{}` stands for itself.
      if ('*?[{~'.includes(next) && !source.text.startsWith('{}', source.at - 1)) word.open = true;
      word.text += next;
  }
}

function readQuoted(source: Source, word: { text: string; open: boolean }): void {
  for (;;) {
    const next = source.text[source.at];
    if (next === undefined) throw new Unreadable('a " is not closed');
    source.at += 1;
    if (next === '"') return;
    if (next === '\\') {
      const character = escaped(source);
      word.text += '$`"\\'.includes(character) ? character : `\\${character}`;
    } else if (next === '$') readExpansion(source, word);
    else if (next === '`') readBackticks(source, word);
    else word.text += next;
  }
}

function escaped(source: Source): string {
  const character = source.text[source.at];
  if (character === undefined || character === '\n') throw new Unreadable('a line ends with \\');
  source.at += 1;
  return character;
}

function readExpansion(source: Source, word: { text: string; open: boolean }): void {
  const rest = source.text.slice(source.at);
  if (rest.startsWith('(') && !rest.startsWith('((')) {
    source.at += 1;
    word.open = true;
    return readList(source, ')');
  }
  const name = /^(?:[A-Za-z_]\w*|\{[A-Za-z_]\w*\}|[0-9@*#?$!-])/.exec(rest)?.[0];
  if (name !== undefined) {
    source.at += name.length;
    word.open = true;
  } else if (/^[({[]/.test(rest)) throw new Unreadable('it has an expansion that is not read');
  else word.text += '$';
}

function readBackticks(source: Source, word: { text: string; open: boolean }): void {
  const end = source.text.indexOf('`', source.at);
  const inner = source.text.slice(source.at, end);
  if (end === -1 || inner.includes('\\')) throw new Unreadable('it has backticks in backticks');
  const nested: Source = { text: inner, at: 0, depth: source.depth, found: source.found };
  readList(nested, undefined);
  source.at = end + 1;
  word.open = true;
}

const empty = (): Draft => ({ assignments: [], words: [], redirections: [], subshell: false });

const isEmpty = ({ assignments, words, redirections, subshell }: Draft) =>
  assignments.length + words.length + redirections.length === 0 && !subshell;

function keep(source: Source, { subshell, ...command }: Draft): void {
  if (!isEmpty({ subshell: false, ...command })) source.found.push(command);
}
