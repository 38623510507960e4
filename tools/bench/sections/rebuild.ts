import { trainStream, type EventOf } from '@vt/contracts';
import { migrate, poolFor, PostgresEventStore, sequence } from '@vt/event-store';
import { Digest, NO_STREAM, TicketId, TrainId, type CommandId, type Instant, type TenantId } from '@vt/kernel';
import { createProjector, migrateReadModels, TABLES, view, type Projector } from '@vt/read-models';
import { trainBoard } from '@vt/value-train';
import { Client } from 'pg';
import { randomUUID } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import type { Work } from '../apart.ts';
import type { Bench } from '../context.ts';
import { CAUSATION } from '../contestants/appender.ts';
import { interleaved, median, medianRatio } from '../measure.ts';
import { quantity, type Row } from '../report.ts';

const PHASES = ['qualify', 'onboard', 'explore', 'features', 'build', 'validate'];
const TRAIN_EVENTS = 2 + 3 * PHASES.length;
const APPENDS_IN_FLIGHT = 256;
const CURSOR_ROWS = 1_000;

type Part = { readonly url: string; readonly events: number; readonly part: 'fill' | 'read' | 'rebuild' };

/** The rebuild of the view of all trains, beside a cursor over the same rows that parses and forgets them. */
export async function rebuild(bench: Bench): Promise<readonly Row[]> {
  return bench.inFreshDatabase(async (url) => {
    const run = (part: Part['part']) => () =>
      bench.apart<number>(new URL(import.meta.url), { url, events: bench.events, part } satisfies Part).result;
    await run('fill')();
    const rates = await interleaved(bench.rounds, { read: run('read'), rebuild: run('rebuild') });
    return [
      {
        what: `rebuild of a view of ${bench.events.toLocaleString('en')} events, beside reading them`,
        figure: medianRatio(rates.rebuild, rates.read),
        unit: '×',
        target: { atLeast: 0.5 },
        detail: `${quantity(median(rates.rebuild), '/s')} beside ${quantity(median(rates.read), '/s')}`,
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
  const [pool, ledger] = [poolFor(url, 'vt_service'), poolFor(url, 'vt_ledger')];
  const store = new PostgresEventStore(pool);
  let left = events;
  const appendTrains = async () => {
    while (left > 0) {
      const life = lifeOf(TrainId.parse(randomUUID())).slice(0, left);
      left -= life.length;
      const outcome = await store.append({
        tenant: 'bench' as TenantId,
        stream: trainStream(life[0]!.data.trainId),
        expected: NO_STREAM,
        commandId: randomUUID() as CommandId,
        causation: CAUSATION,
        at: new Date().toISOString() as Instant,
        events: life,
      });
      if (outcome.kind !== 'appended') throw new Error(outcome.kind);
    }
  };
  const appending = Promise.all(Array.from({ length: APPENDS_IN_FLIGHT }, appendTrains));
  let positions = 0;
  while (positions < events) {
    positions += await sequence(ledger, 10_000);
    await setImmediate();
  }
  await appending;
  await Promise.all([pool.end(), ledger.end()]);
  const admin = new Client({ connectionString: url });
  await admin.connect();
  await admin.query('vacuum analyze');
  await admin.query('checkpoint');
  await admin.end();
  return positions;
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

type BoardEvent = EventOf<'TrainStarted' | 'PhaseEntered' | 'TicketOpened' | 'GateEvaluated' | 'TrainCompleted'>;

const DIGEST = Digest.parse(`sha256:${'5f'.repeat(32)}`);

/** A train as the board sees it: TRAIN_EVENTS events. */
function lifeOf(trainId: TrainId): readonly BoardEvent[] {
  const phases = PHASES.flatMap((phase): BoardEvent[] => {
    const ticket = { trainId, ticketId: TicketId.parse(`${phase}_1_1_${trainId}`), phase, cycle: 1, attempt: 1 };
    const checks = ['data-present', 'criteria-met', 'approved'].map((id) => ({
      id,
      outcome: 'met' as const,
      reason: 'it is as the charter wants it',
    }));
    return [
      { type: 'PhaseEntered', data: { trainId, phase, cycle: 1 } },
      { type: 'TicketOpened', data: { ...ticket, agent: 'lab', mode: 'build' } },
      { type: 'GateEvaluated', data: { ...ticket, verdict: 'passed', checks, policy: DIGEST, evidence: [DIGEST] } },
    ];
  });
  return [
    {
      type: 'TrainStarted',
      data: {
        trainId,
        name: 'Rain tomorrow',
        client: 'Open Air',
        pipeline: { id: 'ml-delivery', version: 1, digest: DIGEST },
        inputs: [{ path: 'charter.yaml', digest: DIGEST, size: 2_048, mediaType: 'application/yaml' }],
        budget: { amount: '50.00', currency: 'EUR' },
        approvers: [{ role: 'sponsor', name: 'Ada' }],
        startedBy: 'ada',
      },
    },
    ...phases,
    { type: 'TrainCompleted', data: { trainId, cycle: 1, outcome: 'operate' } },
  ];
}
