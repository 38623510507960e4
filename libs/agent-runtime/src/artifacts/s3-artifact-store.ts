import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
  UploadPartCommand,
  type CompletedPart,
} from '@aws-sdk/client-s3';
import { Digest, Unavailable } from '@vt/kernel';
import { createHash } from 'node:crypto';
import { glob, open, readFile, rm, stat, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import {
  ArtifactDamaged,
  ArtifactMissing,
  checked,
  type ArtifactStore,
  type Content,
  type Stored,
} from './artifact-store.ts';
import type { Circuits } from '../circuit-breaker.ts';
import { FileArtifactStore } from './file-artifact-store.ts';

/** S3 wants parts of at least 5 MiB, and at most 10,000 of them: up to 156 GiB. */
const PART_BYTES = 16 * 1024 * 1024;
const CONNECT_MS_MAX = 5_000;
/** What was used within this time may still be open. */
const IN_USE_MS = 3_600_000;

interface Limits {
  /** A server that says nothing for so long is asked again, twice; then it is away. */
  readonly silenceMs: number;
  /** Of the folder of this machine. */
  readonly cacheBytes: number;
}

const LIMITS: Limits = { silenceMs: 20_000, cacheBytes: 4 * 1024 ** 3 };

/**
 * Artifacts in a bucket, under `<prefix>/ab/ab12…`. What passes through is kept in a folder of this machine, which
 * may be emptied while nothing runs; what was not used for longest makes room. Throws `Unavailable` when the bucket
 * does not answer.
 */
export class S3ArtifactStore implements ArtifactStore {
  private readonly client: S3Client;
  private readonly circuits: Circuits;
  private readonly bucket: string;
  private readonly prefix: string;
  private readonly folder: string;
  private readonly local: FileArtifactStore;
  private readonly cacheBytes: number;
  /** Bytes that were added to the folder since it was last looked through; never yet. */
  private added = Number.POSITIVE_INFINITY;

  constructor(
    client: S3Client,
    circuits: Circuits,
    bucket: string,
    prefix: string,
    folder: string,
    cacheBytes: number,
  ) {
    this.client = client;
    this.circuits = circuits;
    this.bucket = bucket;
    this.prefix = prefix;
    this.folder = folder;
    this.local = new FileArtifactStore(folder);
    this.cacheBytes = cacheBytes;
  }

  /** `s3://bucket/prefix?endpoint=…&region=…`; an endpoint of one's own is addressed by path. */
  static at(url: URL, circuits: Circuits, { silenceMs, cacheBytes }: Limits = LIMITS): S3ArtifactStore {
    const endpoint = url.searchParams.get('endpoint');
    const region = url.searchParams.get('region');
    const client = new S3Client({
      // We send and check the digest by ourselves; of a file in parts, servers differ in what they answer.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      requestHandler: { connectionTimeout: CONNECT_MS_MAX, socketTimeout: silenceMs },
      ...(endpoint ? { endpoint, forcePathStyle: true } : {}),
      ...(region ? { region } : {}),
    });
    const prefix = url.pathname.replace(/^\/|\/$/g, '');
    const folder = join(tmpdir(), 'value-train-artifacts', url.hostname);
    return new S3ArtifactStore(client, circuits, url.hostname, prefix, folder, cacheBytes);
  }

  /** The key is the digest, so the content is read once, to disk, before it is sent. */
  async put(content: Content): Promise<Stored> {
    const stored = await this.keep(content);
    if ((await this.sizeOf(stored.digest)) === stored.size) return stored;
    const file = await this.local.localPath(stored.digest);
    await (stored.size <= PART_BYTES ? this.putWhole(stored.digest, file) : this.putInParts(stored, file)).catch(named);
    return stored;
  }

  async get(digest: Digest): Promise<Readable> {
    const { Body } = await this.send((client) => client.send(new GetObjectCommand(this.place(digest)))).catch(
      (error: unknown) => {
        if (isNotFound(error)) throw new ArtifactMissing(digest, { cause: error });
        return named(error);
      },
    );
    // Under Node the client answers a stream of Node's.
    if (!(Body instanceof Readable)) throw new Error(`S3 answered ${digest} without a body`);
    return checked(digest, Readable.from(whole(Body), { objectMode: false }));
  }

  async read(digest: Digest): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for await (const chunk of await this.get(digest)) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks);
  }

  async has(digest: Digest): Promise<boolean> {
    return (await this.sizeOf(digest)) !== undefined;
  }

  async localPath(digest: Digest): Promise<string> {
    const path = await this.local.localPath(digest).catch(async (error: unknown) => {
      if (!(error instanceof ArtifactMissing || error instanceof ArtifactDamaged)) throw error;
      await this.keep(await this.get(digest));
      return this.local.localPath(digest);
    });
    const now = new Date();
    await utimes(path, now, now);
    return path;
  }

  private async keep(content: Content): Promise<Stored> {
    const stored = await this.local.put(content);
    this.added += stored.size;
    if (this.added > this.cacheBytes / 8) {
      this.added = 0;
      await makeRoom(this.folder, this.cacheBytes);
    }
    return stored;
  }

  /** Asks the bucket, unless it is known to be away. An answer that refuses is an answer. */
  private send<Result>(ask: (client: S3Client) => Promise<Result>): Promise<Result> {
    return this.circuits.call(
      `s3:${this.bucket}`,
      () => ask(this.client),
      (error) => !isRefusal(error),
    );
  }

  /** In bytes; undefined when the bucket has no such object. */
  private async sizeOf(digest: Digest): Promise<number | undefined> {
    try {
      return (await this.send((client) => client.send(new HeadObjectCommand(this.place(digest))))).ContentLength;
    } catch (error) {
      return isNotFound(error) ? undefined : named(error);
    }
  }

  private place(digest: Digest): { Bucket: string; Key: string } {
    const digits = Digest.parse(digest).slice('sha256:'.length);
    const key = `${digits.slice(0, 2)}/${digits}`;
    return { Bucket: this.bucket, Key: this.prefix ? `${this.prefix}/${key}` : key };
  }

  private async putWhole(digest: Digest, file: string): Promise<void> {
    const Body = await readFile(file);
    const ChecksumSHA256 = Buffer.from(digest.slice('sha256:'.length), 'hex').toString('base64');
    await this.send((client) => client.send(new PutObjectCommand({ ...this.place(digest), Body, ChecksumSHA256 })));
  }

  private async putInParts({ digest, size }: Stored, file: string): Promise<void> {
    const place = this.place(digest);
    const created = await this.send((client) =>
      client.send(new CreateMultipartUploadCommand({ ...place, ChecksumAlgorithm: 'SHA256' })),
    );
    const upload = { ...place, UploadId: created.UploadId };
    try {
      const Parts: CompletedPart[] = [];
      for (let start = 0; start < size; start += PART_BYTES) {
        const Body = await slice(file, start, Math.min(PART_BYTES, size - start));
        const ChecksumSHA256 = createHash('sha256').update(Body).digest('base64');
        const PartNumber = Parts.length + 1;
        const { ETag } = await this.send((client) =>
          client.send(new UploadPartCommand({ ...upload, PartNumber, Body, ChecksumSHA256 })),
        );
        Parts.push({ PartNumber, ETag, ChecksumSHA256 });
      }
      await this.send((client) =>
        client.send(new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts } })),
      );
    } catch (error) {
      // Parts that are left would be kept, and billed.
      await this.send((client) => client.send(new AbortMultipartUploadCommand(upload))).catch(() => undefined);
      throw error;
    }
  }
}

