import { afterEach, describe, expect, it } from '@jest/globals';
import type { ContextLoad } from '@vt/contracts';
import { completionOf, Provider } from '../testing/provider.ts';
import { ModelSettings, openModel } from './model.ts';
import { narrate } from './narration.ts';
import { countTokens } from './tokenizer.ts';

let provider: Provider | undefined;
afterEach(() => provider?.close());

const ROWS = Array.from({ length: 120 }, (_, row) => ({ row, rain: row / 7 }));
const MATERIAL = { section: 'rain', facts: { rows: ROWS }, plain: 'It rained on 120 days.' };

interface Given {
  readonly facts: { readonly rows?: typeof ROWS; readonly summaries?: readonly string[] };
}

/** Has the section written by a model that says this of a part, and that of the whole; it may be `away`. */
const written = async (summary: (given: Given) => string, text = () => 'It often rained.') => {
  const loads: ContextLoad[] = [];
  const tokens: (readonly [string, number, number])[] = [];
  provider = await Provider.open(({ body }) => {
    const given = JSON.parse(body.messages.at(-1)!.content) as Given;
    const answer = given.facts.rows && !('plain' in given) ? summary(given) : text();
    if (answer === 'away') return { status: 400, error: { message: 'away' } };
    return { ...completionOf(answer), usage: { prompt_tokens: 10, completion_tokens: 2, total_tokens: 12 } };
  });
  const settings = { MODEL_PROVIDER: 'openai-compatible', MODEL_API_KEY: 'k', MODEL_NAME: 'local' };
  const window = { MODEL_WINDOW_TOKENS: '3000', MODEL_BASE_URL: provider.url };
  const model = await openModel(ModelSettings.parse({ ...settings, ...window }));
  const metering = {
    load: (load: ContextLoad) => void loads.push(load),
    model: (...used: readonly [string, number, number]) => void tokens.push(used),
  };
  const signal = AbortSignal.timeout(20_000);
  const said = await narrate(model!, MATERIAL, { metering, signal }).catch((error: unknown) => String(error));
  const prompts = provider.asked.map(({ body }) => JSON.parse(body.messages.at(-1)!.content) as Given);
  return { said, loads, tokens, prompts, outcomes: loads.map(({ outcome }) => outcome) };
};

const first = ({ facts }: Given) => `From row ${facts.rows![0]!.row} on.`;

describe('facts that are too many for one context', () => {
  it('are summarised part by part, and written of from the summaries', async () => {
    const { said, loads, tokens, prompts, outcomes } = await written(first);
    expect(said).toEqual({ text: 'It often rained.' });
    expect(outcomes.at(-1)).toBe('delegated');
    const parts = outcomes.length - 1;
    expect(parts).toBeGreaterThan(1);
    expect(outcomes.slice(0, -1)).toEqual(Array.from({ length: parts }, () => 'part'));
    // Each part in a context of its own, each row in one of them, in their order.
    const given = prompts.slice(0, -1).toSorted((one, other) => one.facts.rows![0]!.row - other.facts.rows![0]!.row);
    expect(given.flatMap(({ facts }) => facts.rows)).toEqual(ROWS);
    expect(prompts.at(-1)!.facts.summaries).toEqual(given.map(first));
    // Everything is estimated, metered and measured.
    expect(tokens).toEqual(Array.from({ length: parts + 1 }, () => ['local', 10, 2]));
    for (const { tokenizer, windowTokens, estimated, tokens: used, outcome, summaryTokens } of loads) {
      expect([tokenizer, windowTokens]).toEqual(['o200k_base', 3_000]);
      if (outcome === 'delegated') expect(used).toBeLessThan(estimated / 3);
      else expect([used, summaryTokens]).toEqual([estimated, expect.any(Number)]);
    }
    expect(loads[0]!.summaryTokens).toBe(await countTokens(first(given[0]!)));
  });

  it.each([
    ['says a number that its part did not have', () => 'It rained 999 times.'],
    ['is empty', () => ' '],
    ['is as long as what it is of', () => 'so '.repeat(2_100)],
  ])('are condensed when a summary %s', async (_, summary) => {
    const { said, outcomes, prompts, tokens } = await written((given) =>
      given.facts.rows![0]!.row === 0 ? summary() : first(given),
    );
    expect(said).toEqual({ text: 'It often rained.' });
    expect([outcomes[0], outcomes.at(-1)]).toEqual(['part', 'condensed']);
    expect(prompts.at(-1)!.facts).not.toHaveProperty('summaries');
    expect(tokens).toHaveLength(prompts.length);
  });

  it('give no number to the section that was in none of the summaries', async () => {
    // 119 is among the rows; whoever writes the section has not seen them.
    const { said } = await written(first, () => 'It rained on row 119.');
    expect(said).toEqual({ plainBecause: 'it said a number that it was not given' });
    provider!.close();
    const kept = await written(
      ({ facts }) => `The last row is ${facts.rows!.at(-1)!.row}.`,
      () => 'It rained on row 119.',
    );
    expect(kept.said).toEqual({ text: 'It rained on row 119.' });
  });

  it('are told of by no model that is away for one of the parts; what was used is metered', async () => {
    const { said, tokens, outcomes, prompts } = await written((given) =>
      given.facts.rows![0]!.row === 0 ? 'away' : first(given),
    );
    expect(said).toMatch(/away/);
    expect(tokens).toHaveLength(prompts.length - 1);
    expect(new Set(outcomes)).toEqual(new Set(['part']));
  });
});
