import { readFile } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';

/** The module `inference` as JavaScript that runs on its own: transform, predict and inputProblems. */
export const inferenceSource = async (): Promise<string> => {
  const beside = join(import.meta.dirname, '..');
  const built = await readFile(join(beside, 'inference.js'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  // From sources, as in tests, there is no built file.
  const source = built ?? stripTypeScriptTypes(await readFile(join(beside, 'inference.ts'), 'utf8'));
  return source.replace(/\n\/\/# sourceMappingURL=.*\s*$/, '\n');
};
