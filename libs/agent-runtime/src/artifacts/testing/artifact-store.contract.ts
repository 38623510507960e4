import { expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { digestOf, type ArtifactStore } from '../artifact-store.ts';

const bytesOf = async (stream: Readable) => Buffer.concat(await stream.toArray());

/** What every artifact store must do. `open` gives the same store each time, as another process would see it. */
export const artifactStoreContract = (open: () => Promise<ArtifactStore>) => {
  it('names content by its SHA-256', async () => {
    const store = await open();
    const content = Buffer.from('the brief\n');
    const expected = `sha256:${createHash('sha256').update(content).digest('hex')}`;
    await expect(store.put(content)).resolves.toEqual({ digest: expected, size: content.length });
  });

  it('gives back what was put, whole, as a stream and as a file, also to another process', async () => {
    const store = await open();
    const content = Buffer.from('one, two\n3, 4\n');
    const { digest } = await store.put(content);
    const other = await open();
    await expect(other.read(digest)).resolves.toEqual(content);
    await expect(other.get(digest).then(bytesOf)).resolves.toEqual(content);
    await expect(other.localPath(digest).then((path) => readFile(path))).resolves.toEqual(content);
  });

  it('takes a stream and a file as it takes bytes, and putting again is nothing new', async () => {
    const store = await open();
    const content = Buffer.from('the same, three times');
    const first = await store.put(content);
    await expect(store.put(Readable.from([content.subarray(0, 5), content.subarray(5)]))).resolves.toEqual(first);
    await expect(store.put({ file: await store.localPath(first.digest) })).resolves.toEqual(first);
  });

  it('takes content that does not fit one request', async () => {
    const store = await open();
    const chunk = Buffer.alloc(1024 * 1024, 'a');
    const chunks = Array.from({ length: 20 }, (_, index) => Buffer.concat([chunk, Buffer.from(String(index))]));
    const whole = Buffer.concat(chunks);
    const stored = await store.put(Readable.from(chunks));
    expect(stored).toEqual({ digest: digestOf(whole), size: whole.length });
    expect(digestOf(await store.read(stored.digest))).toBe(stored.digest);
  });

  it('takes nothing at all as content', async () => {
    const store = await open();
    const { digest, size } = await store.put(new Uint8Array());
    expect(size).toBe(0);
    await expect(store.read(digest)).resolves.toHaveLength(0);
  });

  it('says what it has, and fails for what it has not', async () => {
    const store = await open();
    const never = digestOf(Buffer.from('never put'));
    await expect(store.has(never)).resolves.toBe(false);
    await expect(store.read(never)).rejects.toThrow(never);
    await expect(store.get(never)).rejects.toThrow(never);
    await expect(store.localPath(never)).rejects.toThrow(never);
    const { digest } = await store.put(Buffer.from('put'));
    await expect(store.has(digest)).resolves.toBe(true);
  });

  it('keeps nothing of a stream that broke off', async () => {
    const store = await open();
    const broken = Readable.from(
      (function* () {
        yield Buffer.from('half');
        throw new Error('the source broke off');
      })(),
    );
    await expect(store.put(broken)).rejects.toThrow('the source broke off');
    await expect(store.has(digestOf(Buffer.from('half')))).resolves.toBe(false);
  });

  it('fails for a file that is not there, and for a stream that broke off before it was read', async () => {
    const store = await open();
    await expect(store.put({ file: '/nowhere/at/all' })).rejects.toThrow('ENOENT');
    const broken = new Readable({ read() {} });
    broken.destroy(new Error('the client hung up'));
    await expect(store.put(broken)).rejects.toThrow('the client hung up');
  });

  it('takes the same content from many at once', async () => {
    const stores = await Promise.all(Array.from({ length: 8 }, open));
    const content = Buffer.from('everybody writes this');
    const stored = await Promise.all(stores.map((store) => store.put(content)));
    expect(new Set(stored.map(({ digest }) => digest))).toEqual(new Set([digestOf(content)]));
  });
};
