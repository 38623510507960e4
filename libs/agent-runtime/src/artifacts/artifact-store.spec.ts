import { afterAll, describe, expect, it } from '@jest/globals';
import { mkdtempSync } from 'node:fs';
import { chmod, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { digestOf, mediaTypeOf } from './artifact-store.ts';
import { FileArtifactStore } from './file-artifact-store.ts';
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

  it.each([
    ['cut short', 'the signed'],
    ['changed', 'the signed statement of fork'],
  ])('is mended by the right content, where it was %s', async (_, damaged) => {
    const store = await open();
    const content = Buffer.from('the signed statement of work');
    const { digest } = await store.put(content);
    const path = join(folder, digest.slice('sha256:'.length, 'sha256:'.length + 2), digest.slice('sha256:'.length));
    for (const again of [content, Readable.from([content])]) {
      await chmod(path, 0o644);
      await writeFile(path, damaged);
      await store.put(again);
      await expect(store.read(digest)).resolves.toEqual(content);
    }
  });

  it('does not say that something is missing where it can not look', async () => {
    const file = join(folder, 'a-file');
    await writeFile(file, '');
    const store = new FileArtifactStore(file);
    await expect(store.has(digestOf(Buffer.from('anything')))).rejects.toThrow('ENOTDIR');
  });

  it('is rid of what dead processes had begun, when it is opened', async () => {
    const [dead, alive] = [join(folder, 'unfinished', 'dead'), join(folder, 'unfinished', 'alive')];
    await (await open()).put(Buffer.from('so that the folder is there'));
    await writeFile(dead, 'half');
    await utimes(dead, 0, 0);
    await writeFile(alive, 'half');
    await open();
    await expect(readdir(join(folder, 'unfinished'))).resolves.toEqual(['alive']);
    await rm(alive);
  });
});

it('refuses an address that is neither a folder nor a bucket', async () => {
  await expect(openArtifactStore('ftp://files')).rejects.toThrow('use file:///folder or s3://bucket/prefix');
});

it('knows the media type of a file by its extension', () => {
  expect(mediaTypeOf('framing/one-pager.MD')).toBe('text/markdown');
  expect(mediaTypeOf('models/weights')).toBe('application/octet-stream');
});
