import { Digest } from '@vt/kernel';
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import {
  ArtifactDamaged,
  ArtifactMissing,
  checked,
  digestOf,
  streamOf,
  type ArtifactStore,
  type Content,
  type Stored,
} from './artifact-store.ts';

const READ_ONLY = 0o444;
/** Nobody writes to a file this long and leaves it as it is: whoever began it is dead. */
const ABANDONED_MS = 3_600_000;

/** Artifacts in a folder: `ab/ab12…` by the digits of their digest. Any number of processes may share it. */
export class FileArtifactStore implements ArtifactStore {
  private readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  async put(content: Content): Promise<Stored> {
    if (content instanceof Uint8Array) {
      const stored = { digest: digestOf(content), size: content.length };
      if (await this.isWhole(stored)) return stored;
    }
    const stream = streamOf(content);
    const unfinished = join(this.folder, 'unfinished', randomUUID());
    await mkdir(dirname(unfinished), { recursive: true });
    try {
      const stored = await writeDurably(unfinished, stream);
      if (!(await this.isWhole(stored))) await this.adopt(unfinished, this.pathOf(stored.digest));
      return stored;
    } finally {
      await rm(unfinished, { force: true });
    }
  }

  async get(digest: Digest): Promise<Readable> {
    return checked(digest, createReadStream(await this.existing(digest)));
  }

  async read(digest: Digest): Promise<Buffer> {
    const content = await readFile(await this.existing(digest));
    const found = digestOf(content);
    if (found !== digest) throw new ArtifactDamaged(digest, found);
    return content;
  }

  async has(digest: Digest): Promise<boolean> {
    return (await unlessMissing(stat(this.pathOf(digest)))) !== undefined;
  }

  async localPath(digest: Digest): Promise<string> {
    const path = await this.existing(digest);
    await finished(checked(digest, createReadStream(path)).resume());
    return path;
  }

  /** Removes what processes that died had begun to write. */
  async sweep(): Promise<void> {
    const folder = join(this.folder, 'unfinished');
    for (const name of (await unlessMissing(readdir(folder))) ?? []) {
      const path = join(folder, name);
      const found = await unlessMissing(stat(path));
      // Who may only read leaves it to others.
      if (found && found.mtimeMs < Date.now() - ABANDONED_MS) await rm(path, { force: true }).catch(() => undefined);
    }
  }

  /** Whether the content is there and undamaged: a crash of the machine, or a disk, may have taken some of it. */
  private async isWhole({ digest, size }: Stored): Promise<boolean> {
    const found = await unlessMissing(stat(this.pathOf(digest)));
    if (found?.size !== size) return false;
    return this.localPath(digest).then(
      () => true,
      (error: unknown) => {
        if (error instanceof ArtifactDamaged || error instanceof ArtifactMissing) return false;
        throw error;
      },
    );
  }

  private async existing(digest: Digest): Promise<string> {
    if (!(await this.has(digest))) throw new ArtifactMissing(digest);
    return this.pathOf(digest);
  }

  private pathOf(digest: Digest): string {
    const digits = Digest.parse(digest).slice('sha256:'.length);
    return join(this.folder, digits.slice(0, 2), digits);
  }

  /** Gives a finished file its name, so that the name is never that of half a file. */
  private async adopt(unfinished: string, path: string): Promise<void> {
    await mkdir(dirname(path), { recursive: true });
    await rename(unfinished, path);
    // The name is on disk when its folder is.
    await syncing(dirname(path), 'r', async () => {});
  }
}

/** A disk that is away has not lost anything. */
const unlessMissing = <Found>(found: Promise<Found>): Promise<Found | undefined> =>
  found.catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });

async function syncing(path: string, flags: string, use: (file: FileHandle) => Promise<void>): Promise<void> {
  const file = await open(path, flags, READ_ONLY);
  try {
    await use(file);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function writeDurably(path: string, content: Readable): Promise<Stored> {
  const hash = createHash('sha256');
  let size = 0;
  await syncing(path, 'wx', async (file) => {
    for await (const chunk of content) {
      // Streams of text give strings.
      const bytes = Buffer.from(chunk as Uint8Array | string);
      hash.update(bytes);
      size += bytes.length;
      for (let from = 0; from < bytes.length;) from += (await file.write(bytes, from)).bytesWritten;
    }
  });
  return { digest: Digest.parse(`sha256:${hash.digest('hex')}`), size };
}
