import { type Codec, defineQueue, type QueueContract } from '@surehop/core';
import { describe, expect, test } from 'vitest';
import { checkBody, encodeBody } from './body.ts';

const circular: Record<string, unknown> = {};
circular.self = circular;

function schemaThat(validate: (value: unknown) => unknown): NonNullable<QueueContract['schema']> {
  return { '~standard': { version: 1, vendor: 'test', validate } } as NonNullable<QueueContract['schema']>;
}

describe('a body', () => {
  test.each([
    ['circular', circular],
    ['a BigInt inside', { total: 1n }],
    ['undefined', undefined],
    [
      'a toJSON that throws',
      {
        toJSON: () => {
          throw new Error('no');
        },
      },
    ],
  ])('that cannot be encoded is refused: %s', (_what, body) => {
    expect(() => encodeBody(defineQueue('orders'), body)).toThrow(
      expect.objectContaining({ code: 'SUREHOP_BODY_UNENCODABLE', retryable: false }),
    );
  });

  test('whose codec throws, or gives no bytes, is refused', () => {
    const codec: Codec = {
      contentType: 'text/plain',
      encode: (value) => value as Uint8Array,
      decode: (value) => value,
    };
    const throwing: Codec = {
      ...codec,
      encode: () => {
        throw new TypeError('not mine');
      },
    };
    expect(() => encodeBody(defineQueue('orders', { codec }), 'text')).toThrow(
      'must give a Uint8Array, it gave string',
    );
    expect(() => encodeBody(defineQueue('orders', { codec: throwing }), 1)).toThrow(
      expect.objectContaining({ code: 'SUREHOP_BODY_UNENCODABLE', cause: expect.any(TypeError) }),
    );
  });

  test('is checked at once by a schema that answers at once', () => {
    const schema = schemaThat((value) =>
      value === 1 ? { value } : { issues: [{ message: 'not one', path: ['a', 0] }] },
    );
    expect(checkBody(defineQueue('orders', { schema }), 1)).toBeUndefined();
    expect(() => checkBody(defineQueue('orders', { schema }), 2)).toThrow(
      'queue "orders" does not fit its schema: a[0]: not one',
    );
  });

  test('is checked later by a schema that answers later, and nobody need look at the answer', async () => {
    const schema = schemaThat(async () => ({ issues: [{ message: 'no' }] }));
    const checked = checkBody(defineQueue('orders', { schema }), 1);
    expect(checked).toBeInstanceOf(Promise);
    await expect(checked).rejects.toMatchObject({ code: 'SUREHOP_BODY_INVALID' });
    void checkBody(defineQueue('orders', { schema }), 2); // an unhandled rejection would fail the run
  });
});
