import { describe, expect, it } from '@jest/globals';
import { fitted } from './context-budget.ts';
import { countTokens, TOKENIZER } from './tokenizer.ts';

const INSTRUCTIONS = 'Write one section.';
const window = { tokens: 1_000, soft: 0.35, hard: 0.4 };
const rows = (count: number) => Array.from({ length: count }, (_, row) => ({ row, rain: row / 7 }));
const material = (facts: unknown) => ({ section: 'summary', facts, plain: 'It rained.' });

describe('the context of a model', () => {
  it('is given whole while it is below the soft limit', async () => {
    const given = material({ rows: rows(3) });
    const prompt = JSON.stringify(given);
    const tokens = await countTokens(`${INSTRUCTIONS}\n${prompt}`);
    await expect(fitted(window, INSTRUCTIONS, given)).resolves.toEqual({
      prompt,
      load: {
        section: 'summary',
        tokenizer: TOKENIZER,
        tokens,
        estimated: tokens,
        windowTokens: 1_000,
        outcome: 'whole',
      },
    });
  });

  it('is condensed above it, list by list, and says how many are left out', async () => {
    const { load, ...rest } = await fitted(window, INSTRUCTIONS, material({ rows: rows(100), of: { deep: rows(40) } }));
    expect(load.outcome).toBe('condensed');
    expect(load.estimated).toBeGreaterThan(1_000);
    expect(load.tokens).toBeLessThanOrEqual(350);
    const { facts } = JSON.parse((rest as { prompt: string }).prompt) as { facts: { rows: unknown[] } };
    expect(facts.rows.at(-1)).toBe(`and ${100 - (facts.rows.length - 1)} more`);
    expect(facts.rows[0]).toEqual({ row: 0, rain: 0 });
  });

  it('goes on between the limits, when nothing more can be left out', async () => {
    const given = material('so '.repeat(360));
    const { load } = await fitted({ ...window, soft: 0.1 }, INSTRUCTIONS, given);
    expect(load).toMatchObject({ outcome: 'condensed', tokens: load.estimated });
    expect(load.tokens).toBeGreaterThan(350);
  });

  it('is refused above the hard limit, with the three ways out', async () => {
    const refused = await fitted(window, INSTRUCTIONS, material({ story: 'It rained. '.repeat(500) }));
    expect(refused).toMatchObject({
      load: { outcome: 'refused' },
      refusal: expect.stringMatching(
        /^\d+ tokens, and 400 may be used: give it fewer facts, split the section, or set a larger window$/,
      ),
    });
    expect(refused).not.toHaveProperty('prompt');
  });
});

it('counts what looks like a control token of a model as text', async () => {
  await expect(countTokens('<|endoftext|>')).resolves.toBeGreaterThan(0);
});
