import { resolve } from 'node:path';
import { defineQueue } from '@surehop/core';
import { expect, test } from 'vitest';
import { resolveSpoolOptions } from './spool-options.ts';

test('undefined means the default, and the file is found from wherever the process goes', () => {
  const resolved = resolveSpoolOptions({
    file: 'spool',
    maxAgeMs: undefined as never,
    contracts: [defineQueue<{ total: number }>('q')],
  });
  expect(resolved).toMatchObject({ file: resolve('spool'), maxAgeMs: 604_800_000, whenFull: 'reject' });
});

test.each([
  [{ file: 1 }, 'file must be a string'],
  [{ file: ':memory:' }, 'file must be the path of a file'],
  [{ file: 'x', maxMessages: 0 }, 'maxMessages must be an integer in [1, 100000000], got 0'],
  [{ file: 'x', maxAgeMs: 999 }, 'maxAgeMs must be an integer of at least 1000'],
  [{ file: 'x', whenFull: 'drop' }, "whenFull must be one of 'reject', 'wait'"],
  [{ file: 'x', retryDelaysMs: [1, 0] }, 'retryDelaysMs[1] must be an integer'],
  [{ file: 'x', retryDelaysMs: 5 }, 'retryDelaysMs must be an array, got number'],
  [{ file: 'x', contracts: [{}] }, 'contracts must be what defineQueue'],
  [{ file: 'x', maxByte: 1 }, 'did you mean maxBytes?'],
])('%j is refused, and the option named', (given, text) => {
  expect(() => resolveSpoolOptions(given as never)).toThrow(
    expect.objectContaining({ code: 'SUREHOP_OPTION_INVALID', message: expect.stringContaining(text) }),
  );
});
