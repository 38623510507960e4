import { expect, it, jest } from '@jest/globals';
import { ModelServers } from '@vt/app-ops';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { charterOf, DEMO, ridePacks } from './testing/packs-ride.ts';

jest.setTimeout(200_000);
it.each(['charter.yaml', 'more/churn.yaml', 'more/energy.yaml'])('%s', async (file) => {
  const dir = join('/tmp/vt_packs', file.replaceAll('/', '-'));
  mkdirSync(dir, { recursive: true });
  const servers = new ModelServers(join(dir, 'models'));
  const charter = await charterOf(file);
  try {
    const t = performance.now();
    const ride = await ridePacks(charter, join(DEMO, dirname(file), charter.data.file), dir, servers);
    const rows = ride.phases.map((p) => ({
      id: p.phase.id,
      cycle: p.cycle,
      exit: p.exit,
      outcome: p.run.outcome,
      facts: p.run.facts,
      files: p.run.artifacts.map((a) => a.path + ' ' + a.digest),
    }));
    writeFileSync(join(dir, 'ride.json'), JSON.stringify({ ms: performance.now() - t, rows }, null, 1));
    expect(rows.length).toBeGreaterThan(17);
  } finally {
    await servers.close();
  }
});
