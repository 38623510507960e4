import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { z } from 'zod';
import { Api, framesOf } from './api.ts';
import { EXIT } from './errors.ts';

const event = (position: number) => ({ position, type: 'T', at: '2026-01-01T00:00:00.000Z', actor: 'Ada', data: {} });
const streamOf = (...chunks: string[]) =>
  new ReadableStream<Uint8Array>({
    start: (controller) => {
      for (const chunk of chunks) controller.enqueue(new TextEncoder().encode(chunk));
      controller.close();
    },
  });

it('puts server-sent events together, however they are cut', async () => {
  const frames = [1, 2]
    .map((n) => `id: ${n}\nevent: T\ndata: ${JSON.stringify(event(n))}\n\n`)
    .join(': still here\n\n');
  const text = `retry: 1000\n\n${frames}`;
  for (const cut of [1, 20, 60, text.length - 1]) {
    const seen: unknown[] = [];
    for await (const frame of framesOf(streamOf(text.slice(0, cut), text.slice(cut)))) seen.push(frame);
    expect(seen).toEqual([event(1), event(2)]);
  }
});

/** A gateway that answers as its query says, and remembers what it was asked. */
let server: Server;
let api: Api;
const asked: IncomingMessage[] = [];

beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(request);
    const { searchParams } = new URL(request.url!, 'http://localhost');
    response.writeHead(Number(searchParams.get('status') ?? 200), { 'vt-position': '7' });
    response.end(searchParams.get('body') ?? '{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  api = new Api({ url: `http://127.0.0.1:${port}`, apiKey: 'vt_key' });
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

it('shows its key, gives each write a key of its own, and remembers the position', async () => {
  await api.post('/v1/trains', { charter: {} });
  await api.post('/v1/trains', { charter: {} });
  const [first, second] = asked.slice(-2).map(({ headers }) => headers);
  expect(first).toMatchObject({ authorization: 'Bearer vt_key', 'content-type': 'application/json' });
  expect(first!['idempotency-key']).not.toBe(second!['idempotency-key']);
  expect(api.lastPosition).toBe(7);
});

it.each([
  [400, EXIT.usage],
  [401, EXIT.refused],
  [403, EXIT.refused],
  [404, EXIT.notFound],
  [409, EXIT.refused],
  [422, EXIT.usage],
  [500, EXIT.unavailable],
  [503, EXIT.unavailable],
])('an answer %i ends the command with %i', async (status, exitCode) => {
  await expect(api.get(`/v1/x?status=${status}`, z.unknown())).rejects.toMatchObject({ exitCode });
});

it('says what a problem says, place by place', async () => {
  const problem = { detail: 'not valid', errors: [{ pointer: '/charter/colour', detail: 'unknown field colour' }] };
  const query = new URLSearchParams({ status: '422', body: JSON.stringify(problem) });
  await expect(api.get(`/v1/x?${query}`, z.unknown())).rejects.toThrow(
    'not valid\n  /charter/colour: unknown field colour',
  );
});

it('says that nobody answers, and how to start a station', async () => {
  const nobody = new Api({ url: 'http://127.0.0.1:1', apiKey: 'vt_key' });
  await expect(nobody.get('/v1/trains', z.unknown())).rejects.toMatchObject({
    exitCode: EXIT.unavailable,
    mend: expect.stringContaining('vt up'),
  });
});
