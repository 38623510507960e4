import { expect, it } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { loadSettings, PlatformSettings, SettingsError } from './settings.ts';

const GOOD = { DATABASE_URL: 'postgresql://postgres@localhost/vt', NATS_URL: 'nats://a:4222,nats://b:4222' };
const Own = z.object({ STALL_MINUTES: z.coerce.number().int().positive().default(60).describe('minutes, 1 or more') });

it('reads the settings of the platform and of the service, with their defaults', () => {
  const [platform, service] = loadSettings([PlatformSettings, Own], { ...GOOD, HTTP_PORT: '' });
  expect(platform).toMatchObject({ NATS_URL: ['nats://a:4222', 'nats://b:4222'], HTTP_PORT: 3000, NATS_REPLICAS: 1 });
  expect(service).toEqual({ STALL_MINUTES: 60 });
});

it('names every mistake at once, with the mend', () => {
  const load = () =>
    loadSettings([PlatformSettings, Own], { DATABASE_URL: 'mysql://x', HTTP_PORT: 'http', STALL_MINUTES: '0' });
  expect(load).toThrow(SettingsError);
  expect(load).toThrow(/DATABASE_URL is not usable .*: set it to where PostgreSQL is/);
  expect(load).toThrow(/NATS_URL is missing: set it to where NATS is/);
  expect(load).toThrow(/HTTP_PORT is not usable/);
  expect(load).toThrow(/STALL_MINUTES is not usable .*: set it to minutes, 1 or more/);
});

it('reads a setting from the file that is named instead, and says which file can not be read', () => {
  const folder = mkdtempSync(join(tmpdir(), 'settings-'));
  const DATABASE_URL_FILE = join(folder, 'url');
  writeFileSync(DATABASE_URL_FILE, `${GOOD.DATABASE_URL}\n`);
  const env = { NATS_URL: GOOD.NATS_URL, DATABASE_URL: '', DATABASE_URL_FILE };
  const [platform] = loadSettings([PlatformSettings, Own], env);
  expect(platform).toMatchObject({ DATABASE_URL: GOOD.DATABASE_URL });
  expect(platform).not.toHaveProperty('DATABASE_URL_FILE');

  expect(() => loadSettings([PlatformSettings], { ...GOOD, DATABASE_URL_FILE })).toThrow(
    'settings are not valid\n  DATABASE_URL and DATABASE_URL_FILE are both set: take one of them away',
  );
  rmSync(folder, { recursive: true });
  expect(() => loadSettings([PlatformSettings], env)).toThrow(
    /^settings are not valid\n {2}DATABASE_URL_FILE can not be read: .*ENOENT[^\n]*$/,
  );
});
