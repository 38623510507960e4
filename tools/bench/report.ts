import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { format, resolveConfig } from 'prettier';
import { Client } from 'pg';
import { findNats } from '@vt/servers';

type Target = { readonly atLeast: number } | { readonly under: number };

/** One line of the table: what was measured against a target, or why it was not. */
export type Row = { readonly what: string; readonly target: Target; readonly unit: Unit } & (
  { readonly figure: number; readonly detail: string } | { readonly notRun: string }
);
type Unit = '×' | '/s' | 'phases/s' | 'ms' | 's' | 'MB';

const DOCUMENT = new URL('../../docs/reference/performance.md', import.meta.url);
const [BEGIN, END] = ['<!-- measured: begin -->', '<!-- measured: end -->'];

/** Leads to the words of the document on what is missed, which are written by hand from a profile. */
const WHY_NOT = '[no](#rows-below-their-target)';

/** A figure with as many digits as it deserves. */
export const quantity = (figure: number, unit: string) =>
  `${figure.toLocaleString('en', { maximumFractionDigits: figure >= 100 ? 0 : figure >= 10 ? 1 : 2 })} ${unit}`;

const aim = (target: Target, unit: Unit) =>
  'atLeast' in target ? `≥ ${quantity(target.atLeast, unit)}` : `< ${quantity(target.under, unit)}`;

const isMet = (figure: number, target: Target) =>
  'atLeast' in target ? figure >= target.atLeast : figure < target.under;

export const tableOf = (rows: readonly Row[]): string =>
  [
    '| what | measured | target | met | figures behind it |',
    '| --- | --- | --- | --- | --- |',
    ...rows.map((row) => {
      const [measured, met, behind] =
        'notRun' in row
          ? ['not run', '', row.notRun]
          : [quantity(row.figure, row.unit), isMet(row.figure, row.target) ? 'yes' : WHY_NOT, row.detail];
      return `| ${[row.what, measured, aim(row.target, row.unit), met, behind].join(' | ')} |`;
    }),
  ].join('\n');

/** The machine and the servers, in a paragraph. */
export async function machineOf(postgresUrl: string): Promise<string> {
  const [processor] = cpus();
  const client = new Client({ connectionString: postgresUrl });
  await client.connect();
  const { rows } = await client.query<{ name: string; setting: string }>(
    `select name, current_setting(name) as setting from pg_settings
     where name in ('server_version', 'fsync', 'synchronous_commit', 'shared_buffers', 'max_wal_size')`,
  );
  await client.end();
  const setting = Object.fromEntries(rows.map(({ name, setting }) => [name, setting]));
  const nats = execFileSync(await findNats(), ['-v'], { encoding: 'utf8' }).trim();
  return (
    `${cpus().length} cores (${processor?.model.trim()}), ${(totalmem() / 2 ** 30).toFixed(0)} GB of memory, ` +
    `${process.platform}; Node ${process.version}; PostgreSQL ${setting['server_version']} with fsync ${setting['fsync']}, ` +
    `synchronous_commit ${setting['synchronous_commit']}, shared_buffers ${setting['shared_buffers']}; ${nats}. ` +
    `Load before the run: ${loadavg()[0]!.toFixed(1)}.`
  );
}

/** Puts the figures between the marks of the document; the words around them are written by hand. */
export async function writeDocument(measured: string): Promise<void> {
  const document = readFileSync(DOCUMENT, 'utf8');
  const [before, after] = [document.split(BEGIN)[0], document.split(END)[1]];
  if (after === undefined) throw new Error(`${DOCUMENT.pathname} has lost its marks ${BEGIN} and ${END}`);
  const text = `${before}${BEGIN}\n\n${measured}\n\n${END}${after}`;
  const options = await resolveConfig(DOCUMENT.pathname);
  writeFileSync(DOCUMENT, await format(text, { ...options, filepath: DOCUMENT.pathname }));
}
