import type { Spread } from './statistics.ts';

/** Three digits that mean something, with commas above a thousand. */
export function shortNumber(value: number): string {
  if (Math.abs(value) >= 1_000) return Math.round(value).toLocaleString('en');
  if (Math.abs(value) >= 100) return value.toFixed(0);
  if (Math.abs(value) >= 10) return value.toFixed(1);
  return value.toFixed(2);
}

/** `12.7 [9.43..17.9]`, or the value alone where there was one round. */
export function spreadText({ median, min, max }: Spread): string {
  return min === max ? shortNumber(median) : `${shortNumber(median)} [${shortNumber(min)}..${shortNumber(max)}]`;
}
