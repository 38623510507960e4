import { gzipSync } from 'node:zlib';

const BLOCK = 512;
const NAME_MAX = 100;

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
    [148, ' '.repeat(8)],
    [156, '0'],
    [257, 'ustar\x0000'],
  ];
  for (const [offset, text] of fields) header.write(text, offset, 'latin1');
  header.write(path, 0, 'utf8');
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return header;
};

/** A gzipped tar that any `tar` unpacks. */
export const packArchive = (files: readonly ArchivedFile[]): Buffer => {
  const parts = files.flatMap(({ path, content }) => {
    const body = Buffer.from(content);
    return [headerOf(path, body.length), body, Buffer.alloc((BLOCK - (body.length % BLOCK)) % BLOCK)];
  });
  return gzipSync(Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)]), { level: 9 });
};
