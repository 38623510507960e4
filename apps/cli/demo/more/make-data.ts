/**
 * Makes the synthetic data of the charters beside it. Same seed, same bytes.
 * Run it to write the files: npx node apps/cli/demo/more/make-data.ts
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

type Chance = () => number;

/** Mulberry32: small, seeded, and good enough for made-up data. From 0 to below 1. */
const chanceOf = (seed: number): Chance => {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
};

/** Normally distributed, by the Box-Muller transform. */
const normal = (chance: Chance, mean: number, deviation: number): number =>
  mean + deviation * Math.sqrt(-2 * Math.log(1 - chance())) * Math.cos(2 * Math.PI * chance());

const pick = <T>(chance: Chance, options: readonly T[]): T => options[Math.floor(chance() * options.length)] as T;

const csv = (rows: readonly Readonly<Record<string, string | number>>[]): string =>
  [Object.keys(rows[0] ?? {}), ...rows.map(Object.values)].map((fields) => `${fields.join(',')}\n`).join('');

const PLANS = [
  { plan: 'basic', price: 9 },
  { plan: 'plus', price: 19 },
  { plan: 'premium', price: 39 },
] as const;

/** Subscribers, and whether they cancelled within the quarter: calls, late payments and falling use make it likelier. */
export const churn = (): string => {
  const chance = chanceOf(7);
  return csv(
    Array.from({ length: 2_000 }, (_, index) => {
      const { plan, price } = pick(chance, PLANS);
      const tenure = Math.ceil(-24 * Math.log(1 - chance()));
      const calls = Math.floor(-1.4 * Math.log(1 - chance()));
      const late = Math.floor(-0.8 * Math.log(1 - chance()));
      const autopay = chance() < 0.6 ? 'yes' : 'no';
      const change = normal(chance, -2, 22);
      const hours = Math.max(0, normal(chance, 18 + price / 3, 8));
      const leaning =
        -1.6 +
        0.55 * calls +
        0.5 * late -
        0.045 * Math.min(tenure, 48) -
        0.035 * change -
        (autopay === 'yes' ? 0.6 : 0);
      return {
        customer_id: `C${String(index + 1).padStart(5, '0')}`,
        region: pick(chance, ['north', 'east', 'south', 'west']),
        plan,
        monthly_price: price,
        tenure_months: tenure,
        autopay,
        support_calls_90d: calls,
        late_payments_12m: late,
        // The meter failed now and then.
        usage_hours_30d: chance() < 0.04 ? '' : hours.toFixed(1),
        usage_change_percent: change.toFixed(1),
        churned: chance() < 1 / (1 + Math.exp(-leaning)) ? 'yes' : 'no',
      };
    }),
  );
};

const DAY_MS = 86_400_000;

/** A cold store's electricity, day by day: it follows the warmth outside, the pallets that come in, and the day before. */
export const energy = (): string => {
  const chance = chanceOf(11);
  const days = Array.from({ length: 1_000 }, (_, index) => {
    const date = new Date(Date.UTC(2022, 0, 1) + index * DAY_MS);
    const season = Math.cos((2 * Math.PI * (index - 200)) / 365.25);
    const weekend = [0, 6].includes(date.getUTCDay());
    return {
      date: date.toISOString().slice(0, 10),
      temperature: normal(chance, 10 + 10 * season, 4),
      pallets: Math.max(0, Math.round(normal(chance, weekend ? 20 : 130, weekend ? 8 : 25))),
    };
  });
  let warmth = 0;
  return csv(
    days.slice(0, -1).map(({ date, temperature, pallets }, index) => {
      const tomorrow = days[index + 1] ?? { temperature, pallets };
      warmth = 0.4 * warmth + 0.6 * Math.max(0, temperature - 2);
      return {
        date,
        outdoor_temperature: temperature.toFixed(1),
        pallets_in: pallets,
        // What is known in the evening about the next day: a forecast that errs by about a degree, and the bookings.
        forecast_temperature_next_day: normal(chance, tomorrow.temperature, 1.2).toFixed(1),
        pallets_booked_next_day: tomorrow.pallets,
        electricity_kwh: normal(chance, 900 + 28 * warmth + 1.9 * pallets, 35).toFixed(0),
      };
    }),
  );
};

if (process.argv[1] === import.meta.filename) {
  writeFileSync(join(import.meta.dirname, 'churn.csv'), churn());
  writeFileSync(join(import.meta.dirname, 'energy.csv'), energy());
}
