import { formatProblem, readYaml } from '@vt/profiles';
import { Charter } from '@vt/value-train';
import { existsSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { surroundings } from './config.ts';
import { CliError, EXIT } from './errors.ts';

export interface ReadCharter {
  readonly charter: Charter;
  /** Path of the data file that it names. */
  readonly dataFile: string;
}

/** Reads a charter; every mistake is named with its line and mend. Paths in it are relative to it. */
export async function readCharter(path: string): Promise<ReadCharter> {
  const file = resolve(surroundings.from, path);
  if (!existsSync(file)) throw new CliError(EXIT.usage, `there is no charter ${file}`);
  const read = await readYaml(file, Charter);
  if (!read.ok) {
    const problems = read.problems.map((problem) =>
      formatProblem({ ...problem, file: relative(surroundings.from, problem.file) || problem.file }),
    );
    throw new CliError(EXIT.usage, problems.join('\n'));
  }
  const dataFile = resolve(dirname(file), read.value.data.file);
  if (!existsSync(dataFile)) {
    throw new CliError(
      EXIT.usage,
      `${path}: data.file names ${read.value.data.file}, which is not there`,
      'give its path, relative to the charter',
    );
  }
  return { charter: read.value, dataFile };
}
