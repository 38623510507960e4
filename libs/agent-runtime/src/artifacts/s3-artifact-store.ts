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
import { Digest } from '@vt/kernel';
import { createHash } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { ArtifactMissing, checked, type ArtifactStore, type Content, type Stored } from './artifact-store.ts';
import { FileArtifactStore } from './file-artifact-store.ts';

/** S3 wants parts of at least 5 MiB, and at most 10,000 of them: up to 156 GiB. */
const PART_BYTES = 16 * 1024 * 1024;

/**
 * Artifacts in a bucket, under `<prefix>/ab/ab12…`. What passes through is kept in a folder of this machine, which
 * may be emptied while nothing runs.
 */
export class S3ArtifactStore implements ArtifactStore {
  private readonly client: S3Client;
  private readonly bucket: string;
  private readonly prefix: string;
  private readonly local: FileArtifactStore;

  constructor(client: S3Client, bucket: string, prefix: string, folder: string) {
    this.client = client;
    this.bucket = bucket;
    this.prefix = prefix;
    this.local = new FileArtifactStore(folder);
  }

  /** `s3://bucket/prefix?endpoint=…&region=…`; an endpoint of one's own is addressed by path. */
  static at(url: URL): S3ArtifactStore {
    const endpoint = url.searchParams.get('endpoint');
    const region = url.searchParams.get('region');
    const client = new S3Client({
      // We send and check the digest by ourselves; of a file in parts, servers differ in what they answer.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      ...(endpoint ? { endpoint, forcePathStyle: true } : {}),
      ...(region ? { region } : {}),
    });
    const prefix = url.pathname.replace(/^\/|\/$/g, '');
    return new S3ArtifactStore(client, url.hostname, prefix, join(tmpdir(), 'value-train-artifacts', url.hostname));
  }

  /** The key is the digest, so the content is read once, to disk, before it is sent. */
  async put(content: Content): Promise<Stored> {
    const stored = await this.local.put(content);
    if (await this.has(stored.digest)) return stored;
    const file = await this.local.localPath(stored.digest);
    if (stored.size <= PART_BYTES) await this.putWhole(stored.digest, file);
    else await this.putInParts(stored, file);
    return stored;
  }

  async get(digest: Digest): Promise<Readable> {
    const { Body } = await this.client.send(new GetObjectCommand(this.place(digest))).catch((error: unknown) => {
      throw isNotFound(error) ? new ArtifactMissing(digest, { cause: error }) : error;
    });
    // Under Node the client answers a stream of Node's.
    if (!(Body instanceof Readable)) throw new Error(`S3 answered ${digest} without a body`);
    return checked(digest, Body);
  }

  async read(digest: Digest): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for await (const chunk of await this.get(digest)) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks);
  }

  async has(digest: Digest): Promise<boolean> {
    try {
      await this.client.send(new HeadObjectCommand(this.place(digest)));
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }

  async localPath(digest: Digest): Promise<string> {
    if (!(await this.local.has(digest))) await this.local.put(await this.get(digest));
    return this.local.localPath(digest);
  }

  private place(digest: Digest): { Bucket: string; Key: string } {
    const digits = Digest.parse(digest).slice('sha256:'.length);
    const key = `${digits.slice(0, 2)}/${digits}`;
    return { Bucket: this.bucket, Key: this.prefix ? `${this.prefix}/${key}` : key };
  }

  private async putWhole(digest: Digest, file: string): Promise<void> {
    const Body = await readFile(file);
    const ChecksumSHA256 = Buffer.from(digest.slice('sha256:'.length), 'hex').toString('base64');
    await this.client.send(new PutObjectCommand({ ...this.place(digest), Body, ChecksumSHA256 }));
  }

  private async putInParts({ digest, size }: Stored, file: string): Promise<void> {
    const place = this.place(digest);
    const created = await this.client.send(new CreateMultipartUploadCommand({ ...place, ChecksumAlgorithm: 'SHA256' }));
    const upload = { ...place, UploadId: created.UploadId };
    try {
      const Parts: CompletedPart[] = [];
      for (let start = 0; start < size; start += PART_BYTES) {
        const Body = await slice(file, start, Math.min(PART_BYTES, size - start));
        const ChecksumSHA256 = createHash('sha256').update(Body).digest('base64');
        const PartNumber = Parts.length + 1;
        const { ETag } = await this.client.send(new UploadPartCommand({ ...upload, PartNumber, Body, ChecksumSHA256 }));
        Parts.push({ PartNumber, ETag, ChecksumSHA256 });
      }
      await this.client.send(new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts } }));
    } catch (error) {
      // Parts that are left would be kept, and billed.
      await this.client.send(new AbortMultipartUploadCommand(upload)).catch(() => undefined);
      throw error;
    }
  }
}

const isNotFound = (error: unknown): boolean =>
  error instanceof S3ServiceException && error.$metadata.httpStatusCode === 404;

async function slice(path: string, start: number, length: number): Promise<Buffer> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, start);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
