import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { phaseEntered, sha256, trainStarted } from '../testing/events.ts';
import { json, startGateway, type RunningGateway } from '../testing/running-gateway.ts';

let gateway: RunningGateway;

beforeAll(async () => {
  gateway = await startGateway();
}, 60_000);
afterAll(() => gateway.close());
beforeEach(() => {
  gateway.answerWith(() => undefined);
  gateway.carried.length = 0;
});

it('reads the events of the tenant by cursor and type', async () => {
  const trainId = await gateway.startTrain();
  for (const phase of ['one', 'two', 'three']) await gateway.record(gateway.tenant, phaseEntered(trainId, phase));
  const all: Record<string, unknown>[] = [];
  let after = 0;
  for (;;) {
    const page = await json(await gateway.ask(`/v1/events?types=PhaseEntered&limit=2&after=${after}`));
    all.push(...page.items);
    if (page.next === after) break;
    after = page.next;
  }
  const ours = all.filter(({ stream }) => stream === `train-${trainId}`);
  expect(ours).toMatchObject(['one', 'two', 'three'].map((phase) => ({ type: 'PhaseEntered', data: { phase } })));
  expect(ours[0]).toMatchObject({ stream: `train-${trainId}`, version: 2, actor: 'test' });
  expect((await gateway.ask('/v1/events?types=Nonsense')).status).toBe(400);
  const viewer = await gateway.issue('Vi', 'viewer');
  await gateway.caughtUp();
  const seen = await json(await gateway.ask('/v1/events?types=ApiKeyIssued', { key: viewer }));
  expect(seen.items).toEqual([]);
});

it('lets an approver decide in their own name, and an admin in the name of somebody', async () => {
  const trainId = await gateway.startTrain();
  const ticket = { trainId, ticketId: `design_1_1_${trainId}`, phase: 'design', cycle: 1, attempt: 1 };
  const evidence = [sha256('evidence')];
  const policy = sha256('pipeline');
  const request = { ...ticket, role: 'sponsor', evidence, policy };
  await gateway.record(gateway.tenant, { type: 'ApprovalRequested', data: request });
  const approver = await gateway.issue('Sam Sponsor', 'approver');
  await gateway.caughtUp();
  const { items } = await json(await gateway.ask(`/v1/approvals?status=pending&trainId=${trainId}`));
  expect(items).toMatchObject([{ role: 'sponsor', evidence, status: 'pending', by: null }]);

  gateway.answerWith((_, said) => ({ type: 'ApprovalGranted', data: { ...ticket, policy, ...said } }));
  const decision = { phase: 'design', role: 'sponsor', evidence };
  const path = `/v1/trains/${trainId}/approvals/grant`;
  const feigned = await gateway.send(path, { ...decision, onBehalfOf: 'Somebody' }, { key: approver });
  expect(feigned.status).toBe(403);
  expect((await gateway.send(path, decision, { key: approver })).status).toBe(204);
  expect((await gateway.send(path, { ...decision, simulated: true, onBehalfOf: 'Bo' })).status).toBe(204);
  expect(gateway.carried).toMatchObject([
    { actor: 'Sam Sponsor', body: {} },
    { actor: 'Ada', body: { onBehalfOf: 'Bo' } },
  ]);
  await gateway.caughtUp();
  const granted = await json(await gateway.ask(`/v1/approvals?trainId=${trainId}`));
  expect(granted.items).toMatchObject([{ status: 'granted', by: 'Bo', simulated: true }]);
});

