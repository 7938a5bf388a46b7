import { SurehopError } from './errors.ts';

/** Which mistake a failed check reports: a wrong option of a call, or a contract that cannot be used. */
export type CheckCode = 'SUREHOP_OPTION_INVALID' | 'SUREHOP_CONTRACT_INVALID';

/** Throws a `SurehopError` that the same call, unchanged, would meet again. */
export function invalid(message: string, code: CheckCode = 'SUREHOP_OPTION_INVALID'): never {
  throw new SurehopError(code, message, { retryable: false });
}

/** A whole number in [min, max]. */
export function integer(
  option: string,
  value: unknown,
  min: number,
  max: number = Number.MAX_SAFE_INTEGER,
  code?: CheckCode,
): asserts value is number {
  if (Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max) return;
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `in [${min}, ${max}]`;
  invalid(`${option} must be an integer ${range}, got ${shown(value)}`, code);
}

/** A number in [min, max], whole or not. */
export function number(
  option: string,
  value: unknown,
  min: number,
  max: number,
  code?: CheckCode,
): asserts value is number {
  if (typeof value === 'number' && value >= min && value <= max) return;
  invalid(`${option} must be a number in [${min}, ${max}], got ${shown(value)}`, code);
}

export function boolean(option: string, value: unknown, code?: CheckCode): asserts value is boolean {
  if (typeof value !== 'boolean') invalid(`${option} must be true or false, got ${shown(value)}`, code);
}

export function oneOf<T extends string>(
  option: string,
  value: unknown,
  allowed: readonly T[],
  code?: CheckCode,
): asserts value is T {
  if (allowed.includes(value as T)) return;
  invalid(`${option} must be one of ${allowed.map((one) => `'${one}'`).join(', ')}, got ${shown(value)}`, code);
}

export function nonEmptyString(option: string, value: unknown, code?: CheckCode): asserts value is string {
  if (typeof value === 'string' && value !== '') return;
  invalid(`${option} must be a string that is not empty, got ${value === '' ? 'an empty one' : shown(value)}`, code);
}

export function functionOption(option: string, value: unknown, code?: CheckCode): void {
  if (typeof value !== 'function') invalid(`${option} must be a function, got ${shown(value)}`, code);
}

/**
 * Refuses what is no plain set of options and every option nobody reads: a misspelt one would silently do nothing.
 *
 * @param what whose options they are, for example `queue "orders"`
 */
export function knownKeys(what: string, given: unknown, allowed: readonly string[], code?: CheckCode): void {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    invalid(`the options of ${what} must be an object, got ${shown(given)}`, code);
  }
  for (const key of Object.keys(given)) {
    if (allowed.includes(key)) continue;
    const near = nearest(key, allowed);
    const advice = near.length > 0 ? `did you mean ${near.join(' or ')}?` : `known are ${allowed.join(', ')}`;
    invalid(`${what} has no option "${key.slice(0, 60)}": ${advice}`, code);
  }
}

/** What kind of value it is, without the value: that may be a secret or a payload. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value !== 'object') return typeof value;
  if (Array.isArray(value)) return 'array';
  const name: unknown = Object.getPrototypeOf(value)?.constructor?.name;
  return typeof name === 'string' && name !== '' && name !== 'Object' ? name : 'object';
}

/** Numbers, booleans and short plain words as they are; of anything that might hold a secret only the kind. */
function shown(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (typeof value === 'string' && /^[\w .-]{1,40}$/.test(value)) return `'${value}'`;
  return kindOf(value);
}

function nearest(key: string, allowed: readonly string[]): string[] {
  const wanted = key.slice(0, 60).toLowerCase();
  const distances = allowed.map((name) => ({ name, distance: editDistance(wanted, name.toLowerCase()) }));
  const close = distances.filter(({ distance }) => distance <= Math.max(2, wanted.length / 2));
  return close
    .sort((one, other) => one.distance - other.distance)
    .slice(0, 2)
    .map(({ name }) => name);
}

/** Levenshtein's distance, one row at a time. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let i = 1; i <= from.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= to.length; j += 1) {
      const changed = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(changed, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}
