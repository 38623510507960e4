import type { EventOf, Money } from '@vt/contracts';
import type { TicketId } from '@vt/kernel';
import { nanos } from './money.ts';

export type SpendEvent = EventOf<
  | 'SpendRecorded'
  | 'BudgetSet'
  | 'BudgetWarned'
  | 'BudgetExhausted'
  | 'SpendReserved'
  | 'ReservationRefused'
  | 'ReservationReleased'
>;

/** What a ticket may spend, and whose it is. */
export type Reservation = Pick<
  EventOf<'ReservationRefused'>['data'],
  'trainId' | 'ticketId' | 'phase' | 'attempt' | 'agent' | 'amount'
>;

export interface Spend {
  readonly budget: Money | undefined;
  readonly spent: bigint;
  readonly metered: ReadonlySet<string>;
  readonly warned: boolean;
  readonly exhausted: boolean;
  /** By ticket, what is left of that which was reserved for it. */
  readonly reserved: ReadonlyMap<TicketId, bigint>;
  /** Those that there was not enough left for, in their order. */
  readonly refused: ReadonlyMap<TicketId, Reservation>;
  /** Tickets that spend no more. */
  readonly over: ReadonlySet<TicketId>;
}

export const NOTHING_SPENT: Spend = {
  budget: undefined,
  spent: 0n,
  metered: new Set(),
  warned: false,
  exhausted: false,
  reserved: new Map(),
  refused: new Map(),
  over: new Set(),
};

export const sumOf = (reserved: Spend['reserved']): bigint =>
  [...reserved.values()].reduce((sum, left) => sum + left, 0n);

/** What an event does to the spending of a train. */
export function evolveSpend(state: Spend, event: SpendEvent): Spend {
  const reserved = reservedAfter(state.reserved, event);
  switch (event.type) {
    case 'BudgetSet':
      return { ...state, budget: event.data.budget, warned: false, exhausted: false };
    case 'SpendRecorded': {
      const { cost, source } = event.data;
      const metered = new Set([...state.metered, source]);
      return { ...state, spent: state.spent + (cost ? nanos(cost) : 0n), metered, reserved };
    }
    case 'BudgetWarned':
      return { ...state, warned: true };
    case 'BudgetExhausted':
      return { ...state, exhausted: true };
    case 'SpendReserved':
      return { ...state, reserved, refused: without(state.refused, event.data.ticketId) };
    case 'ReservationRefused': {
      const { trainId, ticketId, phase, attempt, agent, amount } = event.data;
      const reservation = { trainId, ticketId, phase, attempt, agent, amount };
      return { ...state, refused: new Map([...state.refused, [ticketId, reservation]]) };
    }
    case 'ReservationReleased': {
      const { ticketId } = event.data;
      const over = new Set([...state.over, ticketId]);
      return { ...state, over, reserved, refused: without(state.refused, ticketId) };
    }
  }
}

/** What is spent is reserved no more. A ticket may spend more than was reserved for it. */
export function reservedAfter(reserved: Spend['reserved'], event: SpendEvent): Spend['reserved'] {
  switch (event.type) {
    case 'SpendReserved':
      return new Map([...reserved, [event.data.ticketId, nanos(event.data.amount)]]);
    case 'SpendRecorded': {
      const { ticketId, cost } = event.data;
      const left = reserved.get(ticketId);
      if (left === undefined || cost === null) return reserved;
      const spent = nanos(cost);
      return new Map([...reserved, [ticketId, left > spent ? left - spent : 0n]]);
    }
    case 'ReservationReleased':
      return without(reserved, event.data.ticketId);
    default:
      return reserved;
  }
}

const without = <Key, Value>(map: ReadonlyMap<Key, Value>, key: Key): ReadonlyMap<Key, Value> =>
  map.has(key) ? new Map([...map].filter(([other]) => other !== key)) : map;
