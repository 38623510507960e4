import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { z } from 'zod';

const Address = z.object({ url: z.string(), apiKey: z.string(), pid: z.int() });
export type Address = z.infer<typeof Address>;

/** The folder where a station keeps everything: servers, artifacts, models, its key and its address. */
export class Home {
  readonly path: string;

  constructor(folder: string) {
    this.path = resolve(folder);
    mkdirSync(this.path, { recursive: true, mode: 0o700 });
  }

  at(...names: readonly string[]): string {
    return join(this.path, ...names);
  }

  /** The admin's key, made at the first start, readable by its owner only. */
  adminKey(): string {
    const file = this.at('admin-key');
    if (!existsSync(file)) writeFileSync(file, `vt_${randomBytes(32).toString('base64url')}`, { mode: 0o600 });
    return readFileSync(file, 'utf8').trim();
  }

  /** Where the station answers; undefined when none has run here, or its file is unreadable. */
  address(): Address | undefined {
    try {
      return Address.parse(JSON.parse(readFileSync(this.at('station.json'), 'utf8')));
    } catch {
      return undefined;
    }
  }

  announce(address: Address): void {
    writeFileSync(this.at('station.json'), `${JSON.stringify(address, null, 2)}\n`, { mode: 0o600 });
  }

  /** Keeps the address for the next start, and says that nobody answers there now. */
  withdraw(): void {
    const known = this.address();
    if (known) this.announce({ ...known, pid: 0 });
  }
}
