import { afterAll, describe, expect, it } from '@jest/globals';
import { mkdtempSync } from 'node:fs';
import { chmod, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { mediaTypeOf } from './artifact-store.ts';
import { openArtifactStore } from './open-artifact-store.ts';
import { artifactStoreContract } from './testing/artifact-store.contract.ts';

const folder = mkdtempSync(join(tmpdir(), 'artifacts-'));
const open = () => openArtifactStore(pathToFileURL(folder).href);
afterAll(() => rm(folder, { recursive: true }));

describe('artifacts in a folder', () => {
  artifactStoreContract(open);

  it('leaves no unfinished file behind', async () => {
    await (await open()).put(Buffer.from('tidy'));
    await expect(readdir(join(folder, 'unfinished'))).resolves.toEqual([]);
  });

  it('does not give out content that was changed on disk', async () => {
    const store = await open();
    const { digest } = await store.put(Buffer.from('the signed statement of work'));
    const path = await store.localPath(digest);
    await chmod(path, 0o644);
    await writeFile(path, 'the signed statement of fork');
    await expect(store.read(digest)).rejects.toThrow('damaged');
    await expect(store.localPath(digest)).rejects.toThrow('damaged');
    await expect(store.get(digest).then((stream) => stream.toArray())).rejects.toThrow('damaged');
  });
});

it('refuses an address that is neither a folder nor a bucket', async () => {
  await expect(openArtifactStore('ftp://files')).rejects.toThrow('use file:///folder or s3://bucket/prefix');
});

it('knows the media type of a file by its extension', () => {
  expect(mediaTypeOf('framing/one-pager.MD')).toBe('text/markdown');
  expect(mediaTypeOf('models/weights')).toBe('application/octet-stream');
});
