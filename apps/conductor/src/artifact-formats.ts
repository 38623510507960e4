import JSZip from 'jszip';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { pdfText } from './pdf-text.ts';

/** What is wrong with a file; the message goes on after the file's name: `is no PDF`. */
export class Flaw extends Error {
  override readonly name = 'Flaw';
}

/** A file as far as it was read: its first `OPENED_BYTES_MAX`, and its end. */
export interface Sample {
  readonly head: Buffer;
  readonly tail: Buffer;
  /** Bytes of the whole file. */
  readonly size: number;
}

/**
 * What a file says, for placeholders to be looked for. In data, `TODO` may be somebody's value; in cells, a row a line
 * and a tab between them, only a placeholder that fills the cell is one of ours.
 */
export interface Content {
  readonly text: string;
  readonly kind: 'prose' | 'code' | 'data' | 'cells';
}

/** Larger files are not opened whole. */
export const OPENED_BYTES_MAX = 32 * 1024 * 1024;
export const TAIL_BYTES = 1024;
/** What the text of an office document may unpack to; a bomb has more. */
const UNPACKED_BYTES_MAX = 32 * 1024 * 1024;
const PROSE_WORDS_MIN = 20;
const NOTHING_TO_READ: Content = { text: '', kind: 'data' };

type Format = (sample: Sample) => Content | Promise<Content>;

const FORMATS: ReadonlyMap<string, Format> = new Map<string, Format>([
  ['.md', (sample) => ({ text: textWith(PROSE_WORDS_MIN, sample), kind: 'prose' })],
  ['.txt', (sample) => ({ text: textWith(1, sample), kind: 'prose' })],
  ['.py', (sample) => ({ text: textWith(1, sample), kind: 'code' })],
  ['.yaml', openYaml],
  ['.yml', openYaml],
  ['.json', openJson],
  ['.ipynb', openNotebook],
  ['.csv', openCsv],
  ['.parquet', openParquet],
  ['.docx', (sample) => openOffice(sample, 'Word document', /^word\/document\.xml$/)],
  ['.pptx', (sample) => openOffice(sample, 'presentation with slides', /^ppt\/slides\/slide\d+\.xml$/)],
  ['.pdf', openPdf],
  ['.tgz', openGzip],
]);

/**
 * Opens a file as what its extension says it is; of a type that nobody knows here, there is nothing to say.
 * @throws Flaw when it is something else
 */
export const openAs = async (extension: string, sample: Sample): Promise<Content> =>
  FORMATS.get(extension)?.(sample) ?? NOTHING_TO_READ;

function wholeText({ head, size }: Sample): string {
  if (size > head.length)
    throw new Flaw(`is larger than ${OPENED_BYTES_MAX / 1024 / 1024} MiB, too large to be opened`);
  return decode(head);
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new Flaw('is not text in UTF-8');
  }
}

function textWith(wordsMin: number, sample: Sample): string {
  const text = wholeText(sample);
  const words = text.match(/[\p{L}\p{N}]+/gu)?.length ?? 0;
  if (words < wordsMin) throw new Flaw(`has ${words} words, which can not be all there is to say`);
  return text;
}

function openYaml(sample: Sample): Content {
  const text = textWith(1, sample);
  // Parsed as far as mistakes show, not expanded: aliases can make a small file huge.
  const documents = parseAllDocuments(text);
  const mistake = Array.isArray(documents) ? documents.flatMap(({ errors }) => errors)[0] : undefined;
  if (mistake) throw new Flaw(`is not YAML: ${firstLine(mistake.message)}`);
  return { text, kind: 'prose' };
}

function openJson(sample: Sample): Content {
  const text = wholeText(sample);
  parseJson(text);
  return { text, kind: 'data' };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Flaw(`is not JSON: ${error instanceof Error ? firstLine(error.message) : String(error)}`);
  }
}

const Source = z.union([z.string(), z.array(z.string()).transform((lines) => lines.join(''))]);
const Notebook = z.object({
  nbformat: z.literal(4),
  cells: z.array(
    z.object({
      cell_type: z.string(),
      source: Source,
      execution_count: z.number().nullish(),
      outputs: z.array(z.object({ output_type: z.string() })).default([]),
    }),
  ),
});

function openNotebook(sample: Sample): Content {
  const { success, data } = Notebook.safeParse(parseJson(wholeText(sample)));
  if (!success) throw new Flaw('is no notebook of nbformat 4');
  const code = data.cells.filter(({ cell_type }) => cell_type === 'code');
  const broken = code.findIndex(({ outputs }) => outputs.some(({ output_type }) => output_type === 'error'));
  if (broken >= 0) throw new Flaw(`has an error in the output of its code cell ${broken + 1}`);
  if (!code.some(({ execution_count, outputs }) => typeof execution_count === 'number' && outputs.length > 0)) {
    throw new Flaw('has no code cell that was executed and shows its output');
  }
  const prose = data.cells.filter(({ cell_type }) => cell_type === 'markdown').map(({ source }) => source);
  return { text: prose.join('\n'), kind: 'prose' };
}

