import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { DomainEvent, type EventOf } from '@vt/contracts';
import type { Digest, TenantId } from '@vt/kernel';
import { createHash, randomUUID } from 'node:crypto';
import { get } from 'node:http';
import { charter, charterWith } from './testing/charter.ts';
import { startGateway, type RunningGateway } from './testing/running-gateway.ts';

let gateway: RunningGateway;
let dataProblems: { column?: string; line?: number; message: string; mend?: string }[] = [];

const sha256 = (content: string) => `sha256:${createHash('sha256').update(content).digest('hex')}` as Digest;
const trainStarted = (trainId: string, name = 'Rain'): EventOf<'TrainStarted'> =>
  DomainEvent.parse({
    type: 'TrainStarted',
    data: {
      trainId,
      name,
      client: 'Open Air Ltd',
      pipeline: { id: 'ml-delivery', version: 1, digest: sha256('pipeline') },
      inputs: [{ path: 'charter.json', digest: sha256('charter'), size: 7, mediaType: 'application/json' }],
      budget: null,
      approvers: [],
      startedBy: 'Ada',
    },
  }) as EventOf<'TrainStarted'>;
const entered = (trainId: string, phase: string) =>
  DomainEvent.parse({ type: 'PhaseEntered', data: { trainId, phase, cycle: 1 } });
const json = async (response: Response) => (await response.json()) as Record<string, any>;
const issue = async (name: string, role: string) => {
  const response = await gateway.send('/v1/keys', { name, role });
  expect([response.status, await response.clone().text()]).toEqual([201, expect.anything()]);
  return (await json(response))['key'] as string;
};
const startedTrain = async (name?: string) => {
  const trainId = randomUUID();
  await gateway.record(gateway.tenant, trainStarted(trainId, name));
  return trainId;
};

beforeAll(async () => {
  gateway = await startGateway({ inspectData: () => Promise.resolve({ problems: dataProblems }) });
  await gateway.caughtUp();
}, 60_000);
afterAll(() => gateway.close());
beforeEach(() => {
  dataProblems = [];
  gateway.answerWith(() => undefined);
  gateway.carried.length = 0;
});

it('lets nobody in without a key, and says in what a problem lies', async () => {
  const response = await gateway.ask('/v1/trains', { key: null });
  expect(response.status).toBe(401);
  expect(response.headers.get('content-type')).toContain('application/problem+json');
  expect(response.headers.get('www-authenticate')).toBe('Bearer');
  expect(await json(response)).toMatchObject({ status: 401, title: 'Unauthorized', code: 'unauthenticated' });
  expect((await gateway.ask('/v1/trains', { key: `vt_${'x'.repeat(43)}` })).status).toBe(401);
});

it('asks every operation but the document for a key', async () => {
  const { paths } = await json(await gateway.ask('/openapi.json', { key: null }));
  const asked = Object.entries(paths as Record<string, object>).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => ({ path: path.replace(/\{\w+\}/g, 'x'), method })),
  );
  expect(asked.length).toBeGreaterThan(25);
  for (const { path, method } of asked.filter((operation) => operation.path !== '/openapi.json')) {
    expect([path, method, (await gateway.ask(path, { key: null, method })).status]).toEqual([path, method, 401]);
  }
});

it('denies what a role does not include', async () => {
  const [viewer, approver, auditor] = [
    await issue('Vi', 'viewer'),
    await issue('Al', 'approver'),
    await issue('Au', 'auditor'),
  ];
  const trainId = randomUUID();
  await gateway.caughtUp();
  for (const key of [viewer, approver, auditor]) {
    expect((await gateway.ask('/v1/trains', { key })).status).toBe(200);
    expect((await gateway.send('/v1/trains', {}, { key })).status).toBe(403);
    expect((await gateway.ask('/v1/keys', { key })).status).toBe(403);
  }
  expect((await gateway.send(`/v1/trains/${trainId}/approvals/grant`, {}, { key: auditor })).status).toBe(403);
  expect((await gateway.send(`/v1/trains/${trainId}/approvals/grant`, {}, { key: approver })).status).toBe(422);
  expect((await gateway.ask('/v1/audit/verification', { key: viewer, method: 'POST' })).status).toBe(403);
  expect(await json(await gateway.ask('/v1/audit/verification', { key: auditor, method: 'POST' }))).toEqual({
    ok: true,
  });
});

