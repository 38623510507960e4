import { migrateReadModels } from '@vt/read-models';
import { migratePlatform, PlatformSettings, requireNode, settingsOrExit } from '@vt/service';

requireNode();
const [{ DATABASE_URL }] = settingsOrExit([PlatformSettings.pick({ DATABASE_URL: true })], process.env);
const applied = await migratePlatform(DATABASE_URL);
await migrateReadModels(DATABASE_URL);
console.log(`the database is up to date (${applied.length} new: ${applied.join(', ') || 'none'})`);
