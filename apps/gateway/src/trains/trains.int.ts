import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { get } from 'node:http';
import type { DataProblem } from '../doors.ts';
import { charter, charterWith } from '../testing/charter.ts';
import { phaseEntered, sha256, trainStarted } from '../testing/events.ts';
import { json, startGateway, type RunningGateway } from '../testing/running-gateway.ts';

let dataProblems: readonly DataProblem[] = [];

let gateway: RunningGateway;

beforeAll(async () => {
  gateway = await startGateway({ inspectData: () => Promise.resolve({ problems: dataProblems }) });
}, 60_000);
afterAll(() => gateway.close());
beforeEach(() => {
  dataProblems = [];
  gateway.answerWith(() => undefined);
  gateway.carried.length = 0;
});

it('starts a train from a charter and uploaded data, once for an idempotency key', async () => {
  gateway.answerWith((_, said) => trainStarted(String(said['trainId'])));
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
  expect((await json(response)).errors).toContainEqual({ pointer, detail: expect.stringContaining(detail) });
  expect(gateway.carried).toEqual([]);
});

it('refuses data that can not be worked with, naming file, column and line, before any work', async () => {
  dataProblems = [{ column: 'date', line: 7, message: '"soon" is no date', mend: 'write 2012-01-31' }];
  const { digest } = await gateway.artifacts.put(Buffer.from('x'));
  const response = await gateway.send('/v1/trains', { charter: charterWith(), data: digest });
  expect([response.status, (await json(response)).errors]).toEqual([
    422,
    [{ pointer: '/data', detail: 'rain.csv, column date, line 7: "soon" is no date; write 2012-01-31' }],
  ]);
  expect(gateway.carried).toEqual([]);
});

it('passes on what the owner of a command says', async () => {
  const trainId = await gateway.startTrain();
  gateway.answerWith(() => ({ kind: 'rejected', code: 'train-ended', reason: 'the train has ended' }));
  const refused = await gateway.send(`/v1/trains/${trainId}/pause`, { reason: 'lunch' });
  expect([refused.status, await json(refused)]).toMatchObject([
    409,
    { code: 'train-ended', detail: 'the train has ended' },
  ]);

  gateway.answerWith(() => ({ kind: 'rejected', code: 'train-unknown', reason: 'there is no such train' }));
  expect((await gateway.send(`/v1/trains/${trainId}/resume`, {})).status).toBe(404);

  gateway.answerWith((_, said) => ({ type: 'TrainPaused', data: said }));
  const paused = await gateway.send(`/v1/trains/${trainId}/pause`, { reason: 'lunch' });
  expect(paused.status).toBe(204);
  const shown = await gateway.ask(`/v1/trains/${trainId}?minPosition=${paused.headers.get('vt-position')}`);
  expect(await json(shown)).toMatchObject({ status: 'paused', pausedFor: 'lunch' });
});

it('ends the stream of a key that is revoked', async () => {
  const trainId = await gateway.startTrain();
  const { key, keyId } = await json(await gateway.send('/v1/keys', { name: 'Eve', role: 'viewer' }));
  await gateway.caughtUp();
  const stream = await gateway.ask(`/v1/trains/${trainId}/events`, { key });
  expect(stream.status).toBe(200);
  expect((await gateway.ask(`/v1/keys/${keyId}`, { method: 'DELETE' })).status).toBe(204);
  // To its end, which would never come otherwise.
  expect(await stream.text()).toContain('event: TrainStarted');
});

it('follows a train by server-sent events, and goes on after the last one that was seen', async () => {
  const trainId = await gateway.startTrain();
  await gateway.record(gateway.tenant, phaseEntered(trainId, 'one'));
  await gateway.startTrain('another');
  await gateway.caughtUp();
  const following = framesOf(trainId, 3);
  await gateway.record(gateway.tenant, phaseEntered(trainId, 'two'));
  const seen = await following;
  expect(seen.map(({ event, data }) => [event, data.data['phase']])).toEqual([
    ['TrainStarted', undefined],
    ['PhaseEntered', 'one'],
    ['PhaseEntered', 'two'],
  ]);
  expect(seen[0]!.data).toMatchObject({ position: seen[0]!.id, actor: 'test', type: 'TrainStarted' });
  const resumed = await framesOf(trainId, 1, seen[1]!.id);
  expect(resumed).toEqual([seen[2]]);
}, 20_000);

it('tells on the timeline of a train when a wider pause begins to cover it, and when none does any more', async () => {
  const trainId = await gateway.startTrain();
  await gateway.caughtUp();
  const { body } = await gateway.ask(`/v1/trains/${trainId}/events`);
  const pause = { scope: 'tenant', subject: '', reason: 'an incident', by: 'Ada' };
  const told: unknown[] = [];
  let frames = '';
  for await (const text of body!.pipeThrough(new TextDecoderStream())) {
    const blocks = (frames + text).split('\n\n');
    frames = blocks.pop()!;
    for (const [, data] of blocks.map((block) => /^event: pauses\ndata: (.*)$/.exec(block) ?? [])) {
      if (data === undefined) continue;
      told.push(JSON.parse(data));
      if (told.length === 1) {
        await gateway.record(gateway.tenant, { type: 'PausePlaced', data: { ...pause, incident: null } });
      }
      if (told.length === 2) await gateway.record(gateway.tenant, { type: 'PauseLifted', data: pause });
    }
    // Leaving the loop hangs up.
    if (told.length === 3) break;
  }
  expect(told).toEqual([{ pauses: [] }, { pauses: [{ ...pause, since: expect.any(String) }] }, { pauses: [] }]);
}, 20_000);

interface Frame {
  readonly id: number;
  readonly event: string;
  readonly data: { readonly position: number; readonly data: Record<string, unknown> };
}

const FRAME = /^id: (\d+)\nevent: (\w+)\ndata: (.*)$/;

/** The first frames of a train's timeline, after the one that was seen last; then hangs up. */
const framesOf = (trainId: string, count: number, lastSeen?: number) =>
  new Promise<readonly Frame[]>((resolve, reject) => {
    const headers = {
      authorization: `Bearer ${gateway.adminKey}`,
      ...(lastSeen === undefined ? {} : { 'last-event-id': String(lastSeen) }),
    };
    const request = get(`${gateway.base}/v1/trains/${trainId}/events`, { headers }, (response) => {
      expect(response.headers['content-type']).toContain('text/event-stream');
      const seen: Frame[] = [];
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        const blocks = (text + chunk).split('\n\n');
        text = blocks.pop()!;
        for (const [, id, event, data] of blocks.map((block) => FRAME.exec(block) ?? [])) {
          if (id !== undefined) seen.push({ id: Number(id), event: event!, data: JSON.parse(data!) as Frame['data'] });
        }
        if (seen.length < count) return;
        request.destroy();
        resolve(seen);
      });
    });
    request.on('error', reject);
  });