const isNotFound = (error: unknown): boolean =>
  error instanceof S3ServiceException && error.$metadata.httpStatusCode === 404;

const isRefusal = (error: unknown): boolean => error instanceof S3ServiceException && error.$fault === 'client';

/** @throws Unavailable unless the server said what is wrong with the request */
const named = (error: unknown): never => {
  if (isRefusal(error) || error instanceof Unavailable) throw error;
  const reason = error instanceof Error ? error.message : String(error);
  throw new Unavailable(`the artifact store does not answer: ${reason}`, { cause: error });
};

async function* whole(body: Readable): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of body) yield chunk as Buffer;
  } catch (error) {
    named(error);
  }
}

/** Removes what was not used for longest, down to seven eighths of what the folder may hold. */
async function makeRoom(folder: string, bytesMax: number): Promise<void> {
  const files: { path: string; size: number; usedAt: number }[] = [];
  for await (const name of glob('*/*', { cwd: folder })) {
    const path = join(folder, name);
    // Another process may have made room meanwhile.
    const found = await stat(path).catch(() => undefined);
    if (found) files.push({ path, size: found.size, usedAt: found.mtimeMs });
  }
  let bytes = files.reduce((sum, { size }) => sum + size, 0);
  const unused = files.filter(({ usedAt }) => usedAt < Date.now() - IN_USE_MS).sort((a, b) => a.usedAt - b.usedAt);
  for (const { path, size } of unused) {
    if (bytes <= (bytesMax * 7) / 8) return;
    await rm(path, { force: true });
    bytes -= size;
  }
}

async function slice(path: string, start: number, length: number): Promise<Buffer> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, start);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
