import { describe, expect, test } from 'vitest';
import { accepts, type Codec, isJson, jsonCodec } from './codec.ts';

describe('jsonCodec', () => {
  test.each([{ id: '42', total: 9.5 }, [1, null], 'Grüße 👋', 0, false, null])('brings %j back as it was', (body) => {
    expect(jsonCodec.decode(jsonCodec.encode(body))).toEqual(body);
  });

  const circular: { self?: unknown } = {};
  circular.self = circular;
  const throwing = {
    toJSON(): never {
      throw new Error('not me');
    },
  };
  test.each([undefined, () => 1, Symbol('x'), 1n, { amount: 1n }, circular, throwing])(
    'refuses a body that has no JSON (%#)',
    (body) => {
      expect(() => jsonCodec.encode(body)).toThrow(
        expect.objectContaining({ code: 'SUREHOP_BODY_UNENCODABLE', retryable: false }),
      );
    },
  );

  test('keeps what toJSON threw as the cause', () => {
    expect(() => jsonCodec.encode(throwing)).toThrow(
      expect.objectContaining({ cause: expect.objectContaining({ message: 'not me' }) }),
    );
  });

  test('bytes that are no UTF-8 are refused, not replaced', () => {
    expect(() => jsonCodec.decode(Buffer.from([0x22, 0xff, 0x22]))).toThrow(TypeError);
    expect(() => jsonCodec.decode(Buffer.from('{"id":'))).toThrow(SyntaxError);
    expect(() => jsonCodec.decode(Buffer.of())).toThrow(SyntaxError);
  });
});

test.each([
  [undefined, true],
  ['', true],
  ['application/json', true],
  ['Application/JSON; charset=utf-8', true],
  ['application/cloudevents+json', true],
  ['application/json-seq', false],
  ['text/plain', false],
  ['application/octet-stream', false],
])('isJson(%j) is %j', (contentType, expected) => {
  expect(isJson(contentType)).toBe(expected);
});

test('a codec accepts its own content type, and what came without one', () => {
  const codec: Codec = { ...jsonCodec, contentType: 'application/x-protobuf' };
  expect([undefined, '', 'application/X-protobuf; v=1'].every((type) => accepts(codec, type))).toBe(true);
  expect(accepts(codec, 'application/json')).toBe(false);
  expect(accepts(jsonCodec, 'application/problem+json')).toBe(true);
});