it('keeps a tenant from another one', async () => {
  const theirs = randomUUID();
  await gateway.record('other' as TenantId, trainStarted(theirs, 'Theirs'));
  await gateway.caughtUp();
  const list = await json(await gateway.ask('/v1/trains?limit=200'));
  expect(list['items']).not.toContainEqual(expect.objectContaining({ name: 'Theirs' }));
  expect((await gateway.ask(`/v1/trains/${theirs}`)).status).toBe(404);
  expect((await gateway.ask(`/v1/trains/${theirs}/events`)).status).toBe(404);
  const feed = await json(await gateway.ask('/v1/events?types=TrainStarted&limit=200'));
  expect(JSON.stringify(feed)).not.toContain(theirs);
});

it('revokes a key, but not the last one of an admin', async () => {
  const response = await gateway.send('/v1/keys', { name: 'Vi', role: 'viewer' });
  const { key, keyId } = await json(response);
  expect(key).toMatch(/^vt_[\w-]{43}$/);
  const revoked = await gateway.ask(`/v1/keys/${keyId}`, { method: 'DELETE' });
  expect(revoked.status).toBe(204);
  await gateway.ask(`/v1/me?minPosition=${revoked.headers.get('vt-position')}`);
  expect((await gateway.ask('/v1/me', { key })).status).toBe(401);
  const { items } = await json(await gateway.ask('/v1/keys?limit=200'));
  expect(items.find((row: { keyId: string }) => row.keyId === keyId)).toMatchObject({ revokedBy: 'Ada', name: 'Vi' });
  expect(JSON.stringify(items)).not.toContain('hash');
  const { keyId: own } = await json(await gateway.ask('/v1/me'));
  const last = await gateway.ask(`/v1/keys/${own}`, { method: 'DELETE' });
  expect([last.status, (await json(last))['code']]).toEqual([409, 'last-admin']);
});

it('shows the secret of a key once', async () => {
  const headers = { 'idempotency-key': randomUUID() };
  const body = { name: 'Once', role: 'viewer' };
  expect((await gateway.send('/v1/keys', body, { headers })).status).toBe(201);
  const again = await gateway.send('/v1/keys', body, { headers });
  expect([again.status, (await json(again))['code']]).toEqual([409, 'shown-once']);
});

it('starts a train from a charter and uploaded data, once for an idempotency key', async () => {
  gateway.answerWith((_, { body }) => trainStarted((body as { trainId: string }).trainId));
  const content = 'date,precipitation\n2012-01-01,0.0\n';
  const digest = sha256(content);
  const upload = await gateway.ask(`/v1/artifacts/${digest}`, {
    method: 'PUT',
    body: content,
    headers: { 'content-type': 'text/csv' },
  });
  expect([upload.status, await json(upload)]).toEqual([201, { digest, size: content.length, mediaType: 'text/csv' }]);

  const headers = { 'idempotency-key': `start-${randomUUID()}` };
  const start = { charter: charterWith(), data: digest };
  const [first, twin] = await Promise.all([1, 2].map(() => gateway.send('/v1/trains', start, { headers })));
  const { trainId } = await json(first!);
  expect([first!.status, first!.headers.get('location')]).toEqual([201, `/v1/trains/${trainId}`]);
  expect(await json(twin!)).toEqual({ trainId });

  const position = first!.headers.get('vt-position');
  const shown = await gateway.ask(`/v1/trains/${trainId}?minPosition=${position}`);
  expect(await json(shown)).toMatchObject({ trainId, status: 'running', phase: null });
  expect(Number(shown.headers.get('vt-position'))).toBeGreaterThanOrEqual(Number(position));

  const again = await gateway.send('/v1/trains', start, { headers });
  expect([again.status, again.headers.get('idempotency-replayed'), await json(again)]).toEqual([
    201,
    'true',
    { trainId },
  ]);
  const other = await gateway.send('/v1/trains', { ...start, data: null }, { headers });
  expect([other.status, (await json(other))['code']]).toEqual([422, 'idempotency-key-reused']);

  expect(new Set(gateway.carried.map(({ commandId }) => commandId)).size).toBe(1);
  const [command] = gateway.carried;
  expect(command).toMatchObject({ name: 'train.start', actor: 'Ada', tenant: 'default' });
  expect(command!.body).toMatchObject({
    pipeline: 'ml-delivery',
    client: 'Open Air Ltd',
    budget: charter.budget,
    inputs: [
      { path: 'charter.json', mediaType: 'application/json' },
      { path: 'data/rain.csv', digest, size: content.length, mediaType: 'text/csv' },
    ],
  });
});