it('shows a request by a quote that changes with what is shown, and with nothing else', async () => {
  const trainId = await gateway.startTrain();
  const ticket = { trainId, ticketId: `design_1_1_${trainId}`, phase: 'design', cycle: 1, attempt: 1 };
  const quoteOf = async (evidence: string[]) => {
    const request = { ...ticket, role: 'sponsor', evidence, policy: sha256('pipeline') };
    await gateway.record(gateway.tenant, { type: 'ApprovalRequested', data: request });
    await gateway.caughtUp();
    const { items } = await json(await gateway.ask(`/v1/approvals?status=pending&trainId=${trainId}`));
    return items[0]?.['quote'];
  };
  const [one, other] = [sha256('one'), sha256('other')];
  const quote = await quoteOf([one, other]);
  expect(quote).toMatch(/^[0-9a-f]{12}$/);
  expect(await quoteOf([other, one])).toBe(quote);
  expect(await quoteOf([other])).not.toBe(quote);
});

it('asks nobody any more when the attempt is over', async () => {
  const trainId = await gateway.startTrain();
  const ticket = { trainId, ticketId: `design_1_1_${trainId}`, phase: 'design', cycle: 1, attempt: 1 };
  const policy = sha256('pipeline');
  await gateway.record(gateway.tenant, phaseEntered(trainId, 'design'));
  await gateway.record(gateway.tenant, {
    type: 'TicketOpened',
    data: { ...ticket, agent: 'lab', mode: 'build', feedback: [] },
  });
  for (const role of ['sponsor', 'owner']) {
    await gateway.record(gateway.tenant, {
      type: 'ApprovalRequested',
      data: { ...ticket, role, evidence: [], policy },
    });
  }
  const statuses = async (query: string) => {
    await gateway.caughtUp();
    const { items } = await json(await gateway.ask(`/v1/approvals?trainId=${trainId}${query}`));
    return items.map(({ role, status }: Record<string, unknown>) => `${role} ${status}`).toSorted();
  };
  expect(await statuses('&status=pending')).toEqual(['owner pending', 'sponsor pending']);
  const no = { ...ticket, role: 'sponsor', by: 'Sam', evidence: [], policy, comment: 'too dear', simulated: false };
  await gateway.record(gateway.tenant, { type: 'ApprovalRefused', data: no });
  await gateway.record(gateway.tenant, {
    type: 'GateEvaluated',
    data: {
      ...ticket,
      verdict: 'failed',
      checks: [],
      policy: { id: 'p', version: 1, digest: policy },
      evidence: [],
      approvals: [],
      submission: null,
      observed: null,
    },
  });
  expect(await statuses('&status=pending')).toEqual([]);
  expect(await statuses('')).toEqual(['owner closed', 'sponsor refused']);
});

it('counts for Prometheus what waits, by how often that was escalated, until nobody is asked any more', async () => {
  const waiting = async () => {
    await gateway.caughtUp();
    const metrics = await gateway.metrics();
    const valueOf = (name: string, level: number) =>
      Number(new RegExp(`^${name}\\{level="${level}"\\} (\\S+)$`, 'm').exec(metrics)?.[1]);
    return [0, 1, 2, 3].map((level) => ({
      waiting: valueOf('vt_approvals_waiting', level),
      isOld: valueOf('vt_approvals_oldest_seconds', level) > 0,
    }));
  };
  // Other tests of this file leave theirs waiting.
  const before = await waiting();
  const none = { waiting: 0, isOld: false };
  expect(before.slice(1)).toEqual([none, none, none]);
  const trainId = await gateway.startTrain();
  const ticket = { trainId, ticketId: `design_1_1_${trainId}`, phase: 'design', cycle: 1, attempt: 1 };
  for (const [role, levels] of Object.entries({ sponsor: [1, 2], owner: [1, 2, 3, 4], neighbour: [] })) {
    const request = { ...ticket, role, evidence: [], policy: sha256('pipeline') };
    await gateway.record(gateway.tenant, { type: 'ApprovalRequested', data: request });
    for (const level of levels) {
      await gateway.record(gateway.tenant, { type: 'ApprovalEscalated', data: { ...ticket, role, level } });
    }
  }
  const one = { waiting: 1, isOld: true };
  expect(await waiting()).toEqual([{ waiting: before[0]!.waiting + 1, isOld: true }, none, one, one]);
  await gateway.record(gateway.tenant, { type: 'TrainAborted', data: { trainId, reason: 'enough', by: 'Ada' } });
  expect(await waiting()).toEqual(before);
});

