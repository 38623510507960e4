import type { Cell } from './content.ts';

const grouped = (digits: string): string => digits.replace(/\B(?=(\d{3})+(?!\d))/g, ',');

/**
 * A number for people. With `digits` it has exactly that many decimals; without, a whole number stays whole and another
 * keeps four significant digits. Thousands are grouped from 10,000 on, so that years stay years.
 */
export const formatNumber = (value: number, digits?: number): string => {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'n/a' : value > 0 ? '∞' : '−∞';
  const text =
    digits !== undefined
      ? value.toFixed(digits)
      : Number.isInteger(value)
        ? String(value)
        : String(Number(value.toPrecision(4)));
  if (text.includes('e')) return text;
  const [whole = '', decimals] = text.replace('-', '').split('.');
  const sign = Number(text) < 0 ? '−' : '';
  return sign + (whole.length > 4 ? grouped(whole) : whole) + (decimals === undefined ? '' : `.${decimals}`);
};

/** A share as a percentage: 0.1234 is `12.3 %`. */
export const formatPercent = (share: number, digits = 1): string => `${formatNumber(share * 100, digits)} %`;

/** `EUR 25,000.00`, with the decimals that the amount was written with. */
export const formatMoney = ({ amount, currency }: { amount: string; currency: string }): string => {
  const [whole = '', decimals] = amount.split('.');
  return `${currency} ${grouped(whole)}${decimals === undefined ? '' : `.${decimals}`}`;
};

export const formatCell = (cell: Cell): string => {
  if (cell === null || cell === undefined || cell === '') return '–';
  if (typeof cell === 'number') return formatNumber(cell);
  if (typeof cell === 'boolean') return cell ? 'yes' : 'no';
  return cell;
};
