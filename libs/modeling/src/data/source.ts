import { DuckDBInstance } from '@duckdb/node-api';
import { open, stat } from 'node:fs/promises';
import { basename, extname } from 'node:path';
import { csvRecords, type TextRecord } from './csv.ts';
import { BadData } from './problem.ts';

/** Signatures of files that people mistake for CSV. */
const SIGNATURES: readonly { readonly hex: string; readonly is: string }[] = [
  { hex: '50415231', is: 'a Parquet file; name it .parquet' },
  { hex: '504b0304', is: 'a ZIP or Excel file; save the sheet as CSV' },
  { hex: 'd0cf11e0', is: 'an old Excel file; save the sheet as CSV' },
  { hex: '1f8b', is: 'compressed with gzip; decompress it' },
  { hex: '25504446', is: 'a PDF' },
];

const PARQUET = '50415231';

const formatOf = async (path: string): Promise<'csv' | 'parquet'> => {
  const name = basename(path);
  const info = await stat(path).catch((cause: NodeJS.ErrnoException) => cause);
  if (info instanceof Error) {
    const message = info.code === 'ENOENT' ? `${name} does not exist` : `${name} cannot be read (${info.code})`;
    throw new BadData([{ message, mend: 'name a readable file in data.file, relative to the charter' }]);
  }
  if (!info.isFile()) throw new BadData([{ message: `${name} is not a file`, mend: 'name a CSV or Parquet file' }]);
  if (info.size === 0) throw new BadData([{ message: `${name} is empty`, mend: 'name a file with rows' }]);

  const extension = extname(path).toLowerCase();
  const signature = await signatureOf(path);
  if (extension === '.parquet') {
    if (signature.startsWith(PARQUET)) return 'parquet';
    throw new BadData([{ message: `${name} is not a Parquet file`, mend: 'name a Parquet file, or a CSV as .csv' }]);
  }
  if (extension !== '.csv') {
    throw new BadData([
      { message: `${name} is of an unknown type`, mend: 'name a file that ends in .csv or .parquet' },
    ]);
  }
  const mistaken = SIGNATURES.find(({ hex }) => signature.startsWith(hex));
  if (mistaken === undefined) return 'csv';
  throw new BadData([{ line: 1, message: `${name} is not a CSV file`, mend: `it is ${mistaken.is}` }]);
};

const signatureOf = async (path: string): Promise<string> => {
  try {
    await using file = await open(path);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(8), 0, 8, 0);
    return buffer.toString('hex', 0, bytesRead);
  } catch (cause) {
    const message = `${basename(path)} cannot be read (${(cause as NodeJS.ErrnoException).code})`;
    throw new BadData([{ message, mend: 'give the reader of the file permission to read it' }]);
  }
};

/**
 * Records of a CSV or Parquet file as text, the header first, in batches: what is missing is the empty field. BadData
 * when the file cannot be read as what its name says.
 */
export async function* recordsOf(path: string): AsyncGenerator<readonly TextRecord[]> {
  yield* (await formatOf(path)) === 'csv' ? csvRecords(path) : parquetRecords(path);
}

async function* parquetRecords(path: string): AsyncGenerator<readonly TextRecord[]> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await instance.connect();
  try {
    const result = await connection
      .stream('select columns(*)::varchar from read_parquet($1)', [path])
      .catch((cause: Error) => {
        const message = `${basename(path)} cannot be read: ${cause.message.split('\n')[0]}`;
        throw new BadData([{ message, mend: 'write the file again' }]);
      });
    yield [{ line: 0, fields: result.columnNames() }];
    let line = 0;
    for await (const rows of result.yieldRows()) {
      yield rows.map((row) => ({ line: (line += 1), fields: row.map((value) => String(value ?? '')) }));
    }
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
