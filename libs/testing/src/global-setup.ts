import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startTestServers } from './test-servers.ts';

/** One PostgreSQL and one nats-server for a run of the integration tests; each test file takes a database of its own. */
export default async function setup(): Promise<void> {
  if (process.env['VT_TEST_DATABASE_URL'] && process.env['VT_TEST_NATS_URL']) return;
  const folder = mkdtempSync(join(tmpdir(), 'value-train-test-'));
  const servers = await startTestServers(folder);
  Object.assign(process.env, { VT_TEST_DATABASE_URL: servers.databaseUrl, VT_TEST_NATS_URL: servers.natsUrl });
  Object.assign(globalThis, { valueTrainTestServers: servers });
}
