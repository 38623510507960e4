import type { Money } from '@vt/contracts';

/** Amounts are counted in billionths of the currency's unit, as whole numbers, so that no sum is rounded. */
const DIGITS = 9;

export const nanos = ({ amount }: Pick<Money, 'amount'>): bigint => {
  const [whole, fraction = ''] = amount.split('.');
  return BigInt(`${whole}${fraction.slice(0, DIGITS).padEnd(DIGITS, '0')}`);
};

/** Back to a decimal, without trailing zeros, but never with fewer than two digits after the point. */
export const money = (value: bigint, currency: string): Money => {
  const digits = String(value < 0n ? -value : value).padStart(DIGITS + 1, '0');
  const fraction = digits.slice(-DIGITS).replace(/0+$/, '').padEnd(2, '0');
  return { amount: `${value < 0n ? '-' : ''}${digits.slice(0, -DIGITS)}.${fraction}`, currency };
};
