import { Agent, Money, Usage, type EventOf } from '@vt/contracts';
import type { Projection } from '@vt/kernel';
import { z } from 'zod';
import { money, nanos } from './money.ts';

export const SpendRow = z.object({
  trainId: z.string(),
  ticketId: z.string(),
  phase: z.string(),
  agent: Agent,
  attempt: z.int(),
  cpuMs: z.number(),
  wallMs: z.number(),
  tokens: Usage.shape.tokens,
  /** One sum for each currency. */
  cost: z.array(Money),
  /** Set aside for it, and not spent yet; nothing once it is over. */
  reserved: z.array(Money),
  /** Actions whose cost is unknown, because a model had no price. They are in no sum. */
  unpriced: z.int(),
  priceBook: z.string(),
});
export type SpendRow = z.infer<typeof SpendRow>;

const NOTHING: Pick<SpendRow, 'cpuMs' | 'wallMs' | 'tokens' | 'cost' | 'reserved' | 'unpriced'> = {
  cpuMs: 0,
  wallMs: 0,
  tokens: [],
  cost: [],
  reserved: [],
  unpriced: 0,
};

const addTokens = (sums: Usage['tokens'], more: Usage['tokens']): Usage['tokens'] =>
  more.reduce((tokens, { model, input, output }) => {
    const known = tokens.find((sum) => sum.model === model) ?? { model, input: 0, output: 0 };
    const sum = { model, input: known.input + input, output: known.output + output };
    return [...tokens.filter((other) => other.model !== model), sum];
  }, sums);

/** Adds an amount to sums kept apart by currency. */
export const addMoney = (sums: readonly Money[], amount: Money): Money[] => {
  const { currency } = amount;
  const known = sums.find((sum) => sum.currency === currency);
  const sum = money((known ? nanos(known) : 0n) + nanos(amount), currency);
  return [...sums.filter((other) => other.currency !== currency), sum];
};

/** One row for each ticket, which is one attempt of one agent at one phase: what was reserved, metered, and what it cost. */
export const spendByTicket: Projection<EventOf<'SpendRecorded' | 'SpendReserved' | 'ReservationReleased'>, SpendRow> = {
  name: 'spend',
  version: 1,
  types: ['SpendRecorded', 'SpendReserved', 'ReservationReleased'],
  keyOf: ({ data }) => data.ticketId,
  evolve: (row, event) => {
    if (event.type === 'ReservationReleased') return row && { ...row, reserved: [] };
    const { trainId, ticketId, phase, agent, attempt, priceBook } = event.data;
    const before = { ...(row ?? NOTHING), trainId, ticketId, phase, agent, attempt, priceBook };
    if (event.type === 'SpendReserved') return { ...before, reserved: [event.data.amount] };
    const { usage, cost } = event.data;
    return {
      ...before,
      cpuMs: before.cpuMs + usage.cpuMs,
      wallMs: before.wallMs + usage.wallMs,
      tokens: addTokens(before.tokens, usage.tokens),
      cost: cost === null ? before.cost : addMoney(before.cost, cost),
      reserved: cost === null ? before.reserved : before.reserved.map((left) => settled(left, cost)),
      unpriced: before.unpriced + (cost === null ? 1 : 0),
    };
  },
};

/** What is spent is reserved no more. */
function settled(reserved: Money, cost: Money): Money {
  const left = nanos(reserved) - nanos(cost);
  return money(left > 0n ? left : 0n, reserved.currency);
}
