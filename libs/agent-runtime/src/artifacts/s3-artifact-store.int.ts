import { CreateBucketCommand, ListMultipartUploadsCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Unavailable } from '@vt/kernel';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { access, chmod, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { digestOf } from './artifact-store.ts';
import { openArtifactStore } from './open-artifact-store.ts';
import { Circuits } from '../circuit-breaker.ts';
import { S3ArtifactStore } from './s3-artifact-store.ts';
import { artifactStoreContract } from './testing/artifact-store.contract.ts';
import { installMoto, startMoto } from './testing/moto.ts';

jest.setTimeout(60_000);

describe('a bucket that is away', () => {
  const bucket = `away-${randomUUID()}`;
  const digest = digestOf(Buffer.from('anything'));
  let server: Server | undefined;
  /** A server that answers with this, then says nothing more. */
  const storeAt = async (answer: string) => {
    Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' });
    server = createServer((socket) => socket.on('error', () => undefined).write(answer)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    // A server that listens on TCP has an address with a port.
    const { port } = server.address() as AddressInfo;
    const url = new URL(`s3://${bucket}?endpoint=http://127.0.0.1:${port}&region=eu-central-1`);
    return S3ArtifactStore.at(url, new Circuits(), { silenceMs: 100, cacheBytes: 1_000 });
  };
  afterEach(() => void server?.close());
  afterAll(() => rm(join(tmpdir(), 'value-train-artifacts', bucket), { recursive: true, force: true }));

  it('is unavailable when it never answers', async () => {
    const store = await storeAt('');
    await expect(store.has(digest)).rejects.toThrow(Unavailable);
    await expect(store.read(digest)).rejects.toThrow(Unavailable);
    await expect(store.put(Buffer.from('new'))).rejects.toThrow(Unavailable);
  });

  it('is unavailable when it stops in the middle', async () => {
    const store = await storeAt('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf');
    await expect(store.read(digest)).rejects.toThrow(Unavailable);
  });
});

const missing = installMoto();
if (missing !== undefined) {
  console.warn(`The artifact store was NOT checked on S3: ${missing}`);
  it('was not checked on S3, because moto can not be had here', () => expect(missing).toContain('failed'));
} else {
  describe('artifacts in a bucket', () => {
    const bucket = `artifacts-${randomUUID()}`;
    let moto: Awaited<ReturnType<typeof startMoto>>;
    let client: S3Client;
    const open = () => openArtifactStore(`s3://${bucket}/trains?endpoint=${moto.url}&region=eu-central-1`);

    beforeAll(async () => {
      moto = await startMoto();
      // What the server takes for a key is anything; the client wants to have one.
      Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' });
      client = new S3Client({ endpoint: moto.url, region: 'eu-central-1', forcePathStyle: true });
      const CreateBucketConfiguration = { LocationConstraint: 'eu-central-1' } as const;
      await client.send(new CreateBucketCommand({ Bucket: bucket, CreateBucketConfiguration }));
    });
    afterAll(async () => {
      client.destroy();
      await moto.stop();
      await rm(join(tmpdir(), 'value-train-artifacts', bucket), { recursive: true, force: true });
    });

    artifactStoreContract(open);

    it('can be read on a machine that has seen nothing of it', async () => {
      const { digest } = await (await open()).put(Buffer.from('from elsewhere'));
      await rm(join(tmpdir(), 'value-train-artifacts', bucket), { recursive: true });
      const store = await open();
      await expect(store.read(digest)).resolves.toEqual(Buffer.from('from elsewhere'));
      await expect(store.localPath(digest)).resolves.toContain(digest.slice('sha256:'.length));
    });

    it('does not give out content that was changed in the bucket', async () => {
      const store = await open();
      const { digest } = await store.put(Buffer.from('the signed statement of work'));
      const digits = digest.slice('sha256:'.length);
      const Key = `trains/${digits.slice(0, 2)}/${digits}`;
      await client.send(new PutObjectCommand({ Bucket: bucket, Key, Body: 'the signed statement of fork' }));
      await expect(store.read(digest)).rejects.toThrow('damaged');
      await rm(join(tmpdir(), 'value-train-artifacts', bucket), { recursive: true });
      await expect(store.localPath(digest)).rejects.toThrow('damaged');
    });

    it('is mended by the right content, in the bucket and on this machine', async () => {
      const store = await open();
      const content = Buffer.from('the signed statement of work, whole');
      const { digest } = await store.put(content);
      const digits = digest.slice('sha256:'.length);
      const Key = `trains/${digits.slice(0, 2)}/${digits}`;
      await client.send(new PutObjectCommand({ Bucket: bucket, Key, Body: 'the signed' }));
      await store.put(content);
      await expect(store.read(digest)).resolves.toEqual(content);

      const path = await store.localPath(digest);
      await chmod(path, 0o644);
      await writeFile(path, 'the signed');
      await store.localPath(digest);
      await expect(readFile(path)).resolves.toEqual(content);
    });

    it('keeps no more on this machine than it may, and gives back what it let go', async () => {
      const address = new URL(`s3://${bucket}/trains?endpoint=${moto.url}&region=eu-central-1`);
      const store = S3ArtifactStore.at(address, new Circuits(), { silenceMs: 10_000, cacheBytes: 100 });
      const long = await store.put(Buffer.alloc(100, 'a'));
      const old = await store.localPath(long.digest);
      await utimes(old, 0, 0);
      const recent = await store.localPath((await store.put(Buffer.alloc(100, 'b'))).digest);
      await expect(access(old)).rejects.toThrow('ENOENT');
      await expect(access(recent)).resolves.toBeUndefined();
      await expect(store.localPath(long.digest)).resolves.toBe(old);
    });

    it('leaves no upload unfinished', async () => {
      const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
      expect(Uploads).toEqual([]);
    });
  });
}