it('sends an escalation on to a chat once, by the program that the documentation shows', async () => {
  const page = await readFile(join(import.meta.dirname, '../../../../docs/how-to/hear-of-escalations.md'), 'utf8');
  const folder = await mkdtemp(join(tmpdir(), 'vt-escalations-'));
  const said: string[] = [];
  const chat = createServer((request, response) => {
    void text(request).then((body) => {
      said.push((JSON.parse(body) as { text: string }).text);
      response.end();
    });
  }).listen(0, '127.0.0.1');
  await once(chat, 'listening');
  try {
    const program = join(folder, 'escalations.mjs');
    await writeFile(program, /```js\n(.*?)```/s.exec(page)![1]!);
    const viewer = await gateway.issue('A chat', 'viewer');
    const env = {
      ...{ PATH: process.env['PATH'], VT_URL: gateway.base, VT_API_KEY: viewer, CURSOR: join(folder, 'cursor') },
      CHAT_URL: `http://127.0.0.1:${(chat.address() as AddressInfo).port}/`,
    };
    const run = () => promisify(execFile)(process.execPath, [program], { env });
    await gateway.caughtUp();
    await run();
    said.length = 0;

    const trainId = await gateway.startTrain();
    const ticket = { trainId, ticketId: `design_1_1_${trainId}`, phase: 'design', cycle: 1, attempt: 1 };
    await gateway.record(gateway.tenant, {
      type: 'ApprovalEscalated',
      data: { ...ticket, role: 'sponsor', level: 2 },
    });
    await run();
    await run();
    expect(said).toEqual([
      expect.stringContaining(`design of train ${trainId} waits for the sponsor: escalation 2, at `),
    ]);
  } finally {
    chat.close();
    await rm(folder, { recursive: true });
  }
});

it('has words about approvers, delegations and waivers carried out, by whom they belong to', async () => {
  const trainId = await gateway.startTrain();
  const approver = await gateway.issue('Sam Sponsor', 'approver');
  const operator = await gateway.issue('Olga', 'operator');
  await gateway.caughtUp();
  gateway.answerWith((_, said) => ({
    type: 'ApproverAppointed',
    data: { trainId, role: 'sponsor', name: 'Zoe', by: 'Ada', ...said },
  }));
  const at = (path: string) => `/v1/trains/${trainId}/${path}`;
  const office = { role: 'sponsor', name: 'Zoe' };
  const delegation = { role: 'sponsor', to: 'Zoe' };
  const terms = { phase: 'design', role: 'sponsor' };
  const settling = { as: 'mended', role: 'sponsor', reason: 'mended' };
  for (const [path, body, key] of [
    ['approvers/appoint', office, undefined],
    ['approvers/dismiss', { ...office, reason: 'left' }, undefined],
    ['delegations', { ...delegation, until: '2026-12-24T18:00:00+01:00', reason: 'away' }, approver],
    ['delegations/end', delegation, approver],
    ['waivers', { ...terms, checks: ['criterion:good'] }, approver],
    ['waivers/force', { ...terms, until: '2026-12-24T18:00:00Z' }, approver],
    ['waivers/W1/settle', settling, approver],
  ] as const) {
    if (key) {
      expect((await gateway.send(at(path), body, { key: operator })).status).toBe(403);
      expect((await gateway.send(at(path), { ...body, onBehalfOf: 'Bo' }, { key })).status).toBe(403);
    } else expect((await gateway.send(at(path), body, { key: approver })).status).toBe(403);
    expect([path, (await gateway.send(at(path), body, key ? { key } : {})).status]).toEqual([path, 204]);
  }
  expect(gateway.carried.map(({ name }) => name)).toEqual([
    ...['approver.appoint', 'approver.dismiss', 'approval.delegate', 'approval.undelegate'],
    ...['waiver.grant', 'gate.force', 'waiver.settle'],
  ]);
  const bodies = gateway.carried.map(({ body }) => body);
  expect(bodies[2]).toMatchObject({ until: '2026-12-24T17:00:00.000Z' });
  // What is missing is refused by the rule that asks for it.
  expect(bodies[4]).toMatchObject({ until: null, owner: '', reason: '' });
});