it.each([
  ['an unknown field', { charter: { ...charterWith(), colour: 'red' } }, '/charter/colour', 'unknown field colour'],
  ['a missing field', { charter: charterWith({ problem: undefined }) }, '/charter/problem', ''],
  [
    'an unknown field of one of several shapes',
    { charter: charterWith({ success: [{ metric: 'f1', atLeast: 0.5, atmost: 1 }] }) },
    '/charter/success/0/atmost',
    'unknown field atmost',
  ],
  [
    'an impossible criterion',
    { charter: charterWith({ success: [{ metric: 'roc-auc', atLeast: 1.5 }] }) },
    '/charter/success/0',
    'never above 1',
  ],
  [
    'a role that nobody has',
    { charter: charterWith({ approvals: [{ role: 'sponsor', name: 'Sam' }] }) },
    '/charter/approvals',
    'release-manager',
  ],
  ['an unknown pipeline', { charter: charterWith(), pipeline: 'nowhere' }, '/pipeline', 'use one of'],
  ['data that was not uploaded', { charter: charterWith(), data: sha256('never sent') }, '/data', 'upload it first'],
])('refuses a start with %s, and names the place', async (_, body, pointer, detail) => {
  const response = await gateway.send('/v1/trains', body);
  expect(response.status).toBe(422);
  expect((await json(response))['errors']).toContainEqual({ pointer, detail: expect.stringContaining(detail) });
  expect(gateway.carried).toEqual([]);
});

it('refuses data that can not be worked with, naming file, column and line, before any work', async () => {
  dataProblems = [{ column: 'date', line: 7, message: '"soon" is no date', mend: 'write 2012-01-31' }];
  const { digest } = await gateway.artifacts.put(Buffer.from('x'));
  const response = await gateway.send('/v1/trains', { charter: charterWith(), data: digest });
  expect([response.status, (await json(response))['errors']]).toEqual([
    422,
    [{ pointer: '/data', detail: 'rain.csv, column date, line 7: "soon" is no date; write 2012-01-31' }],
  ]);
  expect(gateway.carried).toEqual([]);
});

it('passes on what the owner of a command says', async () => {
  const trainId = await startedTrain();
  gateway.answerWith(() => ({ kind: 'rejected', code: 'train-ended', reason: 'the train has ended' }));
  const refused = await gateway.send(`/v1/trains/${trainId}/pause`, { reason: 'lunch' });
  expect([refused.status, await json(refused)]).toMatchObject([
    409,
    { code: 'train-ended', detail: 'the train has ended' },
  ]);

  gateway.answerWith(() => ({ kind: 'rejected', code: 'train-unknown', reason: 'there is no such train' }));
  expect((await gateway.send(`/v1/trains/${trainId}/resume`, {})).status).toBe(404);

  gateway.answerWith((_, { body, actor }) => ({ type: 'TrainPaused', data: { ...(body as any), by: actor } }));
  const paused = await gateway.send(`/v1/trains/${trainId}/pause`, { reason: 'lunch' });
  expect(paused.status).toBe(204);
  const shown = await gateway.ask(`/v1/trains/${trainId}?minPosition=${paused.headers.get('vt-position')}`);
  expect(await json(shown)).toMatchObject({ status: 'paused', pausedFor: 'lunch' });
});

