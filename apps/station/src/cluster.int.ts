import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { parse } from 'yaml';
import { Cluster } from './testing/cluster.ts';

const DEMO = resolve(import.meta.dirname, '../../cli/demo');
const RIDE_MS_MAX = 400_000;
const POLL_MS = 300;

let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.start(2);
}, 180_000);
afterAll(() => cluster?.stop(), 60_000);

const PHASES = (
  parse(readFileSync(resolve(import.meta.dirname, '../../../libs/profiles/src/ml-delivery/pipeline.yaml'), 'utf8')) as {
    phases: { id: string }[];
  }
).phases.map(({ id }) => id);

/** From which phase on what dies: every service, both kinds of server, and all that JetStream has. */
const FAULTS: readonly { readonly from: string; readonly strike: () => Promise<void> }[] = [
  { from: 'discovery', strike: () => cluster.crash('onboarder') },
  { from: 'pre-kickoff', strike: () => cluster.crash('conductor') },
  { from: 'data-sources', strike: () => cluster.crashPostgres() },
  { from: 'extraction', strike: () => cluster.crash('lab') },
  { from: 'preparation', strike: () => cluster.crashNats({ wipe: true }) },
  { from: 'exploration', strike: () => cluster.crash('ledger') },
  { from: 'model-architecture', strike: () => cluster.crash('studio') },
  { from: 'training', strike: () => cluster.crash('lab') },
  { from: 'validation', strike: () => cluster.crash('evaluator') },
  { from: 'deployment', strike: () => cluster.crash('ops') },
  { from: 'monitoring', strike: () => cluster.crash('cost') },
  { from: 'evaluation', strike: () => cluster.crash('risk-registry') },
  { from: 'performance-analysis', strike: () => cluster.crash('improver') },
  { from: 'performance-analysis', strike: () => cluster.crash('gateway') },
];

interface Ridden {
  readonly status: string;
  readonly phase: string | null;
  readonly blockedFor: readonly string[] | null;
}

interface Phase {
  readonly phase: string;
  readonly cycle: number;
  readonly verdict: string | null;
}

it(
  'rides the demo train with two of each service, while everything beneath it dies',
  async () => {
    const trainId = await start();
    const faults = FAULTS.map(({ from, strike }) => ({ from: PHASES.indexOf(from), strike }));
    const deadline = performance.now() + RIDE_MS_MAX;
    let ridden: Ridden = { status: 'running', phase: null, blockedFor: null };
    let furthest = 0;
    while (ridden.status === 'running') {
      if (performance.now() > deadline) throw new Error(`the train stands still\n${cluster.logs()}`);
      await delay(POLL_MS);
      const train = await look<Ridden>(`/v1/trains/${trainId}`);
      if (!train) continue;
      ridden = train;
      // A quick phase may be over between two looks: what should have struck in it strikes in a later one, and before
      // anybody approves, so that the challenger's deployment waits for all of it.
      const phases = await look<{ items: Phase[] }>(`/v1/trains/${trainId}/phases`);
      for (const { phase } of phases?.items ?? []) furthest = Math.max(furthest, PHASES.indexOf(phase));
      if (faults[0] && furthest >= faults[0].from) await faults.shift()!.strike();
      else if (phases) await approve(trainId);
    }
    const { status, blockedFor } = ridden;
    expect({ status, blockedFor, logs: status === 'completed' ? '' : cluster.logs() }).toEqual({
      status: 'completed',
      blockedFor: null,
      logs: '',
    });
    expect(faults).toEqual([]);

    const { items } = await cluster.json<{ items: Phase[] }>('GET', `/v1/trains/${trainId}/phases`);
    expect(new Set(items.map(({ phase }) => phase)).size).toBe(18);
    expect(items.filter(({ verdict }) => verdict !== 'passed')).toEqual([]);
    expect(
      await cluster.json('POST', '/v1/audit/verification', {}, { 'idempotency-key': crypto.randomUUID() }),
    ).toMatchObject({ ok: true });
    await expectInvariants(trainId);
  },
  RIDE_MS_MAX + 60_000,
);