it('shows nothing as pending once the train has ended', async () => {
  const trainId = await gateway.startTrain();
  const ticket = { trainId, ticketId: `design_1_1_${trainId}`, phase: 'design', cycle: 1, attempt: 1 };
  const asked = {
    type: 'ApprovalRequested',
    data: { ...ticket, role: 'sponsor', evidence: [], policy: sha256('pipeline') },
  };
  await gateway.record(gateway.tenant, asked);
  await gateway.record(gateway.tenant, {
    type: 'TrainAborted',
    data: { trainId, by: 'Ada', reason: 'enough' },
  });
  await gateway.caughtUp();
  expect((await json(await gateway.ask(`/v1/approvals?status=pending&trainId=${trainId}`))).items).toEqual([]);
});

it('keeps and gives back content, and refuses what is not what it says or too much', async () => {
  const content = 'the charter';
  const digest = sha256(content);
  const put = (body: string, of = sha256(body), type = 'application/octet-stream') =>
    gateway.ask(`/v1/artifacts/${of}`, { method: 'PUT', body, headers: { 'content-type': type } });
  expect((await put(content)).status).toBe(201);
  expect((await put(content, digest, 'text/plain')).status).toBe(201);
  expect((await put('something else', digest)).status).toBe(422);
  expect((await put('x'.repeat(1_000_001))).status).toBe(413);
  expect((await put('{}', sha256('{}'), 'application/json')).status).toBe(415);

  const trainId = randomUUID();
  const started = trainStarted(trainId);
  const inputs = [{ path: 'notes/charter one.txt', digest, size: content.length, mediaType: 'text/plain' }];
  await gateway.record(gateway.tenant, { ...started, data: { ...started.data, inputs } });
  await gateway.caughtUp();
  const { items } = await json(await gateway.ask(`/v1/trains/${trainId}/artifacts`));
  expect(items).toEqual([{ ...inputs[0], phase: null, cycle: 0, accepted: true }]);
  const download = await gateway.ask(`/v1/trains/${trainId}/artifacts/${digest}`);
  expect([await download.text(), download.headers.get('content-type')]).toEqual([content, 'text/plain']);
  expect(download.headers.get('content-disposition')).toContain('charter%20one.txt');
  expect((await gateway.ask(`/v1/trains/${trainId}/artifacts/${sha256('other')}`)).status).toBe(404);
});

