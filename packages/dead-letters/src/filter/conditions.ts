import { compareNumbers, isNumeric } from './exact-numbers.ts';
import type { Field } from './fields.ts';
import { type Literal, numberIn, type Stretch } from './literals.ts';
import type { Subject } from './subject.ts';

/** One part of a filter. Never throws: what cannot be compared does not match. */
export type Condition = (subject: Subject) => boolean;

export type Comparison = '=' | '!=' | '<' | '<=' | '>' | '>=';

/** How two values that can be compared may stand to each other. `!=` is what is not `=`, also where they cannot be. */
const holds: Readonly<Record<Comparison, (order: number | undefined) => boolean>> = {
  '=': (order) => order === 0,
  '!=': (order) => order !== 0,
  '<': (order) => order !== undefined && order < 0,
  '<=': (order) => order !== undefined && order <= 0,
  '>': (order) => order !== undefined && order > 0,
  '>=': (order) => order !== undefined && order >= 0,
};

export function compared({ read }: Field, comparison: Comparison, literal: Literal): Condition {
  const isSo = holds[comparison];
  return (subject) => isSo(order(read(subject), literal));
}

export function comparedInTime({ read }: Field, comparison: Comparison, stretch: Stretch): Condition {
  const isSo = holds[comparison];
  return (subject) => {
    const at = read(subject);
    if (typeof at !== 'number') return isSo(undefined);
    return isSo(at < stretch.from ? -1 : at < stretch.to ? 0 : 1);
  };
}

/** Whether its text has this in it, in upper or lower case. */
export function containing(field: Field, text: string): Condition {
  const wanted = text.toLowerCase();
  return (subject) => shownText(field, subject)?.toLowerCase().includes(wanted) ?? false;
}

/** @param regex without memory: neither global nor sticky */
export function matching(field: Field, regex: RegExp): Condition {
  return (subject) => {
    const text = shownText(field, subject);
    return text !== undefined && regex.test(text);
  };
}

export function existing({ read }: Field): Condition {
  return (subject) => read(subject) !== undefined;
}

/**
 * Below, equal or above 0; undefined where they cannot be compared. A bare number is a number to numbers and, where they
 * hold one, to strings; quoted text is text, and no number.
 */
function order(value: unknown, { text, number, constant }: Literal): number | undefined {
  if (typeof value === 'string') {
    if (value === text) return 0;
    const own = number === undefined ? undefined : numberIn(value);
    if (number === undefined) return value < text ? -1 : 1;
    return own === undefined ? undefined : compareNumbers(own, number);
  }
  if (isNumeric(value)) return number === undefined ? undefined : compareNumbers(value, number);
  return constant !== undefined && value === constant ? 0 : undefined;
}

/** Of strings, numbers and booleans; a moment as ISO 8601. */
function shownText({ kind, read }: Field, subject: Subject): string | undefined {
  const value = read(subject);
  if (typeof value === 'string') return value;
  if (kind === 'moment' && typeof value === 'number') return new Date(value).toISOString();
  return isNumeric(value) || typeof value === 'boolean' ? String(value) : undefined;
}
