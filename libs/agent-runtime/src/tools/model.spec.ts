import { afterEach, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ModelSettings, openModel } from './model.ts';

let server: Server | undefined;
afterEach(() => {
  server?.close();
});

/** A provider that answers every request with this, and keeps what it was asked. */
const providerOf = async (answer: object) => {
  const asked: { path: string; key: string | undefined; body: { model: string } }[] = [];
  server = createServer((request, response) => {
    void request.toArray().then((chunks: Buffer[]) => {
      const body = JSON.parse(Buffer.concat(chunks).toString()) as { model: string };
      const key = request.headers.authorization ?? String(request.headers['x-api-key']);
      asked.push({ path: request.url ?? '', key, body });
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(answer));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  // A server that listens on TCP has an address with a port.
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, asked };
};
const ask = async (settings: object) => {
  const model = await openModel(ModelSettings.parse(settings));
  const signal = AbortSignal.timeout(10_000);
  return model!.write({ instructions: 'Be brief.', prompt: 'Two rows.', signal });
};

it('is no model without a key', async () => {
  await expect(openModel(ModelSettings.parse({}))).resolves.toBeUndefined();
});

it('speaks with providers that are compatible with OpenAI, and counts as they count', async () => {
  const { url, asked } = await providerOf({
    id: 'a',
    created: 1,
    model: 'local',
    object: 'chat.completion',
    choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'There are two rows.' } }],
    usage: { prompt_tokens: 12, completion_tokens: 5, total_tokens: 17 },
  });
  const settings = {
    MODEL_PROVIDER: 'openai-compatible',
    MODEL_API_KEY: 'k',
    MODEL_NAME: 'local',
    MODEL_BASE_URL: url,
  };
  await expect(ask(settings)).resolves.toEqual({ text: 'There are two rows.', input: 12, output: 5 });
  expect(asked).toMatchObject([{ path: '/v1/chat/completions', key: 'Bearer k', body: { model: 'local' } }]);
});

it('speaks with Anthropic', async () => {
  const { url, asked } = await providerOf({
    id: 'a',
    type: 'message',
    role: 'assistant',
    model: 'claude-sonnet-4-5',
    content: [{ type: 'text', text: 'There are two rows.' }],
    stop_reason: 'end_turn',
    stop_sequence: null,
    usage: { input_tokens: 12, output_tokens: 5 },
  });
  await expect(ask({ MODEL_API_KEY: 'k', MODEL_BASE_URL: url })).resolves.toEqual({
    text: 'There are two rows.',
    input: 12,
    output: 5,
  });
  expect(asked).toMatchObject([{ path: '/v1/messages', key: 'k', body: { model: 'claude-sonnet-4-5' } }]);
});

it('wants to know where a compatible provider is', async () => {
  await expect(ask({ MODEL_PROVIDER: 'openai-compatible', MODEL_API_KEY: 'k' })).rejects.toThrow(
    'MODEL_BASE_URL is missing',
  );
});
