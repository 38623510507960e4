import { afterEach, expect, it } from '@jest/globals';
import { completionOf, Provider, type Answer } from '../testing/provider.ts';
import { ModelSettings, openModel } from './model.ts';

let provider: Provider | undefined;
afterEach(() => provider?.close());

/** A provider that answers with one after the other, and with the last ever after. */
const providerOf = async (...answers: readonly Answer[]) =>
  (provider = await Provider.open((_, nth) => answers[Math.min(nth, answers.length - 1)]!));
const ask = async (settings: object) => {
  const model = await openModel(ModelSettings.parse(settings));
  const signal = AbortSignal.timeout(10_000);
  return model!.write({ instructions: 'Be brief.', prompt: 'Two rows.', signal });
};

it('is no model without a key', async () => {
  await expect(openModel(ModelSettings.parse({}))).resolves.toBeUndefined();
});

const uncounted = completionOf('There are two rows.');
const completion = { ...uncounted, usage: { prompt_tokens: 12, completion_tokens: 5, total_tokens: 17 } };
const compatible = { MODEL_PROVIDER: 'openai-compatible', MODEL_API_KEY: 'k', MODEL_NAME: 'local' };
const tooMany = { status: 429, headers: { 'retry-after-ms': '1' } };

it('speaks with providers that are compatible with OpenAI, and counts as they count', async () => {
  const { url, asked } = await providerOf(completion);
  await expect(ask({ ...compatible, MODEL_BASE_URL: url })).resolves.toEqual({
    text: 'There are two rows.',
    tokens: { input: 12, output: 5 },
  });
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
    tokens: { input: 12, output: 5 },
  });
  expect(asked).toMatchObject([{ path: '/v1/messages', key: 'k', body: { model: 'claude-sonnet-4-5' } }]);
});

it('counts nothing that the provider did not count', async () => {
  const { url } = await providerOf(uncounted);
  await expect(ask({ ...compatible, MODEL_BASE_URL: url })).resolves.toEqual({ text: 'There are two rows.' });
});

it('waits as long as a provider asks for that has too many requests, twice and not more', async () => {
  const busy = await providerOf(tooMany, tooMany, completion);
  await expect(ask({ ...compatible, MODEL_BASE_URL: busy.url })).resolves.toMatchObject({ tokens: { input: 12 } });
  expect(busy.asked).toHaveLength(3);
  busy.close();

  const busier = await providerOf(tooMany);
  await expect(ask({ ...compatible, MODEL_BASE_URL: busier.url })).rejects.toThrow(
    'after 3 attempts. Last error: AI_APICallError: Too Many Requests',
  );
  expect(busier.asked).toHaveLength(3);
});

it('does not wait for ever for a provider that does not answer, nor ask again with a key that is refused', async () => {
  const silent = await providerOf('nothing');
  const settings = { ...compatible, MODEL_TIMEOUT_SECONDS: '1' };
  await expect(ask({ ...settings, MODEL_BASE_URL: silent.url })).rejects.toThrow('timeout');
  silent.close();

  const closed = await providerOf({ status: 401 });
  await expect(ask({ ...compatible, MODEL_BASE_URL: closed.url })).rejects.toThrow();
  expect(closed.asked).toHaveLength(1);
});

it('does not repeat its key, whatever a provider says of it', async () => {
  const { url } = await providerOf({ status: 401, error: { message: 'the key sk-secret is unknown' } });
  await expect(ask({ ...compatible, MODEL_API_KEY: 'sk-secret', MODEL_BASE_URL: url })).rejects.toThrow(
    'the key [key] is unknown',
  );
});

it('wants shares of its window in their order', async () => {
  const shares = { MODEL_API_KEY: 'k', MODEL_CONTEXT_DELEGATE: '0.3', MODEL_CONTEXT_SOFT: '0.35' };
  await expect(openModel(ModelSettings.parse({ ...shares, MODEL_CONTEXT_HARD: '0.32' }))).rejects.toThrow(
    'MODEL_CONTEXT_SOFT is 0.35, above MODEL_CONTEXT_HARD, which is 0.32',
  );
  await expect(openModel(ModelSettings.parse({ ...shares, MODEL_CONTEXT_SOFT: '0.25' }))).rejects.toThrow(
    'MODEL_CONTEXT_DELEGATE is 0.3, above MODEL_CONTEXT_SOFT, which is 0.25',
  );
});

it('wants to know where a compatible provider is', async () => {
  await expect(ask({ MODEL_PROVIDER: 'openai-compatible', MODEL_API_KEY: 'k' })).rejects.toThrow(
    'MODEL_BASE_URL is missing',
  );
});
