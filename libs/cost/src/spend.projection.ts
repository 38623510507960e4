import type { Agent, EventOf, Money, Usage } from '@vt/contracts';
import type { Projection } from '@vt/kernel';
import { money, nanos } from './money.ts';

export interface SpendRow {
  readonly trainId: string;
  readonly ticketId: string;
  readonly phase: string;
  readonly agent: Agent;
  readonly attempt: number;
  readonly cpuMs: number;
  readonly wallMs: number;
  readonly tokens: Usage['tokens'];
  /** One sum for each currency. */
  readonly cost: readonly Money[];
  /** Actions whose cost is unknown, because a model had no price. They are in no sum. */
  readonly unpriced: number;
  readonly priceBook: string;
}

const NOTHING = { cpuMs: 0, wallMs: 0, tokens: [], cost: [], unpriced: 0 } as const;

const addTokens = (sums: Usage['tokens'], more: Usage['tokens']): Usage['tokens'] =>
  more.reduce((tokens, { model, input, output }) => {
    const known = tokens.find((sum) => sum.model === model) ?? { model, input: 0, output: 0 };
    const sum = { model, input: known.input + input, output: known.output + output };
    return [...tokens.filter((other) => other.model !== model), sum];
  }, sums);

/** Adds an amount to sums kept apart by currency. */
export const addMoney = (sums: readonly Money[], amount: Money): readonly Money[] => {
  const { currency } = amount;
  const known = sums.find((sum) => sum.currency === currency);
  const sum = money((known ? nanos(known) : 0n) + nanos(amount), currency);
  return [...sums.filter((other) => other.currency !== currency), sum];
};

/** One row for each ticket, which is one attempt of one agent at one phase: what was metered, and what it cost. */
export const spendByTicket: Projection<EventOf<'SpendRecorded'>, SpendRow> = {
  name: 'spend',
  version: 1,
  types: ['SpendRecorded'],
  keyOf: ({ data }) => data.ticketId,
  evolve: (row, { data }) => {
    const { trainId, ticketId, phase, agent, attempt, usage, cost, priceBook } = data;
    const before = row ?? NOTHING;
    return {
      trainId,
      ticketId,
      phase,
      agent,
      attempt,
      cpuMs: before.cpuMs + usage.cpuMs,
      wallMs: before.wallMs + usage.wallMs,
      tokens: addTokens([...before.tokens], usage.tokens),
      cost: cost === null ? before.cost : addMoney(before.cost, cost),
      unpriced: before.unpriced + (cost === null ? 1 : 0),
      priceBook,
    };
  },
};
