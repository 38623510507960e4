import { isUtf8 } from 'node:buffer';
import { open } from 'node:fs/promises';
import { BadData, type Problem } from './problem.ts';

export interface TextRecord {
  readonly line: number;
  readonly fields: readonly string[];
}

const CHUNK_BYTES = 1 << 20;
/** A record longer than this has lost its closing quote. Characters. */
const RECORD_MAX = 1 << 20;
const DELIMITERS = [',', ';', '\t', '|'];

const bad = (problem: Problem): BadData => new BadData([problem]);

/** Text of a file in chunks of whole characters; BadData names the line and byte of the first that is not UTF-8. */
async function* chunksOf(path: string): AsyncGenerator<string> {
  await using file = await open(path);
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const buffer = Buffer.alloc(CHUNK_BYTES);
  let lines = 0;
  for (let offset = 0; ;) {
    const { bytesRead } = await file.read(buffer, 0, CHUNK_BYTES, offset);
    if (bytesRead === 0) return;
    const whole = bytesRead < CHUNK_BYTES ? bytesRead : wholeCharacters(buffer);
    const chunk = buffer.subarray(0, whole);
    if (!isUtf8(chunk)) throw notUtf8(chunk, offset, lines);
    const text = decoder.decode(chunk);
    yield text;
    offset += whole;
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) lines += 1;
  }
}

/** Length of the part of `bytes` that cuts no character in two. */
const wholeCharacters = (bytes: Buffer): number => {
  for (let back = 1; back <= 3; back += 1) {
    const byte = bytes[bytes.length - back]!;
    if ((byte & 0xc0) === 0x80) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
};

const notUtf8 = (chunk: Buffer, offset: number, linesBefore: number): BadData => {
  if (offset === 0 && ((chunk[0] === 0xff && chunk[1] === 0xfe) || (chunk[0] === 0xfe && chunk[1] === 0xff))) {
    return bad({ line: 1, message: 'the file is UTF-16, not UTF-8', mend: 'save it as UTF-8' });
  }
  const at = firstBadByte(chunk);
  const line = linesBefore + 1 + chunk.subarray(0, at).reduce((count, byte) => count + (byte === 10 ? 1 : 0), 0);
  const byte = chunk[at]?.toString(16).padStart(2, '0');
  return bad({ line, message: `byte ${offset + at} (0x${byte}) is not UTF-8`, mend: 'save the file as UTF-8' });
};

const REPLACEMENT = Buffer.from('\uFFFD');

/** Index of the first byte that a decoder has to replace. */
const firstBadByte = (chunk: Buffer): number => {
  const text = chunk.toString('utf8');
  for (let at = text.indexOf('\uFFFD'); at >= 0; at = text.indexOf('\uFFFD', at + 1)) {
    const byte = Buffer.byteLength(text.slice(0, at));
    // The replacement character may also stand in the file itself.
    if (!chunk.subarray(byte, byte + REPLACEMENT.length).equals(REPLACEMENT)) return byte;
  }
  return 0;
};

/** The delimiter that the header has most of, outside quotes. */
export const delimiterOf = (header: string): string => {
  const bare = header.replace(/"(?:[^"]|"")*"/g, '');
  const counts = DELIMITERS.map((delimiter) => ({ delimiter, count: bare.split(delimiter).length }));
  return counts.reduce((most, next) => (next.count > most.count ? next : most)).delimiter;
};

/** Where the record that begins at `from` ends (the index of its line feed), or -1 while that is not in `text`. */
const recordEnd = (text: string, from: number): number => {
  let quoted = false;
  for (let at = from; ;) {
    const quote = text.indexOf('"', at);
    if (!quoted) {
      const feed = text.indexOf('\n', at);
      if (feed < 0 || quote < 0 || feed < quote) return feed;
    } else if (quote < 0) return -1;
    quoted = !quoted;
    at = quote + 1;
  }
};

const fieldsOf = (record: string, delimiter: string, line: number): string[] => {
  const fields: string[] = [];
  for (let at = 0; ;) {
    if (record[at] !== '"') {
      const end = record.indexOf(delimiter, at);
      fields.push(end < 0 ? record.slice(at) : record.slice(at, end));
      if (end < 0) return fields;
      at = end + 1;
      continue;
    }
    let close = record.indexOf('"', at + 1);
    while (close >= 0 && record[close + 1] === '"') close = record.indexOf('"', close + 2);
    if (close < 0 || (close + 1 < record.length && record[close + 1] !== delimiter)) {
      throw bad({
        line,
        message: 'a quoted field does not end at a delimiter',
        mend: 'write a quote within a field twice, and close the field with one quote',
      });
    }
    fields.push(record.slice(at + 1, close).replaceAll('""', '"'));
    if (close + 1 === record.length) return fields;
    at = close + 2;
  }
};

/**
 * Records of a CSV file (RFC 4180, UTF-8, any of `,` `;` tab `|`), in batches of about a megabyte, the header first;
 * empty lines are skipped. Memory stays within a few megabytes whatever the size of the file.
 */
export async function* csvRecords(path: string): AsyncGenerator<TextRecord[]> {
  let rest = '';
  let line = 1;
  let delimiter: string | undefined;
  await using chunks = chunksOf(path);
  for (let pending = true; pending;) {
    const { value: chunk, done } = await chunks.next();
    pending = done !== true;
    // The last line may lack its line feed.
    const text = rest + (pending ? chunk : '\n');
    const batch: TextRecord[] = [];
    let from = 0;
    let quote = text.indexOf('"');
    for (;;) {
      const feed = text.indexOf('\n', from);
      const plain = quote < 0 || feed < quote;
      const end = plain ? feed : recordEnd(text, from);
      if (end < 0) break;
      const record = text.slice(from, text[end - 1] === '\r' && end > from ? end - 1 : end);
      delimiter ??= delimiterOf(record);
      const fields = plain ? record.split(delimiter) : fieldsOf(record, delimiter, line);
      if (record !== '') batch.push({ line, fields });
      line += plain ? 1 : record.split('\n').length;
      from = end + 1;
      // Looked for once a quote is passed, not once a record: most files have none.
      if (!plain) quote = text.indexOf('"', from);
    }
    rest = text.slice(from);
    if (rest.length > RECORD_MAX || (!pending && rest.trim() !== '')) throw unfinished(rest, line);
    if (batch.length > 0) yield batch;
  }
}

const unfinished = (rest: string, line: number): BadData =>
  bad(
    rest.includes('"')
      ? { line, message: 'a quote that opens here is never closed', mend: 'close the quote, or write it twice' }
      : {
          line,
          message: 'this line does not end',
          mend: 'end lines with a line feed, and check that this is a CSV file',
        },
  );

const NEEDS_QUOTES = /[",\n\r]/;

/** One line of CSV with its line feed; null is the empty field. */
export const csvLine = (values: readonly (string | number | boolean | null)[]): string =>
  `${values
    .map((value) => {
      const text = value === null ? '' : String(value);
      return NEEDS_QUOTES.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    })
    .join(',')}\n`;