it('shows what a train has cost, and what is known of its phases, gates and risks', async () => {
  const trainId = await gateway.startTrain();
  const ticketId = `design_1_1_${trainId}`;
  const ticket = { trainId, ticketId, phase: 'design', cycle: 1, attempt: 1 };
  const usage = { cpuMs: 10, wallMs: 20, tokens: [{ model: 'm', input: 1, output: 2 }] };
  const spend = {
    trainId,
    ticketId,
    phase: 'design',
    agent: 'studio',
    attempt: 1,
    action: 'a',
    usage,
    priceBook: '2026-11-01',
  };
  const events = [
    phaseEntered(trainId, 'design'),
    { type: 'TicketOpened', data: { ...ticket, agent: 'studio', mode: 'architecture' } },
    { type: 'BudgetSet', data: { trainId, budget: { amount: '5.00', currency: 'EUR' }, by: 'Ada' } },
    { type: 'SpendRecorded', data: { ...spend, source: 'a', cost: { amount: '0.10', currency: 'EUR' } } },
    { type: 'SpendRecorded', data: { ...spend, source: 'b', cost: null } },
    {
      type: 'GateEvaluated',
      data: {
        ...ticket,
        verdict: 'held',
        checks: [{ id: 'c', outcome: 'pending', reason: 'r' }],
        policy: { id: 'ml-delivery', version: 1, digest: sha256('p') },
        evidence: [],
        submission: null,
        observed: null,
        approvals: [],
      },
    },
    { type: 'PhaseCompleted', data: { ...ticket, artifacts: [], facts: { score: 0.8 }, outcome: '' } },
    {
      type: 'RiskRaised',
      data: {
        trainId,
        riskId: 'r1',
        catalogue: 'R001',
        title: 'T',
        signal: 's',
        reason: 'r',
        probability: 3,
        impact: 4,
        phases: [],
        raisedBy: 'Ada',
        source: 's',
      },
    },
  ];
  for (const event of events) await gateway.record(gateway.tenant, event);
  await gateway.caughtUp();
  expect(await json(await gateway.ask(`/v1/trains/${trainId}/costs`))).toMatchObject({
    budget: { budget: { amount: '5.00' }, state: 'within' },
    total: { cpuMs: 20, wallMs: 40, cost: [{ amount: '0.10', currency: 'EUR' }], unpriced: 1 },
    byPhase: [{ phase: 'design', cpuMs: 20 }],
    byAgent: [{ agent: 'studio', unpriced: 1 }],
  });
  const { items: phases } = await json(await gateway.ask(`/v1/trains/${trainId}/phases`));
  expect(phases).toMatchObject([{ phase: 'design', attempts: 1, verdict: 'passed', facts: { score: 0.8 } }]);
  expect(phases[0]?.['durationMs']).toEqual(expect.any(Number));
  const { items: gates } = await json(await gateway.ask(`/v1/trains/${trainId}/gates`));
  expect(gates).toMatchObject([{ verdict: 'held', checks: [{ id: 'c' }], evaluations: 1 }]);
  expect((await json(await gateway.ask(`/v1/trains/${trainId}/sessions`))).items).toEqual([]);
  const { items: risks } = await json(await gateway.ask(`/v1/risks?trainId=${trainId}&status=open`));
  expect(risks).toMatchObject([{ riskId: 'r1', score: 12 }]);

  gateway.answerWith((_, said) => ({ type: 'BudgetSet', data: said }));
  const set = await gateway.send(
    `/v1/trains/${trainId}/budget`,
    { amount: '7.00', currency: 'EUR' },
    { method: 'PUT' },
  );
  expect(set.status).toBe(204);
  const costs = await gateway.ask(`/v1/trains/${trainId}/costs?minPosition=${set.headers.get('vt-position')}`);
  expect(await json(costs)).toMatchObject({ budget: { budget: { amount: '7.00' } } });
});

it('lists the pipelines that trains can be put on', async () => {
  const { items } = await json(await gateway.ask('/v1/pipelines'));
  expect(items).toContainEqual(expect.objectContaining({ id: 'ml-delivery' }));
  expect((await json(await gateway.ask('/v1/pipelines/ml-delivery')))['phases']).toHaveLength(18);
  expect((await gateway.ask('/v1/pipelines/none')).status).toBe(404);
});

it('finds a byte that was changed behind the back of the store, and says where', async () => {
  const trainId = await gateway.startTrain();
  const verify = async () => json(await gateway.ask('/v1/audit/verification', { method: 'POST' }));
  expect(await verify()).toMatchObject({ ok: true, problems: [] });
  const superuser = new Client({ connectionString: gateway.databaseUrl });
  await superuser.connect();
  await superuser.query('alter table es.event disable trigger append_only');
  await superuser.query(`update es.event set bytes = replace(bytes, 'Rain', 'Pain') where stream = $1`, [
    `train-${trainId}`,
  ]);
  await superuser.query('alter table es.event enable always trigger append_only');
  await superuser.end();
  const found = await verify();
  expect(found).toMatchObject({ ok: false, problems: [{ stream: `train-${trainId}`, version: 1 }] });
});

