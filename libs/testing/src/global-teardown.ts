import type { TestServers } from './test-servers.ts';

export default async function teardown(): Promise<void> {
  const { valueTrainTestServers } = globalThis as { valueTrainTestServers?: TestServers };
  await valueTrainTestServers?.stop();
}
