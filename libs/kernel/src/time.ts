import { z } from 'zod';
import { Instant } from './ids.ts';

const SECONDS = { s: 1, m: 60, h: 3_600, d: 86_400 } as const;
const SHORT = /^(\d{1,6})([smhd])$/;
const ISO = /^P(?=.)(?:(\d{1,6})D)?(?:T(?=\d)(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,6})S)?)?$/;
const SOME = `(?=.*[1-9])(?:${SHORT.source.slice(1, -1)}|${ISO.source.slice(1, -1)})`;

/** A length of time: `4h`, `30m`, `2d`, or ISO 8601 such as `PT4H` or `P1DT12H`; more than nothing, and no months. */
export const Duration = z
  .string()
  .regex(new RegExp(`^${SOME}$`), 'a duration, such as 4h, 30m, 2d or PT4H')
  .brand<'Duration'>();
export type Duration = z.infer<typeof Duration>;

/** Milliseconds of a duration. */
export function msOf(length: Duration): number {
  const [, count, unit] = SHORT.exec(length) ?? [];
  // The pattern leaves no other unit.
  if (count !== undefined) return Number(count) * SECONDS[unit as keyof typeof SECONDS] * 1_000;
  const [, days = 0, hours = 0, minutes = 0, seconds = 0] = ISO.exec(length) ?? [];
  return (Number(days) * SECONDS.d + Number(hours) * SECONDS.h + Number(minutes) * SECONDS.m + Number(seconds)) * 1_000;
}

/** The moment so long after another. */
export const after = (start: Instant, length: Duration): Instant =>
  Instant.parse(new Date(Date.parse(start) + msOf(length)).toISOString());

/** Whether a moment has come. */
export const isOver = (moment: Instant, now: Instant): boolean => Date.parse(moment) <= Date.parse(now);

/** The earliest of some moments. */
export const earliest = (moments: readonly Instant[]): Instant | undefined =>
  moments.reduce<Instant | undefined>((first, each) => (first && isOver(first, each) ? first : each), undefined);