const CSV_BYTES_MAX = 1024 * 1024;

/** Looks at the first rows: a data file may be large, and whoever wrote the first thousand rows wrote the rest. */
function openCsv({ head, size }: Sample): Content {
  const isCut = size > CSV_BYTES_MAX;
  // A part that was cut out may end within a row, and within a character.
  const text = decode(isCut ? head.subarray(0, head.lastIndexOf('\n', CSV_BYTES_MAX) + 1) : head);
  const [header, ...rows] = isCut ? csvRows(text).slice(0, -1) : csvRows(text);
  if (!header || rows.length === 0) throw new Flaw('has no rows under its header');
  const ragged = rows.findIndex(({ length }) => length !== header.length);
  if (ragged >= 0) {
    throw new Flaw(`has ${rows[ragged]!.length} fields in row ${ragged + 1}, under a header of ${header.length}`);
  }
  return cells([header, ...rows]);
}

const cells = (rows: readonly (readonly string[])[]): Content => ({
  text: rows.map((row) => row.map((cell) => cell.replaceAll(/\s+/g, ' ').trim()).join('\t')).join('\n'),
  kind: 'cells',
});

const CSV_ROWS_MAX = 1_000;

/** The first rows, by RFC 4180: quoted fields may hold commas, quotes and line breaks. */
function csvRows(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  for (const [, quoted, plain, end] of text.matchAll(/(?:"([^"]*(?:""[^"]*)*)"|([^,\r\n]*))(,|\r?\n|$)/g)) {
    row.push(quoted ?? plain ?? '');
    if (end === ',') continue;
    if (row.length > 1 || row[0] !== '') rows.push(row);
    if (rows.length > CSV_ROWS_MAX) break;
    row = [];
  }
  return rows;
}

async function openParquet({ head, tail, size }: Sample): Promise<Content> {
  const magic = Buffer.from('PAR1');
  if (size < 12 || !head.subarray(0, 4).equals(magic) || !tail.subarray(-4).equals(magic)) {
    throw new Flaw('is no Parquet file, or not a whole one');
  }
  // Its end says where its rows are: of a part of it, nothing more can be read.
  if (size > head.length) return NOTHING_TO_READ;
  // Few conductors ever see one, and the reader is large.
  const { BadData, firstRecords } = await import('@vt/modeling');
  const folder = await mkdtemp(join(tmpdir(), 'value-train-inspection-'));
  try {
    const file = join(folder, 'rows.parquet');
    await writeFile(file, head);
    return cells(await firstRecords(file, CSV_ROWS_MAX));
  } catch (error) {
    if (error instanceof BadData) throw new Flaw(`can not be read: ${error.problems[0].message}`);
    throw error;
  } finally {
    await rm(folder, { recursive: true });
  }
}

function openPdf({ head, tail, size }: Sample): Content {
  if (!head.subarray(0, 5).equals(Buffer.from('%PDF-'))) throw new Flaw('is no PDF');
  if (!tail.includes('%%EOF')) throw new Flaw('is a PDF without its end');
  return size > head.length ? NOTHING_TO_READ : { text: pdfText(head), kind: 'prose' };
}

function openGzip({ head }: Sample): Content {
  if (head[0] !== 0x1f || head[1] !== 0x8b) throw new Flaw('is no gzip archive');
  return NOTHING_TO_READ;
}

async function openOffice({ head, size }: Sample, what: string, part: RegExp): Promise<Content> {
  if (size > head.length)
    throw new Flaw(`is larger than ${OPENED_BYTES_MAX / 1024 / 1024} MiB, too large to be opened`);
  const zip = await JSZip.loadAsync(head).catch(() => undefined);
  const parts = zip?.file(part) ?? [];
  if (!zip?.file('[Content_Types].xml') || parts.length === 0) throw new Flaw(`is no ${what}`);
  const texts: string[] = [];
  for (const file of parts) texts.push(wordsOf(await unpack(file)));
  const text = texts.join('\n');
  if (!/[\p{L}\p{N}]/u.test(text)) throw new Flaw('has no text');
  return { text, kind: 'prose' };
}

async function unpack(file: JSZip.JSZipObject): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  // The library's streams are of an older kind, which can not be iterated.
  for await (const chunk of new Readable().wrap(file.nodeStream())) {
    // Asked for no encoding, it gives buffers.
    chunks.push(chunk as Buffer);
    size += (chunk as Buffer).length;
    if (size > UNPACKED_BYTES_MAX) throw new Flaw('unpacks to more text than a document has');
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The words of WordprocessingML and DrawingML: a paragraph a line, because runs cut words apart. */
const wordsOf = (xml: string): string =>
  xml
    .replaceAll(/<\/[wa]:p>/g, '\n')
    .replaceAll(/<[^>]*>/g, '')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');

const firstLine = (message: string): string => message.split('\n', 1)[0] ?? message;
