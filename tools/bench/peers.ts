import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const FOLDER = join(import.meta.dirname, 'peers');

/** The peers' modules by name, or why there are none. */
export type Peers = { readonly of: (name: string) => URL } | { readonly missing: string };

/** Installs the peers once, in a folder of their own, so that nothing of the product depends on them. */
export function installPeers(): Peers {
  const mark = join(FOLDER, 'node_modules', '.installed');
  const wanted = createHash('sha256')
    .update(readFileSync(join(FOLDER, 'package.json')))
    .digest('hex');
  if (!existsSync(mark) || readFileSync(mark, 'utf8') !== wanted) {
    process.stderr.write('Installing the peers (once)…\n');
    const { status, stderr } = spawnSync('npm', ['install', '--no-package-lock', '--no-fund', '--no-audit'], {
      cwd: FOLDER,
      encoding: 'utf8',
    });
    if (status !== 0) return { missing: `the peers could not be installed: ${lastLine(stderr)}` };
    writeFileSync(mark, wanted);
  }
  return { of: (name) => new URL(`peers/${name}.mjs`, import.meta.url) };
}

const lastLine = (text: string) => text.trim().split('\n').at(-1) ?? '';
