import 'reflect-metadata';
import { ledger } from '@vt/app-ledger';
import { openPlatform, PlatformSettings, startService } from '@vt/service';
import { once } from 'node:events';
import type { Work } from './apart.ts';

/** Where a platform lies; whoever opens it has migrated the database. */
export interface Servers {
  readonly url: string;
  readonly nats: string;
}

export const openPlatformAt = ({ url, nats }: Servers) =>
  openPlatform(PlatformSettings.parse({ DATABASE_URL: url, NATS_URL: nats, LOG_LEVEL: 'warn' }));

/** Orders and relays until it is told to stop. */
const work: Work<Servers, void> = async (servers, stop) => {
  const platform = await openPlatformAt(servers);
  const service = await startService(ledger, platform, {});
  await once(stop, 'abort');
  await service.close();
  await platform.close();
};
export default work;
