import { Digest } from '@vt/kernel';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { extname } from 'node:path';
import { Readable } from 'node:stream';

/** Bytes at hand, bytes to come, or a file to be copied. */
export type Content = Uint8Array | Readable | { readonly file: string };

export interface Stored {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

/**
 * Files by their content. What was put can not be changed, and putting it again is nothing new. Reading checks the
 * digest: content that is damaged is an error, never an answer. What is not there is an `ArtifactMissing`.
 */
export interface ArtifactStore {
  /** Answers when the content would survive a crash. */
  put(content: Content): Promise<Stored>;
  /** The stream fails at its end when the content is damaged. */
  get(digest: Digest): Promise<Readable>;
  read(digest: Digest): Promise<Buffer>;
  has(digest: Digest): Promise<boolean>;
  /** A file on this machine with this content, checked, for reading only. It has no extension. */
  localPath(digest: Digest): Promise<string>;
}

export class ArtifactMissing extends Error {
  override readonly name = 'ArtifactMissing';
  constructor(
    readonly digest: Digest,
    options?: ErrorOptions,
  ) {
    super(`the artifact store has no ${digest}`, options);
  }
}

export class ArtifactDamaged extends Error {
  override readonly name = 'ArtifactDamaged';
  constructor(expected: Digest, found: Digest) {
    super(`artifact ${expected} is damaged: its content has the digest ${found}; restore it from a copy`);
  }
}

export const digestOf = (content: Uint8Array): Digest =>
  Digest.parse(`sha256:${createHash('sha256').update(content).digest('hex')}`);

/** Bytes to come, whatever they come from. A stream that breaks off before it is read tells whoever reads it. */
export const streamOf = (content: Content): Readable => {
  // An array of one chunk: a bare Uint8Array would be read number by number.
  if (content instanceof Uint8Array) return Readable.from([content]);
  return untilRead(content instanceof Readable ? content : createReadStream(content.file));
};

/** The same bytes; fails at their end unless they have this digest. */
export const checked = (expected: Digest, source: Readable): Readable =>
  Readable.from(check(expected, untilRead(source)), { objectMode: false });

async function* check(expected: Digest, source: Readable): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  for await (const chunk of source) {
    // Streams of bytes, which these are, give buffers.
    hash.update(chunk as Buffer);
    yield chunk as Buffer;
  }
  const found = Digest.parse(`sha256:${hash.digest('hex')}`);
  if (found !== expected) throw new ArtifactDamaged(expected, found);
}

/** An error that nobody listens for yet would end the process; the stream keeps it, and gives it to its reader. */
const untilRead = (stream: Readable): Readable => stream.on('error', () => undefined);

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  '.csv': 'text/csv',
  '.docx': 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  '.html': 'text/html',
  '.ipynb': 'application/x-ipynb+json',
  '.json': 'application/json',
  '.md': 'text/markdown',
  '.parquet': 'application/vnd.apache.parquet',
  '.pdf': 'application/pdf',
  '.png': 'image/png',
  '.pptx': 'application/vnd.openxmlformats-officedocument.presentationml.presentation',
  '.svg': 'image/svg+xml',
  '.tgz': 'application/gzip',
  '.txt': 'text/plain',
  '.yaml': 'application/yaml',
  '.yml': 'application/yaml',
};

/** Media type by extension; what is not known is bytes. */
export const mediaTypeOf = (path: string): string =>
  MEDIA_TYPES[extname(path).toLowerCase()] ?? 'application/octet-stream';
