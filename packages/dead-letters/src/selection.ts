import { invalid, kindOf, knownKeys, nonEmptyString } from '@surehop/core/internal';
import type { DeadMessage } from './dead-message.ts';
import { parseFilter } from './filter.ts';
import { signatureOf } from './signature.ts';

/**
 * Which dead letters an action is about: some by their ids, a group by its key, those that a filter takes, or all.
 *
 * A filter is text, for example `error.name = "TimeoutError" and attempts >= 3 and body.customer.id = 42`.
 */
export type Selection =
  | { readonly ids: readonly string[] }
  | { readonly group: string }
  | { readonly filter: string }
  | 'all';

/** Whether a message is one of the selected. Never throws. */
export type Matcher = (message: DeadMessage) => boolean;

/**
 * @param now what a filter's `-2h` counts from, in milliseconds since the Unix epoch
 * @throws {SurehopError} SUREHOP_OPTION_INVALID, before anything is done, for what is no selection or selects nothing
 * @throws {FilterError} SUREHOP_FILTER_INVALID, with the place
 */
export function matcherOf(selection: Selection, now: number): Matcher {
  if (selection === 'all') return () => true;
  const kinds = ['ids', 'group', 'filter'] as const;
  if (typeof selection !== 'object' || selection === null) {
    invalid(`a selection must be 'all' or an object with ids, group or filter, got ${kindOf(selection)}`);
  }
  knownKeys('a selection', selection, kinds);
  const given = kinds.filter((kind) => (selection as Record<string, unknown>)[kind] !== undefined);
  if (given.length !== 1) {
    const got = given.length === 0 ? 'none' : given.join(' and ');
    invalid(`a selection must have exactly one of ids, group and filter, got ${got}`);
  }
  if ('ids' in selection && given[0] === 'ids') return withIds(selection.ids);
  if ('group' in selection && given[0] === 'group') return ofGroup(selection.group);
  const filter = parseFilter((selection as { filter: string }).filter, now);
  return (message) => filter.matches(message);
}

function withIds(ids: readonly string[]): Matcher {
  if (!Array.isArray(ids)) invalid(`ids of a selection must be an array, got ${kindOf(ids)}`);
  if (ids.length === 0) invalid("ids of a selection is empty; 'all' selects everything");
  for (const [index, id] of ids.entries()) nonEmptyString(`ids[${index}] of a selection`, id);
  const wanted = new Set(ids);
  return ({ id }) => wanted.has(id);
}

function ofGroup(key: string): Matcher {
  if (typeof key !== 'string' || !/^[0-9a-f]{12}$/.test(key)) {
    invalid('group of a selection must be the key of a group, twelve digits as groups() gives it');
  }
  return (message) => signatureOf(message).key === key;
}
