import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { poolFor } from '@vt/event-store';
import type { TenantId } from '@vt/kernel';
import { migrateReadModels } from '@vt/read-models';
import { migratePlatform } from '@vt/service';
import { freshDatabase } from '@vt/testing';
import { randomUUID } from 'node:crypto';
import { gatewayWith } from '../gateway.service.ts';
import { trainStarted } from '../testing/events.ts';
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

it('lets nobody in without a key, and says in what a problem lies', async () => {
  const response = await gateway.ask('/v1/trains', { key: null });
  expect(response.status).toBe(401);
  expect(response.headers.get('content-type')).toContain('application/problem+json');
  expect(response.headers.get('www-authenticate')).toBe('Bearer');
  expect(await json(response)).toMatchObject({ status: 401, title: 'Unauthorized', code: 'unauthenticated' });
  expect((await gateway.ask('/v1/trains', { key: `vt_${'x'.repeat(43)}` })).status).toBe(401);
});

it('is not ready while the views lack a migration', async () => {
  const database = await freshDatabase();
  await migratePlatform(database.url);
  const servicePool = poolFor(database.url, 'vt_service');
  const { troubles } = gatewayWith(() => Promise.reject(new Error('nobody starts it')));
  expect(await troubles({ servicePool })).toEqual([expect.stringContaining('a migration of the views is missing')]);
  await migrateReadModels(database.url);
  expect(await troubles({ servicePool })).toEqual([]);
  await servicePool.end();
  await database.drop();
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
    await gateway.issue('Vi', 'viewer'),
    await gateway.issue('Al', 'approver'),
    await gateway.issue('Au', 'auditor'),
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
  expect(await json(await gateway.ask('/v1/audit/verification', { key: auditor, method: 'POST' }))).toMatchObject({
    ok: true,
  });
});

it('keeps a tenant from another one', async () => {
  const theirs = randomUUID();
  await gateway.record('other' as TenantId, trainStarted(theirs, 'Theirs'));
  await gateway.caughtUp();
  const list = await json(await gateway.ask('/v1/trains?limit=200'));
  expect(list.items).not.toContainEqual(expect.objectContaining({ name: 'Theirs' }));
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
  expect(items.find((row) => row['keyId'] === keyId)).toMatchObject({ revokedBy: 'Ada', name: 'Vi' });
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

it('says with every answer which position it reflects', async () => {
  for (const path of ['/v1/me', '/v1/pipelines', '/v1/keys', '/v1/trains', '/v1/events', '/v1/risks']) {
    expect([path, (await gateway.ask(path)).headers.get('vt-position')]).toEqual([
      path,
      expect.stringMatching(/^\d+$/),
    ]);
  }
});

it('says when it can not reflect a position in time', async () => {
  const response = await gateway.ask('/v1/trains?minPosition=999999');
  expect([response.status, (await json(response))['code']]).toEqual([503, 'not-yet']);
  expect(response.headers.get('retry-after')).toBeTruthy();
}, 10_000);

it('takes no text that can not be kept, and names its place', async () => {
  const trainId = await gateway.startTrain();
  const ask = async (path: string, body?: string) => {
    const headers = { 'content-type': 'application/json' };
    const response = await gateway.ask(path, body === undefined ? {} : { method: 'POST', body, headers });
    return { type: response.headers.get('content-type'), ...(await json(response)) };
  };
  const refused = (status: number, pointer: string) => ({
    ...{ type: 'about:blank', status, code: 'invalid' },
    errors: [{ pointer, detail: expect.any(String) }],
  });
  const pause = `/v1/trains/${trainId}/pause`;
  expect(await ask(pause, '{"reason":"half \\ud83d"}')).toMatchObject(refused(422, '/reason'));
  expect(await ask(pause, '{"reason":"no\\u0000thing"}')).toMatchObject(refused(422, '/reason'));
  expect(await ask('/v1/keys', '{"name":"\\udfff","role":"viewer"}')).toMatchObject(refused(422, '/name'));
  const task = `/v1/trains/${trainId}/tasks/design_1_1_${trainId}/look/complete`;
  expect(await ask(task, '{"facts":{"\\ud800":1}}')).toMatchObject(refused(422, '/facts/\ufffd'));
  expect(await ask(task.replace('look', '%00'), '{}')).toMatchObject(refused(400, '/action'));
  const cursor = (key: string) => Buffer.from(JSON.stringify([1, key])).toString('base64url');
  expect(await ask(`/v1/trains?after=${cursor('\0')}`)).toMatchObject(refused(400, '/after'));
  expect(gateway.carried).toEqual([]);
});

it('reads no body where none is taken, and none that is not JSON', async () => {
  const post = async (path: string, type: string, body: string) => {
    const response = await gateway.ask(path, { method: 'POST', body, headers: { 'content-type': type } });
    return [response.status, (await json(response))['code']];
  };
  const verify = '/v1/audit/verification';
  const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
  expect(await post(verify, 'application/json', deep)).toEqual([200, undefined]);
  for (const path of [verify, '/v1/keys']) {
    expect(await post(path, 'multipart/form-data', 'a=1')).toEqual([415, 'unsupported-media-type']);
  }
});

it('answers an error of another service as one of ours, in its words', async () => {
  const trainId = await gateway.startTrain();
  gateway.answerWith(() => ({ kind: 'failed', reason: 'it was logged under 7' }));
  const response = await gateway.send(`/v1/trains/${trainId}/pause`, { reason: 'lunch' });
  expect([response.status, await json(response)]).toMatchObject([
    500,
    { code: 'internal', detail: 'it was logged under 7' },
  ]);
});

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
  for (const name of names) await gateway.startTrain(name);
  await gateway.caughtUp();
  const first = await gateway.ask('/v1/trains?limit=2&status=running');
  const page = await json(first);
  expect(page.items.map(({ name }) => name)).toEqual(['page-3', 'page-2']);
  const [, link] = /^<(.*)>; rel="next"$/.exec(first.headers.get('link')!)!;
  const second = await json(await gateway.ask(link!));
  expect(second.items[0]).toMatchObject({ name: 'page-1' });

  const etag = first.headers.get('etag')!;
  const unchanged = await gateway.ask('/v1/trains?limit=2&status=running', { headers: { 'if-none-match': etag } });
  expect([unchanged.status, await unchanged.text()]).toEqual([304, '']);
  await gateway.startTrain('page-4');
  await gateway.caughtUp();
  expect((await gateway.ask('/v1/trains?limit=2&status=running', { headers: { 'if-none-match': etag } })).status).toBe(
    200,
  );
});

it('serves a document in which every operation has an id of its own and every reference leads somewhere', async () => {
  const document = await json(await gateway.ask('/openapi.json', { key: null }));
  expect(document['openapi']).toBe('3.1.0');
  const paths = Object.entries(document['paths'] as Record<string, Record<string, DocumentedOperation>>);
  const ids = paths.flatMap(([, methods]) => Object.values(methods).map(({ operationId }) => operationId));
  expect(new Set(ids).size).toBe(ids.length);
  const references = JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g);
  const { schemas } = document['components'] as { schemas: object };
  expect(new Set([...references].map(([, name]) => name))).toEqual(new Set(Object.keys(schemas)));
  for (const [path, methods] of paths) {
    const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    for (const { parameters } of Object.values(methods)) {
      const inPath = parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name);
      expect(inPath.toSorted()).toEqual(named.toSorted());
    }
  }
});

interface DocumentedOperation {
  readonly operationId: string;
  readonly parameters: readonly { readonly in: string; readonly name: string }[];
}