it('says when it can not reflect a position in time', async () => {
  const response = await gateway.ask('/v1/trains?minPosition=999999');
  expect([response.status, (await json(response))['code']]).toEqual([503, 'not-yet']);
  expect(response.headers.get('retry-after')).toBeTruthy();
}, 10_000);

it('names what is wrong with a query or a path', async () => {
  const response = await gateway.ask('/v1/trains?limit=0&colour=red');
  const { errors } = await json(response);
  expect(response.status).toBe(400);
  expect(errors.map(({ pointer }: { pointer: string }) => pointer).toSorted()).toEqual(['/colour', '/limit']);
  expect((await gateway.ask('/v1/trains/7')).status).toBe(400);
  expect((await gateway.ask('/v1/trains?after=nonsense')).status).toBe(400);
  expect((await gateway.ask('/v1/nothing')).status).toBe(404);
  const broken = await gateway.ask('/v1/trains', {
    method: 'POST',
    body: '{"charter":',
    headers: { 'content-type': 'application/json' },
  });
  expect([broken.status, broken.headers.get('content-type')]).toEqual([400, expect.stringContaining('problem+json')]);
});

it('answers lists in pages, and only what has changed', async () => {
  const names = ['page-1', 'page-2', 'page-3'];
  for (const name of names) await startedTrain(name);
  await gateway.caughtUp();
  const first = await gateway.ask('/v1/trains?limit=2&status=running');
  const page = await json(first);
  expect(page['items'].map(({ name }: { name: string }) => name)).toEqual(['page-3', 'page-2']);
  const [, link] = /^<(.*)>; rel="next"$/.exec(first.headers.get('link')!)!;
  const second = await json(await gateway.ask(link!));
  expect(second['items'][0].name).toBe('page-1');

  const etag = first.headers.get('etag')!;
  const unchanged = await gateway.ask('/v1/trains?limit=2&status=running', { headers: { 'if-none-match': etag } });
  expect([unchanged.status, await unchanged.text()]).toEqual([304, '']);
  await startedTrain('page-4');
  await gateway.caughtUp();
  expect((await gateway.ask('/v1/trains?limit=2&status=running', { headers: { 'if-none-match': etag } })).status).toBe(
    200,
  );
});

it('follows a train by server-sent events, and goes on after the last one that was seen', async () => {
  const trainId = await startedTrain();
  await gateway.record(gateway.tenant, entered(trainId, 'one'));
  await startedTrain('another');
  const frames: { id: number; event: string; data: any }[] = [];
  const follow = (lastEventId: string | undefined, count: number) =>
    new Promise<typeof frames>((resolve, reject) => {
      const headers = {
        authorization: `Bearer ${gateway.adminKey}`,
        ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
      };
      const request = get(`${gateway.base}/v1/trains/${trainId}/events`, { headers }, (response) => {
        expect(response.headers['content-type']).toContain('text/event-stream');
        const seen: typeof frames = [];
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
          const parts = text.split('\n\n');
          text = parts.pop()!;
          for (const [, id, event, data] of parts.flatMap((part) =>
            /^id: (\d+)\nevent: (\w+)\ndata: (.*)$/.exec(part)
              ? [/^id: (\d+)\nevent: (\w+)\ndata: (.*)$/.exec(part)!]
              : [],
          )) {
            seen.push({ id: Number(id), event: event!, data: JSON.parse(data!) });
          }
          if (seen.length < count) return;
          request.destroy();
          resolve(seen);
        });
      });
      request.on('error', reject);
    });

  const following = follow(undefined, 3);
  await gateway.caughtUp();
  await gateway.record(gateway.tenant, entered(trainId, 'two'));
  const seen = await following;
  expect(seen.map(({ event, data }) => [event, data.data.phase])).toEqual([
    ['TrainStarted', undefined],
    ['PhaseEntered', 'one'],
    ['PhaseEntered', 'two'],
  ]);
  expect(seen[0]!.data).toMatchObject({ position: seen[0]!.id, actor: 'test', type: 'TrainStarted' });
  const resumed = await follow(String(seen[1]!.id), 1);
  expect(resumed).toEqual([seen[2]]);
}, 20_000);

