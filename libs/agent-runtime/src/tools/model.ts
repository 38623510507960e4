import { z } from 'zod';
import type { Circuits } from '../circuit-breaker.ts';
import type { ModelWindow } from './context-budget.ts';

export interface ModelRequest {
  /** What the model is to be. */
  readonly instructions: string;
  readonly prompt: string;
  readonly signal: AbortSignal;
}

export interface ModelAnswer {
  readonly text: string;
  /** Tokens, as the provider counted them; absent where it did not. */
  readonly tokens?: { readonly input: number; readonly output: number };
}

/** A language model, whoever runs it. */
export interface ModelProvider {
  /** Under this name it is metered and priced. */
  readonly name: string;
  readonly window: ModelWindow;
  /** No answer is longer. */
  readonly outputTokensMax: number;
  write(request: ModelRequest): Promise<ModelAnswer>;
}

/** The same model, left in peace while it fails again and again. */
export const withCircuit = ({ write, ...model }: ModelProvider, circuits: Circuits): ModelProvider => ({
  ...model,
  write: (request) =>
    circuits.call(
      `model:${model.name}`,
      () => write(request),
      () => !request.signal.aborted,
    ),
});

export const ModelSettings = z.object({
  MODEL_PROVIDER: z
    .enum(['anthropic', 'openai-compatible'])
    .default('anthropic')
    .describe('who runs the model: anthropic or openai-compatible'),
  MODEL_API_KEY: z.string().optional().describe('the key of the provider; without one no model is used'),
  MODEL_NAME: z.string().default('claude-sonnet-4-5').describe('the model, by the name that the price book has'),
  MODEL_TIMEOUT_SECONDS: z.coerce
    .number()
    .int()
    .min(1)
    .max(280)
    .default(60)
    .describe('how long a model may take for one section, its retries included, before the plain text is used'),
  MODEL_WINDOW_TOKENS: z.coerce
    .number()
    .int()
    .min(1_000)
    .default(200_000)
    .describe('how many tokens the model takes in at a time'),
  MODEL_CONTEXT_DELEGATE: z.coerce
    .number()
    .min(0.01)
    .max(1)
    .default(0.2)
    .describe('the share of its window from which on facts are summarised part by part'),
  MODEL_CONTEXT_SOFT: z.coerce
    .number()
    .min(0.01)
    .max(1)
    .default(0.35)
    .describe('the share of its window from which on a request is condensed'),
  MODEL_CONTEXT_HARD: z.coerce
    .number()
    .min(0.01)
    .max(1)
    .default(0.4)
    .describe('the share of its window that no request exceeds'),
  MODEL_BASE_URL: z.url().optional().describe('where the model is, as https://host/v1; required if openai-compatible'),
});
export type ModelSettings = z.infer<typeof ModelSettings>;

const OUTPUT_TOKENS_MAX = 2_000;
const RETRIES_MAX = 2;

/**
 * The model of the settings; undefined without a key.
 * @throws Error when the settings contradict each other
 */
export const openModel = async (settings: ModelSettings): Promise<ModelProvider | undefined> => {
  const { MODEL_PROVIDER: provider, MODEL_API_KEY: apiKey, MODEL_NAME: name, MODEL_BASE_URL: baseURL } = settings;
  const timeoutMs = settings.MODEL_TIMEOUT_SECONDS * 1_000;
  if (!apiKey) return undefined;
  // Most installations have no key, and need not load the libraries.
  const { generateText } = await import('ai');
  const model = await languageModel(provider, name, apiKey, baseURL);
  const { MODEL_CONTEXT_DELEGATE: delegate, MODEL_CONTEXT_SOFT: soft, MODEL_CONTEXT_HARD: hard } = settings;
  if (delegate > soft) {
    throw new Error(`MODEL_CONTEXT_DELEGATE is ${delegate}, above MODEL_CONTEXT_SOFT, which is ${soft}`);
  }
  if (soft > hard) throw new Error(`MODEL_CONTEXT_SOFT is ${soft}, above MODEL_CONTEXT_HARD, which is ${hard}`);
  return {
    name,
    window: { tokens: settings.MODEL_WINDOW_TOKENS, delegate, soft, hard },
    outputTokensMax: OUTPUT_TOKENS_MAX,
    write: async ({ instructions, prompt, signal }) => {
      const { text, usage } = await generateText({
        model,
        instructions,
        prompt,
        abortSignal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
        maxOutputTokens: OUTPUT_TOKENS_MAX,
        maxRetries: RETRIES_MAX,
      }).catch((error: unknown) => {
        // Providers repeat a wrong key in their refusal, and what they said is kept in events.
        throw new Error((error instanceof Error ? error.message : String(error)).replaceAll(apiKey, '[key]'));
      });
      const { inputTokens: input, outputTokens: output } = usage;
      return input === undefined || output === undefined ? { text } : { text, tokens: { input, output } };
    },
  };
};

async function languageModel(provider: ModelSettings['MODEL_PROVIDER'], name: string, apiKey: string, url?: string) {
  if (provider === 'anthropic') {
    const { createAnthropic } = await import('@ai-sdk/anthropic');
    return createAnthropic({ apiKey, ...(url ? { baseURL: url } : {}) })(name);
  }
  if (!url) throw new Error('MODEL_BASE_URL is missing: an openai-compatible model needs its address');
  const { createOpenAICompatible } = await import('@ai-sdk/openai-compatible');
  return createOpenAICompatible({ name: 'model', apiKey, baseURL: url })(name);
}

/** A model for tests: it says what the script says, at a token a word. */
export const scriptedModel = (
  script: (prompt: string) => string,
  name = 'scripted',
  window: ModelWindow = { tokens: 200_000, delegate: 0.2, soft: 0.35, hard: 0.4 },
): ModelProvider => ({
  name,
  window,
  outputTokensMax: OUTPUT_TOKENS_MAX,
  write: async ({ prompt, signal }) => {
    signal.throwIfAborted();
    const text = script(prompt);
    return { text, tokens: { input: prompt.split(/\s+/).length, output: text.split(/\s+/).length } };
  },
});
