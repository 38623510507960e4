import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Action } from '../action.ts';
import type { ActionInput } from './workshop.ts';

const file = (folder: string) => join(folder, 'done.log');

/** Tools that write down that they ran, whatever becomes of them; one of them never ends. */
export const noting = (folder: string, actions: readonly ActionInput[], hangs?: string): Record<string, Action> =>
  Object.fromEntries(
    actions.map(({ id, tool = `lab.${id}` }): [string, Action] => [
      tool,
      async ({ write, fact, reconcile }) => {
        await appendFile(file(folder), `${id}${reconcile ? ' again' : ''}\n`);
        await write(`work/${id}.md`, id);
        fact(id, true);
        if (id === hangs) await new Promise(() => setInterval(() => {}, 1_000));
        return { from: id };
      },
    ]),
  );

/** What ran so far, in order. */
export const noted = async (folder: string): Promise<readonly string[]> =>
  (await readFile(file(folder), 'utf8').catch(() => '')).split('\n').filter((line) => line !== '');

/** Waits for a condition; the test's own time limit says when that was in vain. */
export const until = async (condition: () => Promise<boolean> | boolean): Promise<void> => {
  while (!(await condition())) await delay(10);
};
