import { runs } from '@vt/servers';
import { linkSync, readFileSync, rmSync } from 'node:fs';
import type { Home } from './home.ts';

/**
 * Takes the folder for this process as long as it runs, so that no two start servers on the same data.
 * @throws Error when another process has it
 */
export function claim(home: Home): void {
  const [beside, owner] = [`owner.${process.pid}.new`, home.at('owner')];
  home.write(beside, String(process.pid));
  try {
    for (;;) {
      try {
        // Unlike a new file, a link has its content at once.
        return linkSync(home.at(beside), owner);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const other = Number(readFileSync(owner, 'utf8'));
      // A container gives its processes the same numbers again.
      if (other !== process.pid && runs(other, 'main.js')) throw new Error(wordsOf(home, other));
      rmSync(owner, { force: true });
    }
  } finally {
    rmSync(home.at(beside));
  }
}

function wordsOf(home: Home, pid: number): string {
  const known = home.address();
  return known?.pid === pid
    ? `a station runs here already: ${known.url} (process ${pid}); stop it first`
    : `a station is starting here already (process ${pid}); wait until it is ready, or stop it`;
}
