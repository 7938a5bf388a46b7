import { describe, expect, test } from 'vitest';
import type { DeadMessage } from './dead-message.ts';
import { readDeath } from './failure-reading.ts';
import { matcherOf } from './selection.ts';
import { signatureOf } from './signature.ts';

const dead = (id: string, message: string): DeadMessage => {
  const headers = { 'surehop-reason': 'failed', 'surehop-error-message': message };
  return { id, failure: readDeath(headers, 'orders.dead-letter') } as DeadMessage;
};
const [one, two, other] = [dead('1', 'order 42'), dead('2', 'order 43'), dead('3', 'disk full')];
const selected = (selection: unknown) => [one, two, other].filter(matcherOf(selection as never, 0)).map(({ id }) => id);

describe('a selection', () => {
  test('selects by ids, group, filter, or everything', () => {
    expect(selected('all')).toEqual(['1', '2', '3']);
    expect(selected({ ids: ['3', '1', 'unknown'] })).toEqual(['1', '3']);
    expect(selected({ group: signatureOf(one).key })).toEqual(['1', '2']);
    expect(selected({ filter: 'error.message ~ disk' })).toEqual(['3']);
    expect(selected({ filter: 'error.message ~ disk', ids: undefined })).toEqual(['3']);
  });

  test.each([
    [undefined, `a selection must be 'all' or an object`],
    [null, `a selection must be 'all' or an object`],
    ['everything', `a selection must be 'all' or an object`],
    [['1'], 'must be an object, got array'],
    [{}, 'exactly one of ids, group and filter, got none'],
    [{ ids: ['1'], filter: 'id = 1' }, 'got ids and filter'],
    [{ id: '1' }, 'did you mean ids?'],
    [{ ids: [] }, "ids of a selection is empty; 'all' selects everything"],
    [{ ids: '1' }, 'ids of a selection must be an array, got string'],
    [{ ids: ['1', ''] }, 'ids[1] of a selection must be a string that is not empty'],
    [{ ids: [1] }, 'ids[0] of a selection must be a string'],
    [{ group: 'TimeoutError' }, 'must be the key of a group'],
    [{ group: 7 }, 'must be the key of a group'],
    [{ filter: 7 }, 'a filter must be a string'],
  ])('%j is refused: %s', (selection, why) => {
    expect(() => matcherOf(selection as never, 0)).toThrow(why);
    expect(() => matcherOf(selection as never, 0)).toThrow(expect.objectContaining({ code: 'SUREHOP_OPTION_INVALID' }));
  });

  test('with a filter that cannot be read is refused with the place', () => {
    expect(() => matcherOf({ filter: 'id =' }, 0)).toThrow(
      expect.objectContaining({ code: 'SUREHOP_FILTER_INVALID', position: 4 }),
    );
  });
});
