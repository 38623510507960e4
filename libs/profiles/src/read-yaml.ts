import { isUtf8 } from 'node:buffer';
import { readFile } from 'node:fs/promises';
import { isMap, isScalar, isSeq, LineCounter, parseDocument, Scalar, type Document } from 'yaml';
import type { z } from 'zod';
import { formatPath, type Finding, type Problem } from './problem.ts';
import { schemaFindings } from './schema-findings.ts';

export type YamlFile<T> =
  | { readonly ok: true; readonly value: T; readonly problemsOf: (findings: readonly Finding[]) => readonly Problem[] }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** A file that a person writes is far smaller; a larger one is a mistake, or an attack on the parser. */
const FILE_BYTES_MAX = 512 * 1024;
/** Aliases of aliases grow without bound. */
const ALIASES_MAX = 10;

/** Offset of the deepest node on a path: of a field its value where that is on the field's own line, else its name. */
const offsetOf = (document: Document, path: Finding['path']): number => {
  let node: unknown = document.contents;
  let offset = document.contents?.range?.[0] ?? 0;
  for (const step of path) {
    const pair = isMap(node) ? node.items.find(({ key }) => isScalar(key) && key.value === step) : undefined;
    const next: unknown = isSeq(node) && typeof step === 'number' ? node.items[step] : pair?.value;
    if (next === undefined) break;
    const onLine = isScalar(next) && next.type !== Scalar.BLOCK_FOLDED && next.type !== Scalar.BLOCK_LITERAL;
    const anchor = pair !== undefined && !onLine ? pair.key : next;
    node = next;
    offset = (anchor as { range?: [number, number, number] | null } | null)?.range?.[0] ?? offset;
  }
  return offset;
};

const SYNTAX_PROBLEMS_MAX = 5;
const SYNTAX_MENDS: Record<string, string> = {
  DUPLICATE_KEY: 'keep one of the two',
  TAB_AS_INDENT: 'indent with spaces',
  BAD_ALIAS: 'write the value out',
};

type Trouble = Omit<Problem, 'file' | 'path'>;

/** @returns the text, or what keeps it from being read. */
const textOf = async (file: string): Promise<string | Trouble> => {
  const trouble = (message: string, mend: string, line = 1): Trouble => ({ line, column: 1, message, mend });
  const content = await readFile(file).catch((error: NodeJS.ErrnoException) => error);
  if (!Buffer.isBuffer(content))
    return trouble(`cannot be read (${content.code ?? content.message})`, 'name a readable YAML file');
  if (content.byteLength > FILE_BYTES_MAX)
    return trouble(`the file has ${content.byteLength} bytes`, `keep it under ${FILE_BYTES_MAX}`);
  if (isUtf8(content)) return content.toString('utf8');
  const lines = content.toString('latin1').split('\n');
  const line = lines.findIndex((bytes) => !isUtf8(Buffer.from(bytes, 'latin1'))) + 1;
  return trouble('this line is not UTF-8 text', 'save the file as UTF-8', line);
};

/** The document's content as plain values, or why there is none. */
const contentOf = (document: Document): { content: unknown } | { message: string } => {
  try {
    return { content: document.toJS({ maxAliasCount: ALIASES_MAX }) };
  } catch (error) {
    return { message: error instanceof Error ? error.message : String(error) };
  }
};

/** Reads a YAML file strictly: what the schema does not know is a problem, with its line and a mend. */
export const readYaml = async <T>(file: string, schema: z.ZodType<T>): Promise<YamlFile<T>> => {
  const text = await textOf(file);
  return typeof text === 'string'
    ? parseYaml(file, text, schema)
    : { ok: false, problems: [{ file, path: '', ...text }] };
};

/** The same of a text; problems call it by its name. */
export const parseYaml = <T>(file: string, text: string, schema: z.ZodType<T>): YamlFile<T> => {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, schema: 'core', uniqueKeys: true });
  const problemAt = (offset: number, message: string, mend: string, path: Finding['path'] = []): Problem => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(1, line), column: Math.max(1, col), path: formatPath(path), message, mend };
  };
  const problemsOf = (findings: readonly Finding[]) =>
    findings
      .map(({ path, message, mend }) => problemAt(offsetOf(document, path), message, mend, path))
      .toSorted((one, other) => one.line - other.line || one.column - other.column);

  if (document.errors.length > 0) {
    // What follows the first mistakes of syntax is mostly their consequence.
    const errors = document.errors.slice(0, SYNTAX_PROBLEMS_MAX);
    const problems = errors.map(({ pos: [offset], code, message }) =>
      problemAt(offset, message, SYNTAX_MENDS[code] ?? 'mend the YAML here'),
    );
    return { ok: false, problems };
  }
  const read = contentOf(document);
  if ('message' in read) return { ok: false, problems: [problemAt(0, read.message, 'write the values out')] };
  const parsed = schema.safeParse(read.content, { reportInput: true });
  return parsed.success
    ? { ok: true, value: parsed.data, problemsOf }
    : { ok: false, problems: problemsOf(schemaFindings(parsed.error.issues, schema)) };
};
