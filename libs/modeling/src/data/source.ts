import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';
import { createHash } from 'node:crypto';
import { open, stat } from 'node:fs/promises';
import { basename, extname } from 'node:path';
import { csvRecords, type TextRecord } from './csv.ts';
import { BadData } from './problem.ts';

/** Signatures of files that people mistake for CSV. */
const SIGNATURES: readonly { readonly hex: string; readonly is: string; readonly mend: string }[] = [
  { hex: '504b0304', is: 'a ZIP or Excel file', mend: 'save the sheet as CSV' },
  { hex: 'd0cf11e0', is: 'an old Excel file', mend: 'save the sheet as CSV' },
  { hex: '1f8b', is: 'compressed with gzip', mend: 'decompress it' },
  { hex: '25504446', is: 'a PDF', mend: 'export the table as CSV' },
];

const PARQUET = '50415231';

const unreadable = (message: string, mend: string): BadData => new BadData([{ message, mend }]);

/** What the file is by its first bytes, whatever it is called. */
const formatOf = async (path: string): Promise<'csv' | 'parquet'> => {
  const info = await stat(path).catch(({ code }: NodeJS.ErrnoException) => {
    const message = code === 'ENOENT' ? 'the data file does not exist' : `the data file cannot be read (${code})`;
    throw unreadable(message, 'name a readable file in data.file, relative to the charter');
  });
  if (!info.isFile()) throw unreadable('the data file is not a file', 'name a CSV or Parquet file in data.file');
  if (info.size === 0) throw unreadable('the data file is empty', 'name a file with rows in data.file');

  const signature = await signatureOf(path);
  if (signature.startsWith(PARQUET)) return 'parquet';
  const mistaken = SIGNATURES.find(({ hex }) => signature.startsWith(hex));
  if (mistaken === undefined) return 'csv';
  throw new BadData([{ line: 1, message: `the data file is ${mistaken.is}`, mend: mistaken.mend }]);
};

/** BadData unless the name that the charter gives the file says what it is. */
export const checkName = async (name: string, path: string): Promise<void> => {
  const extension = extname(name).toLowerCase();
  if (extension !== '.csv' && extension !== '.parquet') {
    throw unreadable(
      `${basename(name)} is of an unknown type`,
      'name a file that ends in .csv or .parquet in data.file',
    );
  }
  const format = await formatOf(path);
  if (extension === `.${format}`) return;
  const message = format === 'csv' ? `${basename(name)} is not a Parquet file` : `${basename(name)} is a Parquet file`;
  throw unreadable(message, format === 'csv' ? 'write it as Parquet, or name it .csv' : 'name it .parquet');
};

const signatureOf = async (path: string): Promise<string> => {
  try {
    await using file = await open(path);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(8), 0, 8, 0);
    return buffer.toString('hex', 0, bytesRead);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw unreadable(`the data file cannot be read (${code})`, 'give permission to read it');
  }
};

/**
 * Records of a CSV or Parquet file as text, the header first, in batches: what is missing is the empty field. BadData
 * when the file cannot be read.
 */
export async function* recordsOf(path: string): AsyncGenerator<readonly TextRecord[]> {
  yield* (await formatOf(path)) === 'csv' ? csvRecords(path) : parquetRecords(path);
}

async function* parquetRecords(path: string): AsyncGenerator<readonly TextRecord[]> {
  await using database = await openDatabase();
  const result = await database.connection
    .stream('select columns(*)::varchar from read_parquet($1)', [path])
    .catch((cause: Error) => {
      throw unreadable(`the Parquet file cannot be read: ${cause.message.split('\n')[0]}`, 'write it again');
    });
  yield [{ line: 0, fields: result.columnNames() }];
  let line = 0;
  for await (const rows of result.yieldRows()) {
    yield rows.map((row) => ({ line: (line += 1), fields: row.map((value) => String(value ?? '')) }));
  }
}

/** DuckDB in memory, on one thread: the machine has other work. */
const openDatabase = async (): Promise<AsyncDisposable & { readonly connection: DuckDBConnection }> => {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await instance.connect();
  return {
    connection,
    [Symbol.asyncDispose]: async () => {
      connection.closeSync();
      instance.closeSync();
    },
  };
};

/** The first records of a CSV or Parquet file, the header among them. BadData when the file cannot be read. */
export const firstRecords = async (path: string, count: number): Promise<(readonly string[])[]> => {
  const records: (readonly string[])[] = [];
  for await (const batch of recordsOf(path)) {
    records.push(...batch.slice(0, count - records.length).map(({ fields }) => fields));
    if (records.length >= count) break;
  }
  return records;
};

export interface Fingerprint {
  /** Without the header. */
  readonly rows: number;
  readonly columns: readonly string[];
  /** SHA-256 (64 hexadecimal digits) of header and rows, fields ended by U+001F and rows by U+001E, in UTF-8. */
  readonly sha256: string;
}

/** What a file holds, whatever its format: a CSV and the Parquet made of it have the same fingerprint. */
export const fingerprintOf = async (path: string): Promise<Fingerprint> => {
  const hash = createHash('sha256');
  let columns: readonly string[] | undefined;
  let rows = -1;
  for await (const batch of recordsOf(path)) {
    columns ??= batch[0]!.fields;
    rows += batch.length;
    hash.update(batch.map(({ fields }) => `${fields.join('\x1f')}\x1f\x1e`).join(''));
  }
  return { rows, columns: columns ?? [], sha256: hash.digest('hex') };
};

/** Copies a CSV or Parquet file, field by field as text, into a new Parquet file. */
export const writeSnapshot = async (source: string, target: string): Promise<void> => {
  await using database = await openDatabase();
  await using records = recordsOf(source);
  const { value: first } = await records.next();
  const columns: readonly string[] = first?.[0]?.fields ?? [];
  await database.connection.run(`create table raw (${columns.map((name) => `${quoted(name)} varchar`).join(', ')})`);
  const appender = await database.connection.createAppender('raw');
  const append = (batch: readonly TextRecord[]): void => {
    for (const { fields } of batch) {
      for (const field of fields) appender.appendVarchar(field);
      appender.endRow();
    }
    appender.flushSync();
  };
  append(first?.slice(1) ?? []);
  for await (const batch of records) append(batch);
  appender.closeSync();
  await database.connection.run(`copy raw to ${literal(target)} (format parquet, compression zstd)`);
};

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;
const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;