it('reads the events of the tenant by cursor and type', async () => {
  const trainId = await startedTrain();
  for (const phase of ['one', 'two', 'three']) await gateway.record(gateway.tenant, entered(trainId, phase));
  const all: any[] = [];
  let after = 0;
  for (;;) {
    const page = await json(await gateway.ask(`/v1/events?types=PhaseEntered&limit=2&after=${after}`));
    all.push(...page['items']);
    if (page['next'] === after) break;
    after = page['next'];
  }
  const ours = all.filter(({ data }) => data.trainId === trainId);
  expect(ours.map(({ data, type }) => [type, data.phase])).toEqual(
    ['one', 'two', 'three'].map((p) => ['PhaseEntered', p]),
  );
  expect(ours[0]).toMatchObject({ stream: `train-${trainId}`, version: 2, actor: 'test' });
  expect((await gateway.ask('/v1/events?types=Nonsense')).status).toBe(400);
  const viewer = await issue('Vi', 'viewer');
  await gateway.caughtUp();
  const seen = await json(await gateway.ask('/v1/events?types=ApiKeyIssued', { key: viewer }));
  expect(seen['items']).toEqual([]);
});

it('lets an approver decide in their own name, and an admin in the name of somebody', async () => {
  const trainId = await startedTrain();
  const ticket = { trainId, ticketId: `design_1_1_${trainId}`, phase: 'design', cycle: 1, attempt: 1 };
  const evidence = [sha256('evidence')];
  await gateway.record(gateway.tenant, {
    type: 'ApprovalRequested',
    data: { ...ticket, role: 'sponsor', evidence },
  } as DomainEvent);
  const approver = await issue('Sam Sponsor', 'approver');
  await gateway.caughtUp();
  const { items } = await json(await gateway.ask(`/v1/approvals?status=pending&trainId=${trainId}`));
  expect(items).toMatchObject([{ role: 'sponsor', evidence, status: 'pending', by: null }]);

  gateway.answerWith((_, { body, actor }) => ({
    type: 'ApprovalGranted',
    data: { ...ticket, ...(body as any), by: actor },
  }));
  const decision = { phase: 'design', role: 'sponsor', evidence };
  const path = `/v1/trains/${trainId}/approvals/grant`;
  const feigned = await gateway.send(path, { ...decision, onBehalfOf: 'Somebody' }, { key: approver });
  expect(feigned.status).toBe(403);
  expect((await gateway.send(path, decision, { key: approver })).status).toBe(204);
  expect((await gateway.send(path, { ...decision, simulated: true, onBehalfOf: 'Bo' })).status).toBe(204);
  expect(gateway.carried.map(({ actor }) => actor)).toEqual(['Sam Sponsor', 'Bo']);
  await gateway.caughtUp();
  const granted = await json(await gateway.ask(`/v1/approvals?trainId=${trainId}`));
  expect(granted['items']).toMatchObject([{ status: 'granted', by: 'Bo', simulated: true }]);
});

