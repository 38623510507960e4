import type { Action, ActionContext } from '@vt/agent-runtime';
import { bulletList, escapeMarkdown, formatNumber, table } from '@vt/documents';
import { Rejection } from '@vt/kernel';
import { fingerprintOf, writeSnapshot, type Fingerprint } from '@vt/modeling';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { templateOf, writeMarkdown } from '../document.ts';
import { RAW } from '../prepared.ts';

export interface Extraction extends Fingerprint {
  /** Of the bytes of the source, 64 hexadecimal digits. */
  readonly fileSha256: string;
  /** Bytes. */
  readonly fileSize: number;
  readonly snapshotSize: number;
}

const sha256Of = async (path: string): Promise<{ sha256: string; size: number }> => {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of createReadStream(path)) {
    hash.update(chunk);
    size += chunk.length;
  }
  return { sha256: hash.digest('hex'), size };
};

export const extract: Action = async (context): Promise<Extraction> => {
  const source = await context.dataFile();
  const file = await sha256Of(source);
  const found = await fingerprintOf(source);
  const copy = join(context.workspace, 'raw.parquet');
  await writeSnapshot(source, copy);
  const copied = await fingerprintOf(copy);
  if (copied.sha256 !== found.sha256) {
    throw new Error(`the snapshot has ${copied.rows} rows that are not the ${found.rows} rows of the source`);
  }
  const { size } = await context.write(RAW, await readFile(copy));
  context.fact('raw-rows', found.rows);
  context.fact('raw-digest', `sha256:${found.sha256}`);
  return { ...found, fileSha256: file.sha256, fileSize: file.size, snapshotSize: size };
};

/** What the script said when it was run, or why it was not. */
type Repetition =
  | { readonly ran: false; readonly why: string }
  | { readonly ran: true; readonly same: boolean; readonly byField: boolean; readonly said: string };

export const writeExtractScript: Action = async (context): Promise<Repetition> => {
  const extraction = await context.result<Extraction>('extract');
  const values: Readonly<Record<string, string>> = {
    FILE: JSON.stringify(context.charter.data.file),
    ROWS: String(extraction.rows),
    ROWS_SHA256: extraction.sha256,
    FILE_SHA256: extraction.fileSha256,
  };
  const template = await templateOf('extract.py');
  const script = template.replace(/@([A-Z0-9_]+)@/g, (whole, name: string) => values[name] ?? whole);
  await context.write('delivery/data/extract.py', script);
  return repeat(context, script);
};

const repeat = async (context: ActionContext, script: string): Promise<Repetition> => {
  const path = join(context.workspace, 'extract.py');
  await writeFile(path, script);
  try {
    const { exitCode, stdout, stderr } = await context.command('python3', [path, await context.dataFile()]);
    // The script says how many rows it read, where it can read rows.
    const byField = !stdout.includes('"rows": null');
    return { ran: true, same: exitCode === 0, byField, said: (exitCode === 2 ? stderr : stdout).trim() };
  } catch (error) {
    if (error instanceof Rejection && error.code === 'program-missing') return { ran: false, why: error.message };
    throw error;
  }
};

const repetitionWords = (repetition: Repetition): string => {
  if (!repetition.ran) {
    return `Not shown here: ${repetition.why}. The script \`delivery/data/extract.py\` was written and not run.`;
  }
  const found = repetition.same
    ? repetition.byField
      ? 'It read the same rows, field by field.'
      : 'Python alone can not read Parquet: it found the same file, byte by byte.'
    : 'It did not find the same data: hold the snapshot and the source against each other before going on.';
  return `\`delivery/data/extract.py\` was run over the source. ${found} It said:\n\n\`\`\`json\n${repetition.said}\n\`\`\``;
};

export const writeExtractionLog: Action = async (context): Promise<void> => {
  const { charter, ticket } = context;
  const { rows, columns, sha256, fileSha256, fileSize, snapshotSize } = await context.result<Extraction>('extract');
  const repetition = await context.result<Repetition>('write-extract-script');
  await writeMarkdown(context, 'delivery/data/extraction-log.md', {
    name: escapeMarkdown(charter.name),
    extracted: table(
      [
        ['File', charter.data.file],
        ['Day', ticket.openedOn],
        ['Rows', rows],
        ['Columns', columns.length],
        ['Bytes of the source', fileSize],
        ['SHA-256 of the source', fileSha256],
        ['Bytes of the snapshot', snapshotSize],
      ],
      ['Of the extraction', 'Value'],
    ),
    snapshot:
      `Yes. The snapshot was read again after it was written: ${formatNumber(rows)} rows with the same fingerprint as ` +
      `the source, \`${sha256}\` (SHA-256 over header and rows, every field ended by U+001F and every row by U+001E).`,
    repetition: repetitionWords(repetition),
    columns: bulletList(columns.map(escapeMarkdown)),
  });
  context.fact('extraction-repeated', repetition.ran && repetition.same);
};
