import { migrate, poolFor, PostgresEventStore } from '@vt/event-store';
import { createProjector, migrateReadModels, TABLES, view, type Projector } from '@vt/read-models';
import { trainBoard } from '@vt/value-train';
import { Client } from 'pg';
import type { Work } from '../apart.ts';
import type { Bench } from '../context.ts';
import { fillLog, settle } from '../history.ts';
import { interleaved, median, medianRatio } from '../measure.ts';
import { quantity, type Row } from '../report.ts';

const PHASES = 9;
const TRAIN_EVENTS = 2 + 2 * PHASES;
const CURSOR_ROWS = 1_000;

interface Part {
  readonly part: 'fill' | 'read' | 'rebuild';
  readonly url: string;
  readonly events: number;
}

/** The rebuild of the view of all trains, beside a cursor over the same rows that parses and forgets them. */
export async function rebuild(bench: Bench): Promise<readonly Row[]> {
  return bench.inFreshDatabase(async (url) => {
    const run = (part: Part['part']) => () =>
      bench.apart<number>(new URL(import.meta.url), { part, url, events: bench.events } satisfies Part).result;
    await run('fill')();
    const rates = await interleaved(bench.rounds, { read: run('read'), rebuild: run('rebuild') });
    return [
      {
        what: `rebuild of a view of ${bench.events.toLocaleString('en')} events, beside reading them`,
        figure: medianRatio(rates.rebuild, rates.read),
        unit: '×',
        target: { atLeast: 0.5 },
        detail: `${quantity(median(rates.rebuild), 'events/s')} beside ${quantity(median(rates.read), 'events/s')}`,
      },
    ];
  });
}

const work: Work<Part, number> = async ({ part, url, events }) => {
  const carryOut = { fill, read, rebuild: rebuildBoard }[part];
  const started = performance.now();
  const done = await carryOut(url, events);
  if (done !== events) throw new Error(`${part}: ${done} events of ${events}`);
  return (events * 1_000) / (performance.now() - started);
};
export default work;

async function fill(url: string, events: number): Promise<number> {
  await migrate(url);
  await migrateReadModels(url);
  // While the log is empty there is nothing to rebuild in this.
  await withBoard(url, (projector) => projector.prepare());
  const filled = await fillLog(url, events / TRAIN_EVENTS, PHASES);
  await settle(url);
  return filled;
}

async function read(url: string): Promise<number> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query(
    `begin; declare events no scroll cursor for
       select id, tenant, stream, version, type, bytes, hash from es.event order by id`,
  );
  let seen = 0;
  for (;;) {
    const { rows } = await client.query<{ bytes: string }>(`fetch ${CURSOR_ROWS} from events`);
    for (const { bytes } of rows) JSON.parse(bytes);
    seen += rows.length;
    if (rows.length < CURSOR_ROWS) break;
  }
  await client.end();
  return seen;
}

const rebuildBoard = (url: string): Promise<number> =>
  withBoard(url, (projector) => projector.rebuild(trainBoard.name));

async function withBoard<Result>(url: string, use: (projector: Projector) => Promise<Result>): Promise<Result> {
  const pool = poolFor(url, 'vt_subscriber');
  const store = new PostgresEventStore(pool);
  try {
    return await use(createProjector({ pool, store, views: [view(trainBoard, TABLES.train)] }));
  } finally {
    await pool.end();
  }
}