async function start(): Promise<string> {
  const data = readFileSync(join(DEMO, 'seattle-weather.csv'));
  const charter: unknown = parse(readFileSync(join(DEMO, 'charter.yaml'), 'utf8'));
  const digest = `sha256:${createHash('sha256').update(data).digest('hex')}`;
  await cluster.json('PUT', `/v1/artifacts/${digest}`, new Blob([data]), {
    'content-type': 'application/octet-stream',
  });
  // Who starts a train passes on nothing that others say about it.
  const operator = { name: 'Olga', role: 'operator' };
  const issued = { 'idempotency-key': 'operator' };
  const { key } = await cluster.json<{ key: string }>('POST', '/v1/keys', operator, issued);
  const authorization = `Bearer ${key}`;
  // A key opens something as soon as it can be seen.
  while ((await cluster.call('GET', '/v1/trains', undefined, { authorization })).status === 401) await delay(POLL_MS);
  const once = { 'idempotency-key': 'cluster-test', authorization };
  const { trainId } = await cluster.json<{ trainId: string }>('POST', '/v1/trains', { charter, data: digest }, once);
  // Two starts with the same key are one train.
  expect(await cluster.json('POST', '/v1/trains', { charter, data: digest }, once)).toEqual({ trainId });
  return trainId;
}

/** Undefined while what answers is being killed. */
async function look<T>(path: string): Promise<T | undefined> {
  try {
    const response = await cluster.call('GET', path);
    return response.ok ? ((await response.json()) as T) : undefined;
  } catch {
    return undefined;
  }
}

interface Pending {
  readonly phase: string;
  readonly role: string;
  readonly evidence: readonly string[];
}

async function approve(trainId: string): Promise<void> {
  const people = parse(readFileSync(join(DEMO, 'charter.yaml'), 'utf8')).approvals as { role: string; name: string }[];
  const pending = await look<{ items: Pending[] }>(`/v1/approvals?trainId=${trainId}&status=pending`);
  for (const { phase, role, evidence } of pending?.items ?? []) {
    const onBehalfOf = people.find((person) => person.role === role)!.name;
    // Refused where a gateway is away, or the approval is no longer asked for: the next look shows.
    await cluster
      .call(
        'POST',
        `/v1/trains/${trainId}/approvals/grant`,
        { phase, role, evidence, onBehalfOf, simulated: true },
        { 'idempotency-key': crypto.randomUUID() },
      )
      .catch(() => undefined);
  }
}

/** reliability: nothing lost, nothing twice, read from the tables by other eyes than the product's. */
async function expectInvariants(trainId: string): Promise<void> {
  const client = new Client({ connectionString: cluster.databaseUrl });
  await client.connect();
  const none = async (sql: string) => expect((await client.query(sql, [trainId])).rows).toEqual([]);
  const event = `(select e.*, g.position, e.bytes::json -> 'data' as data from es.event e left join es.global_log g on g.event_id = e.id where e.bytes::json -> 'data' ->> 'trainId' = $1)`;
  try {
    // I1, I4: versions of a stream, and positions of the log, without gap; nothing waits.
    await none(`select stream from ${event} e group by stream having count(*) <> max(version)`);
    await none(`select 1 from ${event} e where position is null`);
    await none(
      `select 1 where (select count(*) from es.global_log) <> (select max(position) from es.global_log) and $1 <> ''`,
    );
    // I5: order in the log respects each stream's.
    await none(
      `select 1 from (select position - lag(position) over (partition by stream order by version) as step from ${event} e) s where step <= 0`,
    );
    // I15, I16: no phase without its gate, one decision per phase, cycle and attempt.
    await none(`select data ->> 'ticketId' from ${event} e where type = 'PhaseCompleted' and not exists (
      select from ${event} g where g.type = 'GateEvaluated' and g.data ->> 'ticketId' = e.data ->> 'ticketId' and g.data ->> 'verdict' = 'passed' and g.version < e.version)`);
    await none(
      `select data ->> 'ticketId' from ${event} e where type = 'PhaseCompleted' group by 1 having count(*) > 1`,
    );
    // I17: one end, and nothing after it.
    await none(
      `select 1 from ${event} e where stream like 'train-%' and version > (select version from ${event} t where t.type = 'TrainCompleted')`,
    );
    // I18, I20: an action completes once in a session; every session that started ended.
    await none(
      `select stream, data ->> 'action' from ${event} e where type = 'ActionCompleted' group by 1, 2 having count(*) > 1`,
    );
    await none(`select stream from ${event} e where stream like 'session-%' group by stream
      having count(*) filter (where type in ('WorkSubmitted', 'WorkAbandoned', 'SessionCancelled', 'HandoffReturned', 'HandoffReversed')) <> 1`);
    // I22: what was metered is what was done, where it was done.
    await none(`select a.stream, a.version from ${event} a where a.type in ('ActionCompleted', 'ActionFailed') and a.data ->> 'handoff' is null and (
      select count(*) from ${event} s where s.type = 'SpendRecorded' and s.data ->> 'source' = a.stream || '@' || a.version) <> 1`);
    // Parked: nothing was given up.
    expect((await client.query('select * from bus.parked')).rows).toEqual([]);
  } finally {
    await client.end();
  }
}
