import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { migratePlatform } from '@vt/service';
import type { Work } from '../apart.ts';
import type { Bench } from '../context.ts';
import { STEPS, type OpenSessions, type SessionLoad } from '../contestants/sessions.ts';
import type { Servers } from '../ledger-process.ts';
import { interleaved, median, medianRatio } from '../measure.ts';
import { installPeers } from '../peers.ts';
import { quantity, type Row } from '../report.ts';

const WARM_UP_MS = 2_000;
const IN_FLIGHT = [32, 128];
const TARGETS = { DBOS: 4, Restate: 2 };

interface Load extends SessionLoad {
  readonly contestant: string;
  readonly ms: number;
}

/** Sessions of 18 actions that do nothing, beside two engines of durable workflows. */
export async function session(bench: Bench): Promise<readonly Row[]> {
  const peers = installPeers();
  const rows: Row[] = [];
  for (const inFlight of IN_FLIGHT) {
    const ride = (contestant: URL) => async (servers: Servers) => {
      const folder = await mkdtemp(join(bench.folder, 'sessions-'));
      const load: Load = { ...servers, contestant: contestant.href, folder, inFlight, ms: bench.ms };
      return bench.apart<number>(new URL(import.meta.url), load).result;
    };
    const rideOrdered = async (servers: Servers) => {
      await migratePlatform(servers.url);
      const ordering = bench.apart<void>(new URL('../ledger-process.ts', import.meta.url), servers);
      try {
        return await ride(new URL('../contestants/our-sessions.ts', import.meta.url))(servers);
      } finally {
        await ordering.stop();
      }
    };
    const contestants: Readonly<Record<string, () => Promise<number>>> = {
      ours: () => bench.onFreshServers(rideOrdered),
      ...('missing' in peers
        ? {}
        : {
            DBOS: () => bench.onFreshServers(ride(peers.of('dbos'))),
            Restate: () => bench.onFreshServers(ride(peers.of('restate'))),
          }),
    };
    const rates = await interleaved(bench.rounds, contestants);
    for (const [other, atLeast] of Object.entries(TARGETS)) {
      const what = `session of ${STEPS} actions, ${inFlight} in flight, beside ${other}`;
      const row = { what, target: { atLeast }, unit: '×' } as const;
      const [ours, theirs] = [rates['ours']!, rates[other]];
      if (theirs) {
        const detail = `${quantity(median(ours), 'actions/s')} beside ${quantity(median(theirs), 'actions/s')}`;
        rows.push({ ...row, figure: medianRatio(ours, theirs), detail });
      } else if ('missing' in peers) rows.push({ ...row, notRun: peers.missing });
    }
  }
  return rows;
}

const work: Work<Load, number> = async ({ contestant, ms, ...load }) => {
  const { open } = (await import(contestant)) as { open: OpenSessions };
  let steps = 0;
  const sessions = await open(load, () => (steps += 1));
  await delay(WARM_UP_MS);
  const [before, from] = [steps, performance.now()];
  await delay(ms);
  const perSecond = ((steps - before) * 1_000) / (performance.now() - from);
  await sessions.close();
  return perSecond;
};
export default work;
