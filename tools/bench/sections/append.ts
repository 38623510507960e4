import { randomUUID } from 'node:crypto';
import type { Work } from '../apart.ts';
import type { Bench } from '../context.ts';
import type { OpenAppender } from '../contestants/appender.ts';
import { closedLoop, interleaved, median, medianRatio, type Pace } from '../measure.ts';
import { installPeers } from '../peers.ts';
import { quantity, type Row } from '../report.ts';

const STREAM_EVENTS = 40;
const IN_FLIGHT = [32, 128];

export interface Load {
  readonly contestant: string;
  readonly url: string;
  readonly inFlight: number;
  readonly ms: number;
}

const TARGETS = { 'the reference': 0.85, Emmett: 5, 'message-db': 2 };

/** One event per append, side by side with the least that this design can cost and with two event stores. */
export async function append(bench: Bench): Promise<readonly Row[]> {
  const peers = installPeers();
  const contestants: Readonly<Record<string, URL>> = {
    ours: new URL('../contestants/ours.ts', import.meta.url),
    'the reference': new URL('../contestants/reference.ts', import.meta.url),
    ...('missing' in peers ? {} : { Emmett: peers.of('emmett'), 'message-db': peers.of('message-db') }),
  };
  const rows: Row[] = [];
  for (const inFlight of IN_FLIGHT) {
    const runs = Object.entries(contestants).map(([name, { href: contestant }]) => {
      const run = (url: string) => {
        const load: Load = { contestant, url, inFlight, ms: bench.ms };
        return bench.apart<Pace>(new URL(import.meta.url), load).result;
      };
      return [name, () => bench.inFreshDatabase(run)] as const;
    });
    const paces = await interleaved(bench.rounds, Object.fromEntries(runs));
    const ratesOf = (name: string) => paces[name]?.map(({ perSecond }) => perSecond);
    const ours = ratesOf('ours')!;
    for (const [other, atLeast] of Object.entries(TARGETS)) {
      const row = { what: `append, ${inFlight} in flight, beside ${other}`, target: { atLeast }, unit: '×' } as const;
      const theirs = ratesOf(other);
      if (theirs) {
        const detail = `${quantity(median(ours), '/s')} beside ${quantity(median(theirs), '/s')}`;
        rows.push({ ...row, figure: medianRatio(ours, theirs), detail });
      } else if ('missing' in peers) rows.push({ ...row, notRun: peers.missing });
    }
  }
  return rows;
}

const load: Work<Load, Pace> = async ({ contestant, url, inFlight, ms }) => {
  const { open } = (await import(contestant)) as { open: OpenAppender };
  const store = await open(url, inFlight);
  const pace = await closedLoop(inFlight, ms, async (_, over, did) => {
    const appendNext = store.stream(`train-${randomUUID()}`);
    for (let events = 0; events < STREAM_EVENTS && !over(); events += 1) {
      const started = performance.now();
      await appendNext();
      did(performance.now() - started);
    }
  });
  await store.close();
  return pace;
};
export default load;
