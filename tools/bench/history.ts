import { trainStream, type EventOf } from '@vt/contracts';
import { poolFor, PostgresEventStore, sequence } from '@vt/event-store';
import { Digest, NO_STREAM, TenantId, TicketId, TrainId, type CommandId, type Instant } from '@vt/kernel';
import { Client } from 'pg';
import { randomUUID } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { CAUSATION } from './contestants/appender.ts';

const APPENDS_IN_FLIGHT = 256;
const SEQUENCED_AT_ONCE = 10_000;
const DIGEST = Digest.parse(`sha256:${'5f'.repeat(32)}`);

const PIPELINE = { id: 'past', version: 1, digest: DIGEST };
const JUDGED = { submission: null, observed: null, approvals: [], authors: [] };

type LifeEvent = EventOf<'TrainStarted' | 'PhaseEntered' | 'GateEvaluated' | 'TrainCompleted'>;

/** A train that rode some phases to its end: 2 events for each, and 2 more. Nobody has anything left to do with it. */
function lifeOf(trainId: TrainId, phases: number): readonly LifeEvent[] {
  const rides = Array.from({ length: phases }, (_, index): LifeEvent[] => {
    const phase = `phase-${index + 1}`;
    const ticket = { trainId, ticketId: TicketId.parse(`${phase}_1_1_${trainId}`), phase, cycle: 1, attempt: 1 };
    const checks = ['data-present', 'criteria-met', 'approved'].map((id) => ({
      id,
      outcome: 'met' as const,
      reason: 'it is as the charter wants it',
    }));
    return [
      { type: 'PhaseEntered', data: { trainId, phase, cycle: 1 } },
      {
        type: 'GateEvaluated',
        data: { ...ticket, verdict: 'passed', checks, policy: PIPELINE, evidence: [DIGEST], ...JUDGED },
      },
    ];
  });
  const started: EventOf<'TrainStarted'>['data'] = {
    trainId,
    name: 'Rain tomorrow',
    client: 'Open Air',
    pipeline: PIPELINE,
    inputs: [{ path: 'charter.yaml', digest: DIGEST, size: 2_048, mediaType: 'application/yaml' }],
    budget: { amount: '50.00', currency: 'EUR' },
    approvers: [{ role: 'sponsor', name: 'Ada' }],
    startedBy: 'ada',
  };
  return [
    { type: 'TrainStarted', data: started },
    ...rides.flat(),
    { type: 'TrainCompleted', data: { trainId, cycle: 1, outcome: 'operate' } },
  ];
}

/** Appends whole lives of trains, each in one append, and orders them; answers the number of events. */
export async function fillLog(url: string, trains: number, phasesOfEach: number): Promise<number> {
  const [pool, ledger] = [poolFor(url, 'vt_service'), poolFor(url, 'vt_ledger')];
  const store = new PostgresEventStore(pool);
  const events = trains * (2 + 2 * phasesOfEach);
  let begun = 0;
  const appendTrains = async () => {
    while (begun < trains) {
      begun += 1;
      const trainId = TrainId.parse(randomUUID());
      const { kind } = await store.append({
        tenant: TenantId.parse('bench'),
        stream: trainStream(trainId),
        expected: NO_STREAM,
        commandId: randomUUID() as CommandId,
        causation: CAUSATION,
        at: new Date().toISOString() as Instant,
        events: lifeOf(trainId, phasesOfEach),
      });
      if (kind !== 'appended') throw new Error(kind);
    }
  };
  const appending = Promise.all(Array.from({ length: APPENDS_IN_FLIGHT }, appendTrains));
  for (let ordered = 0; ordered < events; ordered += await sequence(ledger, SEQUENCED_AT_ONCE)) await setImmediate();
  await appending;
  await Promise.all([pool.end(), ledger.end()]);
  return events;
}

/** What autovacuum would do sooner or later, so that it does not happen while something is measured. */
export async function settle(url: string): Promise<void> {
  const admin = new Client({ connectionString: url });
  await admin.connect();
  await admin.query('vacuum analyze');
  await admin.query('checkpoint');
  await admin.end();
}
