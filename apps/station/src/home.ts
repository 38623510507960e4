import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { z } from 'zod';

const Address = z.object({ url: z.url(), apiKey: z.string(), pid: z.int() });
export type Address = z.infer<typeof Address>;

/** The folder where a station keeps everything: servers, artifacts, models, its key and its address. */
export class Home {
  readonly path: string;

  constructor(folder: string) {
    this.path = resolve(folder);
  }

  at(...names: readonly string[]): string {
    return join(this.path, ...names);
  }

  /** Writes a file that its owner alone may read. Whoever reads it, after a crash too, reads what it was or what it is. */
  write(name: string, text: string): void {
    const beside = this.at(`${name}.${process.pid}`);
    try {
      mkdirSync(this.path, { recursive: true, mode: 0o700 });
      writeFileSync(beside, text, { mode: 0o600, flush: true });
      renameSync(beside, this.at(name));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      throw new Error(`${this.path} can not be written to (${code}); make room, or set VT_HOME to another folder`, {
        cause: error,
      });
    }
  }

  /** The admin's key, made at the first start, readable by its owner only. */
  adminKey(): string {
    const file = this.at('admin-key');
    if (!existsSync(file)) this.write('admin-key', `vt_${randomBytes(32).toString('base64url')}`);
    return readFileSync(file, 'utf8').trim();
  }

  /** Where the station answers; undefined when none has run here, or its file is not one. */
  address(): Address | undefined {
    try {
      return Address.parse(JSON.parse(readFileSync(this.at('station.json'), 'utf8')));
    } catch {
      return undefined;
    }
  }

  announce(address: Address): void {
    this.write('station.json', `${JSON.stringify(address, null, 2)}\n`);
  }

  /** Keeps the address for the next start, and says that nobody answers there now. */
  withdraw(): void {
    const known = this.address();
    if (known) this.announce({ ...known, pid: 0 });
  }
}
