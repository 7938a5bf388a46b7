import { InvalidArgumentError } from 'commander';

const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `500ms`, `10s`, `1m`, `2h`, `1d` in milliseconds. For `.option('--timeout <duration>', …, durationMs)`. */
export function durationMs(text: string): number {
  const [, digits = '', unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text) ?? [];
  const value = Number(digits) * (unitsMs[unit] ?? Number.NaN);
  if (!Number.isSafeInteger(value)) throw new InvalidArgumentError('A duration looks like 500ms, 10s, 1m, 2h or 1d.');
  return value;
}

/** `1s,10s,1m`, in milliseconds; an empty text is an empty list. */
export function durationsMs(text: string): readonly number[] {
  return text === '' ? [] : text.split(',').map((one) => durationMs(one.trim()));
}

/** An integer from 1 up. */
export function count(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < 1) {
    throw new InvalidArgumentError('It must be an integer of at least 1.');
  }
  return value;
}

/** A number above 0. */
export function positive(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value <= 0)
    throw new InvalidArgumentError('It must be a number above 0.');
  return value;
}

/** `1,2,5,20`, each above 0. */
export function positives(text: string): readonly number[] {
  return text.split(',').map(positive);
}

/** A share from 0 to 1, also as `50%`. */
export function share(text: string): number {
  const value = text.endsWith('%') ? Number(text.slice(0, -1)) / 100 : Number(text);
  if (!/\d/.test(text) || !(value >= 0 && value <= 1))
    throw new InvalidArgumentError('It must be from 0 to 1, or from 0% to 100%.');
  return value;
}

/** An option that may be given more than once: `.option('--id <id>', …, collect)`. */
export function collect(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}
