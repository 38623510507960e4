import { startNats, startPostgres } from '@vt/servers';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';

export interface TestServers {
  readonly databaseUrl: string;
  readonly natsUrl: string;
  stop(): Promise<void>;
}

/**
 * Real servers: our own, or containers where VT_TEST_CONTAINERS asks for them and there is an engine. PostgreSQL syncs
 * as in production, because durability is what the tests are about.
 */
export async function startTestServers(folder: string): Promise<TestServers> {
  if (process.env['VT_TEST_CONTAINERS']) return startContainers();
  const [postgres, nats] = await Promise.all([
    startPostgres(join(folder, 'postgres'), { max_connections: '200' }),
    startNats(join(folder, 'nats'), { say: console.warn }),
  ]);
  return {
    databaseUrl: postgres.url,
    natsUrl: nats.url,
    stop: async () => {
      await Promise.all([postgres.stop(), nats.stop()]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function startContainers(): Promise<TestServers> {
  const { GenericContainer, Wait } = await import('testcontainers');
  const [postgres, nats] = await Promise.all([
    new GenericContainer('postgres:18')
      .withEnvironment({ POSTGRES_PASSWORD: 'test' })
      .withCommand(['-c', 'max_connections=200'])
      .withExposedPorts(5432)
      .withWaitStrategy(Wait.forLogMessage(/ready to accept connections/, 2))
      .start(),
    new GenericContainer('nats:2.14').withCommand(['-js']).withExposedPorts(4222).start(),
  ]);
  return {
    databaseUrl: `postgresql://postgres:test@${postgres.getHost()}:${postgres.getMappedPort(5432)}/postgres`,
    natsUrl: `nats://${nats.getHost()}:${nats.getMappedPort(4222)}`,
    stop: async () => {
      await Promise.all([postgres.stop(), nats.stop()]);
    },
  };
}
