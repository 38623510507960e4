import type { ActionContext } from '@vt/agent-runtime';
import { fillTemplate } from '@vt/documents';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Fills the template of that name, which lies beside the behaviours, and leaves it in the train's tree. */
export const writeMarkdown = async (
  { ticket, write }: ActionContext,
  template: string,
  path: string,
  values: Readonly<Record<string, string | number>>,
): Promise<void> => {
  const text = await readFile(join(import.meta.dirname, 'behaviours', template), 'utf8');
  const stamp = { agent: 'onboarder', date: ticket.openedOn, version: String(ticket.cycle), status: 'final' };
  await write(path, fillTemplate(text, values, stamp));
};
