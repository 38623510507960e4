import { Facts } from '@vt/contracts';
import { Rejection } from '@vt/kernel';
import type { PipelineAction } from '@vt/value-train';
import { lstat, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Action } from '../action.ts';

const REASON_CHARS_MAX = 2_000;

/**
 * The action of a tool `command:<program>`: runs it in the workspace, where `charter.json` lies and `data` names the
 * data file. The files that the action produces are taken from there, by their paths; `facts.json`, if it is left,
 * holds what is reported.
 */
export const commandTool =
  ({ tool, run = [], produces }: PipelineAction): Action =>
  async (context) => {
    const { workspace, charter } = context;
    await writeFile(join(workspace, 'charter.json'), JSON.stringify(charter));
    await writeFile(join(workspace, 'data'), `${await context.dataFile()}\n`);
    const result = await context.command(tool.slice('command:'.length), run);
    if (result.exitCode !== 0) {
      throw new Error(`exit code ${result.exitCode}: ${result.stderr.slice(-REASON_CHARS_MAX)}`);
    }
    for (const path of produces) {
      const file = join(workspace, path);
      if (await isFile(file)) await context.write(path, await readFile(file));
    }
    if (await isFile(join(workspace, 'facts.json'))) await report(context, join(workspace, 'facts.json'));
    return result;
  };

/** Not a link: that could lead out of the workspace. */
const isFile = async (path: string): Promise<boolean> =>
  lstat(path).then(
    (entry) => entry.isFile(),
    () => false,
  );

async function report(context: Parameters<Action>[0], file: string): Promise<void> {
  const parsed = Facts.safeParse(JSON.parse(await readFile(file, 'utf8')));
  if (!parsed.success) {
    throw new Rejection('facts-invalid', 'facts.json must be one object of numbers, words and truth values by name');
  }
  for (const [name, value] of Object.entries(parsed.data)) context.fact(name, value);
}
