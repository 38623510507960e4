import { gunzipSync, gzipSync } from 'node:zlib';

const BLOCK = 512;
const NAME_MAX = 100;
const PLAIN_FILE = '0';

export interface ArchivedFile {
  /** Relative, with forward slashes. */
  readonly path: string;
  readonly content: string | Uint8Array;
}

const octal = (value: number, width: number): string => `${value.toString(8).padStart(width - 1, '0')}\0`;

/** A header of ustar (POSIX.1-1988), owned by nobody and dated 1970, so that the same files are the same bytes. */
const headerOf = (path: string, size: number): Buffer => {
  if (Buffer.byteLength(path) > NAME_MAX) throw new Error(`${path} is longer than ${NAME_MAX} bytes`);
  const header = Buffer.alloc(BLOCK);
  const fields: readonly (readonly [offset: number, text: string])[] = [
    [0, path],
    [100, octal(0o644, 8)],
    [108, octal(0, 8)],
    [116, octal(0, 8)],
    [124, octal(size, 12)],
    [136, octal(0, 12)],
    // The sum is taken with blanks in its own place.
    [148, ' '.repeat(8)],
    [156, PLAIN_FILE],
    [257, 'ustar\x0000'],
  ];
  for (const [offset, text] of fields) header.write(text, offset);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
};

/** A gzipped tar that any `tar` unpacks; the same files are the same bytes. */
export const packArchive = (files: readonly ArchivedFile[]): Buffer => {
  const parts = files.flatMap(({ path, content }) => {
    const body = Buffer.from(content);
    return [headerOf(path, body.length), body, Buffer.alloc((BLOCK - (body.length % BLOCK)) % BLOCK)];
  });
  return gzipSync(Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)]), { level: 9 });
};

/** The plain files of a gzipped tar. Refuses other kinds of entry, and paths that lead out of the folder. */
export const unpackArchive = (archive: Uint8Array): { readonly path: string; readonly content: Buffer }[] => {
  const tar = gunzipSync(archive);
  const files: { path: string; content: Buffer }[] = [];
  for (let offset = 0; offset + BLOCK <= tar.length && tar[offset] !== 0;) {
    const text = (from: number, to: number): string => tar.toString('utf8', offset + from, offset + to).split('\0')[0]!;
    const path = text(0, NAME_MAX);
    const size = Number.parseInt(text(124, 136), 8);
    if (path.startsWith('/') || path.split('/').includes('..')) throw new Error(`${path} leads out of the archive`);
    if (text(156, 157) !== PLAIN_FILE) throw new Error(`${path} is not a plain file`);
    offset += BLOCK;
    files.push({ path, content: tar.subarray(offset, offset + size) });
    offset += Math.ceil(size / BLOCK) * BLOCK;
  }
  return files;
};
