import { describe, expect, it } from '@jest/globals';
import { fold, Rejection, TicketId, TrainId } from '@vt/kernel';
import fc from 'fast-check';
import { money, nanos } from './money.ts';
import { priceOf, type PriceBook } from './price-book.ts';
import { spendDecider, spendStreamOf, type SpendCommand } from './spend.decider.ts';
import type { SpendEvent } from './spend.ts';
import { spendReactions } from './spend.reactions.ts';

const book: PriceBook = {
  date: '2026-11-01',
  currency: 'USD',
  source: 'the test',
  cpuHour: '3.6',
  models: { wordy: { input: '3', output: '15' } },
};
const decider = spendDecider(book);
const trainId = TrainId.parse('0191b2c4-6f3e-4a75-9d4e-2f1c0a9b8d7e');
const ticketId = TicketId.parse(`training_1_1_${trainId}`);
const usage = (cpuMs: number) => ({ cpuMs, wallMs: cpuMs, tokens: [] });
const setBudget = (amount: string, currency = 'USD'): SpendCommand => ({
  type: 'SetBudget',
  trainId,
  budget: { amount, currency },
  by: 'Dana',
});
// One CPU-second costs a thousandth of a dollar by the book above.
const record = (seconds: number, source: string): SpendCommand => ({
  type: 'RecordSpend',
  trainId,
  ticketId,
  phase: 'training',
  agent: 'lab',
  attempt: 1,
  action: 'search-models',
  source,
  usage: usage(seconds * 1_000),
});
const after = (...commands: SpendCommand[]) =>
  commands.reduce<SpendEvent[]>(
    (events, command) => [...events, ...decider.decide(command, fold(decider, events))],
    [],
  );
const typesOf = (events: readonly SpendEvent[]) => events.map(({ type }) => type);

describe('a budget', () => {
  it('warns at four fifths and stops at the whole, each once', () => {
    const events = after(
      setBudget('0.01'),
      record(7, 'a@1'),
      record(1, 'a@2'),
      record(1, 'a@3'),
      record(1, 'a@4'),
      record(5, 'a@5'),
    );
    expect(typesOf(events)).toEqual([
      'BudgetSet',
      'SpendRecorded',
      'SpendRecorded',
      'BudgetWarned',
      'SpendRecorded',
      'SpendRecorded',
      'BudgetExhausted',
      'SpendRecorded',
    ]);
    expect(events.at(-2)).toMatchObject({ data: { spent: { amount: '0.01', currency: 'USD' } } });
  });

  it('arms the alarms again when it is raised, and raises them at once when it is already overspent', () => {
    const spent = [setBudget('0.01'), record(12, 'a@1')];
    expect(typesOf(after(...spent, setBudget('1'))).at(-1)).toBe('BudgetSet');
    expect(typesOf(after(...spent, setBudget('0.011'))).slice(-2)).toEqual(['BudgetWarned', 'BudgetExhausted']);
  });

  it('is refused in another currency than the prices', () => {
    expect(() => after(setBudget('5', 'EUR'))).toThrow(
      new Rejection('currency', 'the budget is in EUR, but prices are in USD'),
    );
  });

  it('that is set again to the same is no news', () => {
    expect(after(setBudget('1'), setBudget('1.00'))).toHaveLength(1);
  });
});

it('meters an event once, however often it arrives', () => {
  const history = after(record(1, 'a@1'));
  expect(decider.decide(record(1, 'a@1'), fold(decider, history))).toEqual([]);
});

it('does not know the cost of a model without a price, and does not call it zero', () => {
  const tokens = [{ model: 'unheard-of', input: 10, output: 10 }];
  expect(priceOf({ ...usage(0), tokens }, book)).toBeNull();
  expect(priceOf({ ...usage(0), tokens: [{ model: 'wordy', input: 1_000, output: 200 }] }, book)).toEqual({
    amount: '0.006',
    currency: 'USD',
  });
});

it('counts what nobody can price as recorded, and as no money spent', () => {
  const unpriced = { ...usage(0), tokens: [{ model: 'unheard-of', input: 10, output: 10 }] };
  const events = after(setBudget('0.01'), record(1, 'a@1'), { ...record(0, 'a@2'), usage: unpriced } as SpendCommand);
  expect(events.at(-1)).toMatchObject({ type: 'SpendRecorded', data: { cost: null } });
  expect(fold(decider, events)).toMatchObject({ spent: nanos({ amount: '0.001' }), metered: new Set(['a@1', 'a@2']) });
});

