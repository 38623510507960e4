import type { Cell } from './content.ts';
import { formatCell } from './format.ts';

/** Text that means itself in Markdown, on one line: for names and answers that people typed. */
export const escapeMarkdown = (text: string): string =>
  text
    .replace(/[\\`*_[\]<>|#]/g, '\\$&')
    .replace(/\s+/g, ' ')
    .trim();

const cellOf = (cell: Cell): string =>
  formatCell(cell)
    .replace(/\|/g, '\\|')
    .replace(/\s*\n\s*/g, '<br>');

/** A Markdown table; columns whose cells are all numbers are set to the right. */
export const table = (rows: readonly (readonly Cell[])[], columns: readonly string[]): string => {
  const crooked = rows.findIndex((row) => row.length !== columns.length);
  if (crooked >= 0)
    throw new Error(`row ${crooked + 1} has ${rows[crooked]?.length} cells for ${columns.length} columns`);
  const alignment = columns.map((_, at) =>
    rows.length > 0 && rows.every((row) => typeof row[at] === 'number') ? '---:' : '---',
  );
  return [columns.map(cellOf), alignment, ...rows.map((row) => row.map(cellOf))]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
};

export const bulletList = (items: readonly string[]): string => items.map((item) => `- ${item}`).join('\n');

/** Who wrote a document, on which day, in which version, and whether it is a draft. */
export interface DocumentStamp {
  readonly agent: string;
  /** ISO day. */
  readonly date: string;
  readonly version: string;
  readonly status: string;
}

/** A template and its values do not make a whole document; `problems` names every place. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError';
  readonly problems: readonly string[];

  constructor(title: string, problems: readonly string[]) {
    super(`template "${title}": ${problems.join('; ')}`);
    this.problems = problems;
  }
}

const PLACEHOLDER = /\{\{\s*([\w-]+)\s*\}\}/g;

const emptySections = (text: string): string[] => {
  const lines = text.replace(/^(```|~~~)[\s\S]*?^\1/gm, 'code').split('\n');
  const headings = lines.flatMap((line, at) => {
    const [, marks, title] = /^(#{1,6})\s+(.*)$/.exec(line) ?? [];
    return marks === undefined ? [] : [{ at, level: marks.length, title: title ?? '' }];
  });
  return headings
    .filter(({ at, level }, index) => {
      const next = headings[index + 1];
      const holdsSubsection = next !== undefined && next.level > level;
      const content = lines
        .slice(at + 1, next?.at)
        .join('')
        .trim();
      return content === '' && !holdsSubsection;
    })
    .map(({ title }) => `section "${title}" is empty`);
};

/**
 * Fills the `{{name}}` placeholders of a Markdown template and ends it with the stamp. Strict: throws a `TemplateError`
 * that names each placeholder without a value, value without a placeholder, empty value, empty section, and each
 * comment or bracketed direction that was meant for the author.
 */
export const fillTemplate = (
  template: string,
  values: Readonly<Record<string, string | number>>,
  stamp: DocumentStamp,
): string => {
  const title = /^#\s+(.*)$/m.exec(template)?.[1] ?? template.slice(0, 40);
  const names = new Set([...template.matchAll(PLACEHOLDER)].map(([, name]) => name ?? ''));
  const filled = template.replace(PLACEHOLDER, (whole, name: string) =>
    values[name] === undefined ? whole : String(values[name]).trim(),
  );
  const problems = [
    ...[...names].filter((name) => values[name] === undefined).map((name) => `placeholder {{${name}}} has no value`),
    ...Object.keys(values)
      .filter((name) => !names.has(name))
      .map((name) => `value "${name}" has no placeholder`),
    ...Object.entries(values)
      .filter(([, value]) => String(value).trim() === '')
      .map(([name]) => `value "${name}" is empty`),
    ...emptySections(filled),
    ...[...filled.matchAll(/<!--\s*([\s\S]*?)\s*-->/g)].map(([, text]) => `direction comment "${text}" is left over`),
    ...[...filled.matchAll(/\[(?:replace|insert|tbd|todo)\b[^\]]*\]/gi)].map(
      ([text]) => `direction ${text} is left over`,
    ),
  ];
  if (problems.length > 0) throw new TemplateError(title, problems);
  const { agent, date, version, status } = stamp;
  return `${filled.trim()}\n\n---\n\n*Agent: ${agent} · Date: ${date} · Version: ${version} · Status: ${status}*\n`;
};