it('pauses what it is asked to, and says on a train which pauses cover it', async () => {
  const trainId = await gateway.startTrain();
  const ticketId = `design_1_1_${trainId}`;
  const opened = { trainId, ticketId, phase: 'design', cycle: 1, attempt: 1, agent: 'studio', mode: 'design' };
  await gateway.record(gateway.tenant, phaseEntered(trainId, 'design'));
  await gateway.record(gateway.tenant, { type: 'TicketOpened', data: { ...opened, feedback: [] } });
  gateway.answerWith((name, said) =>
    name === 'pause.lift'
      ? { type: 'PauseLifted', data: said }
      : { type: name === 'train.pause' ? 'TrainPaused' : 'PausePlaced', data: { incident: null, ...said } },
  );
  const reason = 'an incident';
  const scopes = [
    { scope: 'session', subject: ticketId },
    { scope: 'ticket', subject: ticketId },
    { scope: 'train', subject: trainId },
    { scope: 'agent', subject: 'studio' },
    { scope: 'tenant', subject: '' },
    { scope: 'fleet', subject: '' },
  ];
  for (const scope of scopes) expect((await gateway.send('/v1/pauses', { ...scope, reason })).status).toBe(204);
  expect((await gateway.send('/v1/pauses', { scope: 'agent', subject: 'lab', reason })).status).toBe(204);
  await gateway.caughtUp();

  const mine = (items: readonly object[]) => items.map((item) => ({ ...item, since: '' }));
  const byAda = scopes.map((scope) => ({ ...scope, reason, by: 'Ada', since: '' }));
  const inOrder = [byAda[5]!, ...byAda.slice(0, 5)];
  const train = (await json(await gateway.ask(`/v1/trains/${trainId}`))) as unknown as { pauses: object[] };
  expect(mine(train.pauses)).toEqual(expect.arrayContaining(inOrder));
  expect(train.pauses).toHaveLength(inOrder.length);
  const { items } = await json(await gateway.ask('/v1/pauses'));
  expect(mine(items)).toEqual([...inOrder, { scope: 'agent', subject: 'lab', reason, by: 'Ada', since: '' }]);
  expect(gateway.carried.map(({ name, tenant }) => [name, tenant])).toContainEqual(['pause.place', 'fleet']);

  await gateway.record(gateway.tenant, { type: 'TrainCompleted', data: { trainId, cycle: 1, outcome: 'close' } });
  await gateway.caughtUp();
  expect(await json(await gateway.ask(`/v1/trains/${trainId}`))).toMatchObject({ status: 'completed', pauses: [] });

  const lifted = await gateway.send('/v1/pauses/lift', { scope: 'fleet' });
  const after = await gateway.ask(`/v1/pauses?minPosition=${lifted.headers.get('vt-position')}`);
  expect((await json(after)).items.map(({ scope }) => scope)).not.toContain('fleet');
});

it('lets only admins pause the fleet, operators everything else, and nobody what is no scope', async () => {
  const key = await gateway.issue('Olga', 'operator');
  const viewer = await gateway.issue('Vi', 'viewer');
  await gateway.caughtUp();
  gateway.answerWith((_, said) => ({ type: 'PausePlaced', data: { incident: null, ...said } }));
  const pause = async (body: object, of?: string) =>
    (await gateway.send('/v1/pauses', { reason: 'lunch', ...body }, of === undefined ? {} : { key: of })).status;
  expect(await pause({ scope: 'fleet' }, key)).toBe(403);
  expect(await pause({ scope: 'tenant' }, viewer)).toBe(403);
  expect(await pause({ scope: 'tenant' }, key)).toBe(204);
  expect(await pause({ scope: 'agent', subject: 'labb' })).toBe(422);
  expect(await pause({ scope: 'tenant', subject: 'acme' })).toBe(422);
  expect(await pause({ scope: 'tenant', reason: '' })).toBe(422);
});
