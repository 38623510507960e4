import { migrateWork } from '@vt/agent-runtime';
import { migrateReadModels } from '@vt/read-models';
import { migratePlatform, PlatformSettings, requireNode, settingsOrExit } from '@vt/service';
import { Client, escapeIdentifier } from 'pg';
import { z } from 'zod';

const MigrationSettings = PlatformSettings.pick({ DATABASE_URL: true }).extend({
  GRANT_TO: z.string().optional().describe('login that the services use, which may then take their roles'),
});
const ROLES = ['vt_service', 'vt_subscriber', 'vt_ledger', 'vt_reader', 'vt_projector'];

requireNode();
const [{ DATABASE_URL, GRANT_TO }] = settingsOrExit([MigrationSettings], process.env);
const applied = [...(await migratePlatform(DATABASE_URL)), ...(await migrateWork(DATABASE_URL))];
await migrateReadModels(DATABASE_URL);
if (GRANT_TO) {
  const client = new Client({ connectionString: DATABASE_URL });
  await client.connect();
  await client.query(`grant ${ROLES.join(', ')} to ${escapeIdentifier(GRANT_TO)}`);
  await client.end();
}
console.log(`the database is up to date (${applied.length} new: ${applied.join(', ') || 'none'})`);
