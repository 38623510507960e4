import { Client } from 'pg';
import { randomUUID } from 'node:crypto';

/** An empty database on the server of the test run. */
export async function freshDatabase(): Promise<{ readonly url: string }> {
  const url = new URL(process.env['VT_TEST_DATABASE_URL']!);
  const client = new Client({ connectionString: url.href });
  await client.connect();
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  await client.query(`create database ${name}`);
  await client.end();
  url.pathname = `/${name}`;
  return { url: url.href };
}
