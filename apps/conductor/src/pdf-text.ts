import { inflateSync } from 'node:zlib';

/** What a stream may unpack to; a bomb has more. */
const STREAM_BYTES_MAX = 32 * 1024 * 1024;
const STREAM = /<<((?:(?!stream|endobj)[\s\S])*)>>\s*stream\r?\n/g;
const SHOWN =
  /\[((?:[^[\]\\()]|\\.|\((?:[^()\\]|\\.)*\))*)\]\s*TJ|((?:\((?:[^()\\]|\\.)*\)|<[\dA-Fa-f\s]*>))\s*(?:Tj|'|")/g;
const PIECE = /\(((?:[^()\\]|\\.)*)\)|<([\dA-Fa-f\s]*)>/g;

/** From codes of two bytes, as four hexadecimal digits, to text. */
type CodeMap = ReadonlyMap<string, string>;

/**
 * The text that the pages of a PDF show, a line for each time that text is shown. Codes of embedded fonts are read by
 * every map that the file has: which font is which is not looked up, so there may be lines that nobody sees. Text that
 * is drawn, encrypted or packed in another way than by Flate is not found.
 */
export function pdfText(pdf: Buffer): string {
  const streams = [...streamsOf(pdf)];
  const maps = streams.filter((stream) => stream.includes('begincmap')).map(codeMapOf);
  return streams
    .filter((stream) => !stream.includes('begincmap') && /T[Jj]/.test(stream))
    .flatMap((stream) => [...stream.matchAll(SHOWN)])
    .flatMap(([, array, single]) => linesOf(array ?? single ?? '', maps))
    .join('\n');
}

function* streamsOf(pdf: Buffer): Generator<string> {
  const text = pdf.toString('latin1');
  for (const match of text.matchAll(STREAM)) {
    const start = match.index + match[0].length;
    const end = text.indexOf('endstream', start);
    if (end < 0) return;
    const isPacked = match[1]!.includes('/Filter');
    if (!isPacked) yield text.slice(start, end);
    else if (/\/Filter\s*\[?\s*\/FlateDecode/.test(match[1]!)) yield unpack(pdf.subarray(start, end));
  }
}

function unpack(stream: Buffer): string {
  try {
    return inflateSync(stream, { maxOutputLength: STREAM_BYTES_MAX }).toString('latin1');
  } catch {
    // Pictures and fonts have ways of their own; what can not be read shows no text to a person either.
    return '';
  }
}

const utf16 = (hex: string): string => Buffer.from(hex.replaceAll(/\s/g, ''), 'hex').swap16().toString('utf16le');

function codeMapOf(stream: string): CodeMap {
  const map = new Map<string, string>();
  for (const [, section] of stream.matchAll(/beginbfchar([\s\S]*?)endbfchar/g)) {
    for (const [, code, to] of section!.matchAll(/<([\dA-Fa-f]{4})>\s*<((?:[\dA-Fa-f]{4}\s*)+)>/g)) {
      map.set(code!.toLowerCase(), utf16(to!));
    }
  }
  for (const [, section] of stream.matchAll(/beginbfrange([\s\S]*?)endbfrange/g)) {
    const ranges = /<([\dA-Fa-f]{4})>\s*<([\dA-Fa-f]{4})>\s*(?:\[([^\]]*)\]|<((?:[\dA-Fa-f]{4}\s*)+)>)/g;
    for (const [, from, last, list, first] of section!.matchAll(ranges)) {
      const texts =
        list === undefined ? undefined : [...list.matchAll(/<([\dA-Fa-f\s]+)>/g)].map(([, hex]) => utf16(hex!));
      for (let code = parseInt(from!, 16), at = 0; code <= parseInt(last!, 16); code += 1, at += 1) {
        const text = texts ? texts[at] : String.fromCodePoint(utf16(first!).codePointAt(0)! + at);
        if (text !== undefined) map.set(code.toString(16).padStart(4, '0'), text);
      }
    }
  }
  return map;
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', f: '\f' };
const unescaped = (literal: string): string =>
  literal.replaceAll(/\\([0-7]{1,3}|.)/gs, (_, code: string) =>
    /^[0-7]/.test(code) ? String.fromCharCode(parseInt(code, 8)) : (ESCAPES[code] ?? code),
  );

function linesOf(shown: string, maps: readonly CodeMap[]): string[] {
  const pieces = [...shown.matchAll(PIECE)];
  const plain = pieces.map(([, literal]) => (literal === undefined ? '' : unescaped(literal))).join('');
  const codes = pieces.flatMap(([, , hex]) => hex?.replaceAll(/\s/g, '').toLowerCase().match(/.{4}/g) ?? []);
  const read = maps.map((map) => codes.map((code) => map.get(code) ?? '').join(''));
  return [plain, ...read].filter((line) => line !== '');
}
