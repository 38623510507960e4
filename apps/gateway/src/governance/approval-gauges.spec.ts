import { expect, it } from '@jest/globals';
import { Pool } from 'pg';
import { Counter, Registry } from 'prom-client';
import { gaugeApprovals } from './approval-gauges.ts';

it('leaves the other figures of the process alone while the database is away', async () => {
  const registry = new Registry();
  new Counter({ name: 'vt_others_total', help: 'Others.', registers: [registry] }).inc();
  // Of a service that no machine has any more.
  const pool = new Pool({ host: '127.0.0.1', port: 1 });
  gaugeApprovals(registry, pool);
  const told = (await registry.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  expect(told).toEqual(['vt_others_total 1']);
  await pool.end();
});
