import { type ExactNumber, exactly } from './exact-numbers.ts';
import type { Token } from './tokens.ts';

/** A value that a filter's text names, in all that it can mean. */
export interface Literal {
  readonly text: string;
  /** Where it is written as a bare number. */
  readonly number: ExactNumber | undefined;
  /** `true`, `false` and `null`, written bare. */
  readonly constant: boolean | null | undefined;
}

/** A stretch of time: from a moment on, up to another one. A day is 24 hours long, a minute 60 seconds. */
export interface Stretch {
  readonly from: number;
  readonly to: number;
}

const constants: Readonly<Record<string, boolean | null>> = { true: true, false: false, null: null };
const decimal = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i;

export function literalOf(token: Extract<Token, { kind: 'word' | 'string' }>): Literal {
  const { text, kind } = token;
  if (kind === 'string') return { text, number: undefined, constant: undefined };
  const constant = Object.hasOwn(constants, text) ? constants[text] : undefined;
  return { text, number: numberIn(text), constant };
}

/** Of decimal digits, whoever wrote them; undefined for anything else. */
export function numberIn(text: string): ExactNumber | undefined {
  return decimal.test(text) ? exactly(text) : undefined;
}

const unitMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
const relative = /^-(\d{1,9}(?:\.\d{1,3})?)([smhdw])$/;
const date = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(:\d\d)?(\.\d{1,9})?(Z|[+-]\d\d:\d\d)?)?$/i;

/**
 * A moment before now (`-2h`, in s, m, h, d or w), or ISO 8601: without a zone it is UTC, and what it leaves out is a
 * stretch, so that `2026-03-01` is the whole day. Undefined for anything else.
 */
export function stretchOf(text: string, now: number): Stretch | undefined {
  const [, amount, unit = ''] = relative.exec(text) ?? [];
  if (amount !== undefined) return lasting(now - Number(amount) * (unitMs[unit] ?? 0), 1);
  const [, day, minutes, seconds, fraction, zone = 'Z'] = date.exec(text) ?? [];
  if (day === undefined || (fraction !== undefined && seconds === undefined)) return undefined;
  if (minutes === undefined) return lasting(Date.parse(`${day}T00:00Z`), unitMs.d);
  const from = Date.parse(`${day}T${minutes}${seconds ?? ':00'}${fraction ?? ''}${zone.toUpperCase()}`);
  if (seconds === undefined) return lasting(from, unitMs.m);
  return lasting(from, fraction === undefined ? unitMs.s : 1);
}

function lasting(from: number, ms: number | undefined): Stretch | undefined {
  return Number.isNaN(from) || ms === undefined ? undefined : { from, to: from + ms };
}
