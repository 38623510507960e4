import { CreateBucketCommand, ListMultipartUploadsCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openArtifactStore } from './open-artifact-store.ts';
import { artifactStoreContract } from './testing/artifact-store.contract.ts';
import { installMoto, startMoto } from './testing/moto.ts';

jest.setTimeout(60_000);

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

    it('leaves no upload unfinished', async () => {
      const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
      expect(Uploads).toEqual([]);
    });
  });
}
