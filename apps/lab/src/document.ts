import type { ActionContext } from '@vt/agent-runtime';
import { fillTemplate } from '@vt/documents';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

export const templateOf = (name: string): Promise<string> =>
  readFile(join(import.meta.dirname, 'templates', name), 'utf8');

/** Fills the template that is called as the file is, and leaves it in the train's tree. */
export const writeMarkdown = async (
  { ticket, write }: ActionContext,
  path: string,
  values: Readonly<Record<string, string | number>>,
): Promise<void> => {
  const stamp = { agent: 'lab', date: ticket.openedOn, version: String(ticket.cycle), status: 'final' };
  await write(path, fillTemplate(await templateOf(basename(path)), values, stamp));
};