it('sums without rounding, and never spends more events than it recorded', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 10_000 }), { maxLength: 30 }), (seconds) => {
      const events = after(setBudget('9'), ...seconds.map((second, index) => record(second, `a@${index}`)));
      const { spent } = fold(decider, events);
      expect(spent).toBe(seconds.reduce((sum, second) => sum + nanos({ amount: '0.001' }) * BigInt(second), 0n));
      expect(typesOf(events).filter((type) => type === 'BudgetExhausted').length).toBeLessThanOrEqual(1);
    }),
  );
});

it('writes and reads amounts without losing a digit', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }), (value) => {
      expect(nanos(money(value, 'USD'))).toBe(value);
    }),
  );
  expect(money(1_500_000_000n, 'USD').amount).toBe('1.50');
});

it('meters what was handed off where it was done, and not again where it came back', () => {
  const data = {
    ...{
      trainId,
      ticketId,
      phase: 'training',
      agent: 'lab' as const,
      attempt: 1,
      action: 'x',
      tool: 'lab.x',
      fence: 1,
    },
    ...{ usage: usage(1), handoff: TicketId.parse(`training_1_1_x_1_${trainId}`) },
  };
  const done = { ...data, artifacts: [], facts: {}, result: null };
  const failed = { ...data, try: 1, kind: 'timeout' as const, reason: '' };
  expect(spendReactions.ActionCompleted!({ type: 'ActionCompleted', data: done })).toEqual([]);
  expect(spendReactions.ActionFailed!({ type: 'ActionFailed', data: failed })).toEqual([]);
});

it('meters what putting a session away asked of a model, and nothing where it asked none', () => {
  const bundle = {
    bundle: `sha256:${'0'.repeat(64)}` as never,
    sourceVersion: 2,
    tokenizer: 't',
    tokens: 5,
    sourceTokens: 50,
  };
  const data = {
    ...{ trainId, ticketId, phase: 'training', agent: 'lab' as const, attempt: 1 },
    ...{ ...bundle, learnings: 0, improvements: 0, waived: [] },
  };
  const archived = (more: object) =>
    spendReactions.SessionArchived!({ type: 'SessionArchived', data: { ...data, ...more } });
  expect(archived({})).toEqual([]);
  expect(archived({ usage: usage(1) })).toEqual([
    {
      ...{ type: 'RecordSpend', trainId, ticketId, phase: 'training', agent: 'lab', attempt: 1 },
      ...{ action: 'archive', usage: usage(1) },
    },
  ]);
});

it('reacts to the start of a train and to every try of an action', () => {
  const data = {
    trainId,
    ticketId,
    phase: 'training',
    agent: 'lab' as const,
    attempt: 1,
    action: 'x',
    tool: 'lab.x',
    fence: 1,
    usage: usage(1),
  };
  const done = spendReactions.ActionCompleted!({
    type: 'ActionCompleted',
    data: { ...data, artifacts: [], facts: {}, result: null },
  });
  const failed = spendReactions.ActionFailed!({
    type: 'ActionFailed',
    data: { ...data, try: 1, kind: 'timeout', reason: '' },
  });
  expect([...done, ...failed]).toEqual([
    expect.objectContaining({ type: 'RecordSpend' }),
    expect.objectContaining({ action: 'x' }),
  ]);
  const started = {
    trainId,
    name: '',
    client: '',
    pipeline: { id: 'p', version: 1, digest: `sha256:${'0'.repeat(64)}` as never },
    inputs: [],
    approvers: [],
    startedBy: 'Dana',
  };
  expect(spendReactions.TrainStarted!({ type: 'TrainStarted', data: { ...started, budget: null } })).toEqual([]);
  const [command] = spendReactions.TrainStarted!({
    type: 'TrainStarted',
    data: { ...started, budget: { amount: '1', currency: 'USD' } },
  });
  expect(command).toMatchObject({ type: 'SetBudget', by: 'Dana' });
  expect(spendStreamOf(setBudget('1'))).toBe(`spend-${trainId}`);
});
