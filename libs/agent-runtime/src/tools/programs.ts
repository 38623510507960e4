import { access, constants } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Where programs are looked for: where ours is, and where systems keep theirs. */
export const PATH = [dirname(process.execPath), '/usr/local/bin', '/usr/bin', '/bin'];

/** Where a program is; undefined when there is none. By its name only: a path could lead anywhere. */
export const locate = async (program: string): Promise<string | undefined> => {
  if (!/^[\w.+-]+$/.test(program)) return undefined;
  for (const folder of PATH) {
    const path = join(folder, program);
    const runs = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (runs) return path;
  }
  return undefined;
};
