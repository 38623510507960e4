import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { OwnStation, until } from './testing/own-station.ts';

jest.setTimeout(90_000);

const CHARTER = resolve(import.meta.dirname, '../demo/charter.yaml');
const [INPUT, OUTPUT] = [1_000, 200];

interface Spend {
  readonly type: string;
  readonly data: {
    readonly trainId: string;
    readonly phase: string;
    readonly usage: {
      readonly cpuMs: number;
      readonly tokens: readonly { readonly model: string; readonly input: number }[];
    };
    readonly cost: { readonly amount: string; readonly currency: string } | null;
  };
}

/** A station whose agents write with a language model: here a server of ours that speaks the protocol of OpenAI. */
describe('a station with a language model', () => {
  const station = new OwnStation();
  let provider: Server;
  let url: string;
  let asked = 0;
  beforeAll(async () => {
    provider = createServer((request, response) => {
      void request.toArray().then((chunks: Buffer[]) => {
        asked += 1;
        const { messages } = JSON.parse(Buffer.concat(chunks).toString()) as { messages: { content: string }[] };
        const { plain } = JSON.parse(messages.at(-1)!.content) as { plain: string };
        // The third call finds the provider busy.
        response.statusCode = asked === 3 ? 429 : 200;
        response.setHeader('retry-after-ms', '1');
        response.setHeader('content-type', 'application/json');
        const message = { role: 'assistant', content: `In the words of the model: ${plain}` };
        const usage = { prompt_tokens: INPUT, completion_tokens: OUTPUT, total_tokens: INPUT + OUTPUT };
        const choices = [{ index: 0, finish_reason: 'stop', message }];
        response.end(JSON.stringify({ id: 'a', created: 1, model: 'm', object: 'chat.completion', choices, usage }));
      });
    }).listen(0, '127.0.0.1');
    await once(provider, 'listening');
    // A server that listens on TCP has an address with a port.
    url = `http://127.0.0.1:${(provider.address() as AddressInfo).port}/v1`;
  });
  afterAll(() => {
    provider.close();
    provider.closeAllConnections();
    station.remove();
  });

  /** Rides a train to its first approval, with a model of this name; answers its files and what was spent on it. */
  async function ride(model: string) {
    const env = { MODEL_PROVIDER: 'openai-compatible', MODEL_API_KEY: 'k', MODEL_NAME: model, MODEL_BASE_URL: url };
    const up = station.start(['up'], env);
    try {
      await until('the station is ready', () => up.said.err.includes('is ready at'), up);
      const { trainId } = await station.json<{ trainId: string }>('train', 'start', CHARTER);
      const asks = () => station.json<readonly object[]>('approvals', trainId);
      await until('the sponsor is asked', async () => (await asks()).length > 0, up);
      await station.vt('artifacts', 'get', trainId, '--to', model);
      const { out } = await station.vt('events', 'tail', '--once', '--json', '--types', 'SpendRecorded');
      const events = out
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Spend);
      return {
        spends: events.map(({ data }) => data).filter((spend) => spend.trainId === trainId),
        costs: await station.json<{ total: { unpriced: number } }>('costs', trainId),
        brief: readFileSync(join(station.folder, model, 'cycle-1/preengagement/framing/opportunity-brief.md'), 'utf8'),
      };
    } finally {
      await up.interrupt();
    }
  }

  it('has it write sections, and meters it by the price book', async () => {
    const { spends, costs, brief } = await ride('gpt-4o-mini');
    expect(brief).toContain('In the words of the model: Rainier Open Air (events) wants to predict');
    const written = spends.filter(({ usage }) => usage.tokens.length > 0);
    expect(written.length).toBeGreaterThan(4);
    for (const { usage, cost } of written) {
      const calls = usage.tokens[0]!.input / INPUT;
      expect(usage.tokens).toEqual([{ model: 'gpt-4o-mini', input: calls * INPUT, output: calls * OUTPUT }]);
      // Of the book of prices: 0.15 and 0.6 dollars a million tokens, 0.04 dollars an hour.
      const tokens = calls * (INPUT * 0.15 + OUTPUT * 0.6) * 1e-6;
      expect(Number(cost?.amount)).toBeCloseTo(tokens + (usage.cpuMs / 3_600_000) * 0.04, 7);
    }
    expect(costs.total.unpriced).toBe(0);
  });

  it('does not know what a model costs that is not in the book, and never calls it free', async () => {
    const { spends, costs, brief } = await ride('nobody-7b');
    expect(brief).toContain('In the words of the model');
    const written = spends.filter(({ usage }) => usage.tokens.length > 0);
    expect(written.map(({ cost }) => cost)).toEqual(written.map(() => null));
    expect(costs.total.unpriced).toBe(written.length);
  });
});
