import { randomUUID } from 'node:crypto';
import { Client } from 'pg';

export interface FreshDatabase {
  /** Of a superuser. */
  readonly url: string;
  /** Also ends connections that are still open. */
  drop(): Promise<void>;
}

/** An empty database of its own for a test file, on the server of VT_TEST_DATABASE_URL. */
export const freshDatabase = async (): Promise<FreshDatabase> => {
  const server = process.env['VT_TEST_DATABASE_URL'];
  if (server === undefined) {
    throw new Error('VT_TEST_DATABASE_URL is not set: run integration tests with `jest --selectProjects integration`');
  }
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  const url = new URL(server);
  url.pathname = `/${name}`;
  await onServer(server, `create database ${name} encoding 'UTF8' template template0`);
  return { url: url.href, drop: () => onServer(server, `drop database if exists ${name} with (force)`) };
};

const onServer = async (connectionString: string, statement: string): Promise<void> => {
  const client = new Client({ connectionString });
  await client.connect();
  await client.query(statement).finally(() => client.end());
};