it('shows nothing as pending once the train has ended', async () => {
  const trainId = await startedTrain();
  const ticket = { trainId, ticketId: `design_1_1_${trainId}`, phase: 'design', cycle: 1, attempt: 1 };
  const asked = { type: 'ApprovalRequested', data: { ...ticket, role: 'sponsor', evidence: [] } };
  await gateway.record(gateway.tenant, DomainEvent.parse(asked));
  await gateway.record(gateway.tenant, {
    type: 'TrainAborted',
    data: { trainId, by: 'Ada', reason: 'enough' },
  } as DomainEvent);
  await gateway.caughtUp();
  expect((await json(await gateway.ask(`/v1/approvals?status=pending&trainId=${trainId}`)))['items']).toEqual([]);
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
  const trainId = await startedTrain();
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
    entered(trainId, 'design'),
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
        policy: sha256('p'),
        evidence: [],
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
  for (const event of events) await gateway.record(gateway.tenant, event as DomainEvent);
  await gateway.caughtUp();
  expect(await json(await gateway.ask(`/v1/trains/${trainId}/costs`))).toMatchObject({
    budget: { budget: { amount: '5.00' }, state: 'within' },
    total: { cpuMs: 20, wallMs: 40, cost: [{ amount: '0.10', currency: 'EUR' }], unpriced: 1 },
    byPhase: [{ phase: 'design', cpuMs: 20 }],
    byAgent: [{ agent: 'studio', unpriced: 1 }],
  });
  const { items: phases } = await json(await gateway.ask(`/v1/trains/${trainId}/phases`));
  expect(phases).toMatchObject([{ phase: 'design', attempts: 1, verdict: 'passed', facts: { score: 0.8 } }]);
  expect(phases[0].durationMs).toBeGreaterThanOrEqual(0);
  const { items: gates } = await json(await gateway.ask(`/v1/trains/${trainId}/gates`));
  expect(gates).toMatchObject([{ verdict: 'held', checks: [{ id: 'c' }], evaluations: 1 }]);
  expect((await json(await gateway.ask(`/v1/trains/${trainId}/sessions`)))['items']).toEqual([]);
  const { items: risks } = await json(await gateway.ask(`/v1/risks?trainId=${trainId}&status=open`));
  expect(risks).toMatchObject([{ riskId: 'r1', score: 12 }]);

  gateway.answerWith((_, { body, actor }) => ({ type: 'BudgetSet', data: { ...(body as any), by: actor } }));
  const set = await gateway.send(
    `/v1/trains/${trainId}/budget`,
    { amount: '7.00', currency: 'EUR' },
    { method: 'PUT' },
  );
  expect(set.status).toBe(204);
  const costs = await gateway.ask(`/v1/trains/${trainId}/costs?minPosition=${set.headers.get('vt-position')}`);
  expect((await json(costs))['budget'].budget.amount).toBe('7.00');
});

it('lists the pipelines that trains can be put on', async () => {
  const { items } = await json(await gateway.ask('/v1/pipelines'));
  expect(items.map(({ id }: { id: string }) => id)).toContain('ml-delivery');
  expect((await json(await gateway.ask('/v1/pipelines/ml-delivery')))['phases']).toHaveLength(18);
  expect((await gateway.ask('/v1/pipelines/none')).status).toBe(404);
});

it('serves a document in which every operation has an id of its own and every reference leads somewhere', async () => {
  const document = await json(await gateway.ask('/openapi.json', { key: null }));
  expect(document['openapi']).toBe('3.1.0');
  const operations = Object.values(document['paths'] as Record<string, Record<string, any>>).flatMap(Object.values);
  const ids = operations.map(({ operationId }) => operationId);
  expect(new Set(ids).size).toBe(ids.length);
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/([^"]+)"/g)].map(
    ([, path]) => path!,
  );
  for (const reference of references) {
    expect(reference.split('/').reduce<any>((node, part) => node?.[part], document['components'])).toBeDefined();
  }
  for (const [path, methods] of Object.entries(document['paths'] as Record<string, Record<string, any>>)) {
    const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    for (const { parameters } of Object.values(methods)) {
      const inPath = parameters.filter((p: { in: string }) => p.in === 'path').map((p: { name: string }) => p.name);
      expect(inPath.toSorted()).toEqual(named.toSorted());
    }
  }
});
