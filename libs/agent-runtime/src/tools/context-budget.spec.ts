import { describe, expect, it } from '@jest/globals';
import { fitted, type Delegate, type Part } from './context-budget.ts';
import { countTokens, TOKENIZER } from './tokenizer.ts';

const INSTRUCTIONS = { narrate: 'Write one section.', summarise: 'Say what matters.' };
const window = { tokens: 1_000, delegate: 0.2, soft: 0.35, hard: 0.4 };
const alone: Delegate = async () => undefined;
const rows = (count: number) => Array.from({ length: count }, (_, row) => ({ row, rain: row / 7 }));
const material = (facts: unknown) => ({ section: 'summary', facts, plain: 'It rained.' });

describe('the context of a model', () => {
  it('is given whole while that is little', async () => {
    const given = material({ rows: rows(3) });
    const prompt = JSON.stringify(given);
    const tokens = await countTokens(`${INSTRUCTIONS.narrate}\n${prompt}`);
    await expect(fitted(window, INSTRUCTIONS, given, alone)).resolves.toEqual({
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

  it('is delegated from a fifth of the window on: each part is a context of its own, as small as one that is whole', async () => {
    const parts: Part[] = [];
    const facts = { title: 'Rain', rows: rows(30) };
    const { load, ...rest } = await fitted(window, INSTRUCTIONS, material(facts), async (given) => {
      parts.push(...given);
      return given.map((_, nth) => `Summary ${'abc'[nth]!}.`);
    });
    expect(parts.length).toBeGreaterThan(1);
    for (const part of parts) {
      expect(part.load.tokens).toBe(await countTokens(`${INSTRUCTIONS.summarise}\n${part.prompt}`));
      expect(part.load).toMatchObject({ section: 'summary', tokenizer: TOKENIZER, outcome: 'part' });
      expect(part.load.tokens).toBeLessThanOrEqual(200);
    }
    const given = parts.map(({ prompt }) => (JSON.parse(prompt) as { facts: Partial<typeof facts> }).facts);
    expect(given[0]!.title).toBe('Rain');
    expect(given.flatMap((part) => part.rows ?? [])).toEqual(facts.rows);
    expect(load).toMatchObject({ outcome: 'delegated', windowTokens: 1_000 });
    expect(load.estimated).toBeGreaterThan(load.tokens);
    const told = JSON.parse((rest as { prompt: string }).prompt) as { facts: { summaries: string[] } };
    expect(told.facts.summaries).toEqual(parts.map((_, nth) => `Summary ${'abc'[nth]!}.`));
  });

  it('is whole up to the soft limit, where it can not be delegated', async () => {
    const facts = { rows: rows(16) };
    const refused = await fitted(window, INSTRUCTIONS, material(facts), alone);
    expect(refused.load.tokens).toBeGreaterThan(200);
    expect(refused.load.outcome).toBe('whole');
    const endless = await fitted(window, INSTRUCTIONS, material(facts), async (given) =>
      given.map(() => 'so '.repeat(400)),
    );
    expect(endless.load.outcome).toBe('whole');
    // A text is never parted.
    const asked = { times: 0 };
    const one = await fitted(
      window,
      INSTRUCTIONS,
      material('so '.repeat(250)),
      async () => void (asked.times += 1) as never,
    );
    expect([one.load.outcome, asked.times]).toEqual(['whole', 0]);
    const nothing = await fitted({ ...window, delegate: 0.01 }, INSTRUCTIONS, material(undefined), alone);
    expect(nothing.load.outcome).toBe('whole');
  });

  it('is condensed above it, list by list, and says how many are left out', async () => {
    const { load, ...rest } = await fitted(
      window,
      INSTRUCTIONS,
      material({ rows: rows(100), of: { deep: rows(40) } }),
      alone,
    );
    expect(load.outcome).toBe('condensed');
    expect(load.estimated).toBeGreaterThan(1_000);
    expect(load.tokens).toBeLessThanOrEqual(350);
    const { facts } = JSON.parse((rest as { prompt: string }).prompt) as { facts: { rows: unknown[] } };
    expect(facts.rows.at(-1)).toBe(`and ${100 - (facts.rows.length - 1)} more`);
    expect(facts.rows[0]).toEqual({ row: 0, rain: 0 });
  });

  it('goes on between the limits, when nothing more can be left out', async () => {
    const given = material('so '.repeat(360));
    const { load } = await fitted({ ...window, delegate: 0.1, soft: 0.1 }, INSTRUCTIONS, given, alone);
    expect(load).toMatchObject({ outcome: 'condensed', tokens: load.estimated });
    expect(load.tokens).toBeGreaterThan(350);
  });

  it('is refused above the hard limit, with the three ways out', async () => {
    const refused = await fitted(window, INSTRUCTIONS, material({ story: 'It rained. '.repeat(500) }), alone);
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
