import { riskStream, spendStream } from '@vt/contracts';
import { addMoney, money, nanos, reservedAfter, sumOf, type Spend, type SpendEvent } from '@vt/cost';
import { commandHandler, type EventStore, type Execute, type TrainId } from '@vt/kernel';
import { riskDecider, scoreOf, type RiskEvent, type Risks } from '@vt/risk';
import type { Observed } from '@vt/value-train';

/** Looks at the streams that other services own, for a train. */
export type Observe = (trainId: TrainId, envelope: Parameters<Execute<Risks, Look, RiskEvent>>[1]) => Promise<Observed>;

interface Sums {
  readonly spent: Observed['spend']['spent'];
  readonly budget: Observed['spend']['budget'];
  readonly unpriced: number;
  readonly reserved: Spend['reserved'];
  /** Of the reservations; undefined before the first. */
  readonly currency: string | undefined;
}
interface Look {
  readonly trainId: TrainId;
}

const NOTHING: Sums = { spent: null, budget: null, unpriced: 0, reserved: new Map(), currency: undefined };

/** What a gate has to know of open risks and of spending. It is asked at every gate, and reads only what is new. */
export const observing = (store: Pick<EventStore, 'append' | 'read'>): Observe => {
  // Handlers without commands: they know how to remember a stream, and add nothing to it.
  const look = { decide: () => [] };
  const risksOf = commandHandler<Risks, Look, RiskEvent>(
    { ...riskDecider, ...look },
    ({ trainId }) => riskStream(trainId),
    store,
  );
  const sumsOf = commandHandler<Sums, Look, SpendEvent>(
    { initial: NOTHING, evolve: addUp, ...look },
    ({ trainId }) => spendStream(trainId),
    store,
  );
  return async (trainId, envelope) => {
    const [{ state: risks }, { state: sums }] = await Promise.all([
      risksOf({ trainId }, envelope),
      sumsOf({ trainId }, envelope),
    ]);
    return { risks: openAmong(risks), spend: spendOf(sums) };
  };
};

const openAmong = (risks: Risks): Observed['risks'] =>
  Object.entries(risks)
    .filter(([, { status }]) => status !== 'closed')
    .map(([riskId, risk]) => ({
      riskId,
      score: scoreOf(risk),
      phases: [...risk.phases],
      accepted: risk.status === 'accepted',
    }));

function addUp(before: Sums, event: SpendEvent): Sums {
  const sums = { ...before, reserved: reservedAfter(before.reserved, event) };
  switch (event.type) {
    case 'BudgetSet':
      return { ...sums, budget: event.data.budget };
    case 'SpendReserved':
      return { ...sums, currency: event.data.amount.currency };
    case 'SpendRecorded': {
      const { cost } = event.data;
      if (cost === null) return { ...sums, unpriced: sums.unpriced + 1 };
      // All prices are of one book, in one currency.
      const [spent = null] = addMoney(sums.spent ? [sums.spent] : [], cost).slice(-1);
      return { ...sums, spent };
    }
    default:
      return sums;
  }
}

function spendOf({ spent, budget, unpriced, reserved, currency }: Sums): Observed['spend'] {
  const left = currency === undefined ? {} : { reserved: money(sumOf(reserved), currency) };
  return { spent, ...left, budget, share: shareOf(spent, budget), unpriced };
}

const PARTS = 10_000n;

/** Rounded up, so that what is over a limit is never taken for what is within. */
function shareOf(spent: Sums['spent'], budget: Sums['budget']): number | null {
  const limit = budget ? nanos(budget) : 0n;
  if (limit <= 0n) return null;
  return Number((nanos(spent ?? { amount: '0' }) * PARTS + limit - 1n) / limit) / Number(PARTS);
}
