import { formatProblem, readYaml, type Problem } from '@vt/profiles';
import { Charter, charterProblems } from '@vt/value-train';
import { statSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { surroundings } from './config.ts';
import { CliError, EXIT } from './errors.ts';

export interface ReadCharter {
  readonly charter: Charter;
  /** Path of the data file that it names. */
  readonly dataFile: string;
}

/** Reads a charter; every mistake, and every criterion that nothing can meet, is named with its line and mend. */
export async function readCharter(path: string): Promise<ReadCharter> {
  const file = resolve(surroundings.from, path);
  if (!isFile(file)) throw new CliError(EXIT.usage, `there is no charter ${file}`);
  const read = await readYaml(file, Charter);
  if (!read.ok) throw refused(read.problems);
  const impossible = charterProblems(read.value).map(({ path: pointer, message }) => ({
    path: pointer
      .split('/')
      .slice(1)
      .map((step) => (/^\d+$/.test(step) ? Number(step) : step)),
    message,
    mend: 'correct it here',
  }));
  if (impossible.length > 0) throw refused(read.problemsOf(impossible));
  const dataFile = resolve(dirname(file), read.value.data.file);
  if (!isFile(dataFile)) {
    throw new CliError(
      EXIT.usage,
      `${path}: data.file names ${read.value.data.file}, which is not there`,
      'give its path, relative to the charter',
    );
  }
  return { charter: read.value, dataFile };
}

const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() === true;

/** Paths as the person would type them from where they stand. */
const refused = (problems: readonly Problem[]): CliError =>
  new CliError(
    EXIT.usage,
    problems
      .map((problem) => formatProblem({ ...problem, file: relative(surroundings.from, problem.file) || problem.file }))
      .join('\n'),
  );
