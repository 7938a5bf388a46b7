import { invalid, kindOf } from '@surehop/core/internal';
import type { DeadMessage } from './dead-message.ts';
import { FilterError } from './filter/filter-error.ts';
import { Parser } from './filter/parser.ts';
import { Subject } from './filter/subject.ts';

export { FilterError } from './filter/filter-error.ts';

/** A filter that was read. docs/dead-letters.md has the language. */
export interface Filter {
  /** Never throws: what cannot be compared does not match. A regular expression takes the time that it takes. */
  matches(message: DeadMessage): boolean;
}

/** In UTF-16 units: more than a person writes. */
const longest = 10_000;

/**
 * Reads a filter such as `error.name = "TimeoutError" and attempts >= 3 and body.customer.id = 42`.
 *
 * @param now what `-2h` counts from, in milliseconds since the Unix epoch
 * @throws {FilterError} SUREHOP_FILTER_INVALID, with the place
 * @throws {SurehopError} SUREHOP_OPTION_INVALID for what is no text
 */
export function parseFilter(text: string, now: number): Filter {
  if (typeof text !== 'string') invalid(`a filter must be a string, got ${kindOf(text)}`);
  if (text.length > longest) throw new FilterError(`it is longer than ${longest} characters`, text, longest);
  if (text.trim() === '') throw new FilterError('it is empty', text, 0);
  const condition = new Parser(text, now).parse();
  return { matches: (message) => condition(new Subject(message)) };
}
