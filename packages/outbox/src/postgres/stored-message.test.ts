import fc from 'fast-check';
import { expect, test } from 'vitest';
import { headersText, messageOf } from './stored-message.ts';

function stored(headers: string | null): unknown {
  const columns = {
    position: '1',
    message_id: 'm',
    key: null,
    exchange: '',
    routing_key: 'q',
    attempts: 0,
    set_aside: false,
    delay_ms: null,
  };
  return messageOf({ ...columns, content: new Uint8Array(), properties: '{}', headers }).headers;
}

test('headers come out as they went in, bytes at any depth included', () => {
  const leaf = fc.oneof(
    fc.string(),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  );
  const value = fc.letrec((tie) => ({
    value: fc.oneof(
      leaf,
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(fc.string({ minLength: 1 }), tie('value'), { maxKeys: 3 }),
    ),
  })).value;
  fc.assert(
    fc.property(fc.dictionary(fc.string({ minLength: 1 }), value), (given) => {
      const headers = { ...given }; // a plain object, as core makes them
      expect(stored(headersText(headers))).toEqual(headers);
    }),
  );
});

test('no headers are none', () => {
  expect(headersText(undefined)).toBeNull();
  expect(stored(null)).toBeUndefined();
});
