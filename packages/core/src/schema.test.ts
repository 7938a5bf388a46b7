import type { StandardSchemaV1 } from '@standard-schema/spec';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type Codec, jsonCodec } from './codec.ts';
import { type BodyRule, decodeBody, validate } from './schema.ts';

const order = z.object({ items: z.array(z.object({ price: z.number() })), note: z.string().default('') });

function schemaOf(check: (value: unknown) => unknown): StandardSchemaV1 {
  return { '~standard': { version: 1, vendor: 'test', validate: check as never } };
}

describe('validate()', () => {
  test('gives what the schema made of the value, without a promise where the schema gave none', () => {
    expect(validate(order, { items: [] }, 'the body')).toEqual({ items: [], note: '' });
  });

  test('waits for a schema that checks asynchronously', async () => {
    const exists = z.string().refine(async (id) => id === '42');
    const result = validate(
      schemaOf((value) => exists['~standard'].validate(value)),
      '42',
      'the body',
    );
    expect(result).toBeInstanceOf(Promise);
    expect(await result).toBe('42');
    const refused = validate(
      schemaOf((value) => exists['~standard'].validate(value)),
      '43',
      'the body',
    );
    await expect(refused).rejects.toMatchObject({ code: 'SUREHOP_BODY_INVALID' });
  });

  test('the error says where the value breaks the schema', () => {
    expect(() => validate(order, { items: [{ price: 'much' }] }, 'the body for queue "orders"')).toThrow(
      expect.objectContaining({
        name: 'BodyInvalidError',
        message: expect.stringMatching(/^the body for queue "orders" does not fit its schema: items\[0\]\.price: /),
        issues: [expect.objectContaining({ path: 'items[0].price' })],
      }),
    );
  });

  test('path segments may be objects and symbols, and a path may be missing', () => {
    const path = [{ key: 'a' }, { key: 0 }, Symbol('s')];
    const schema = schemaOf(() => ({ issues: [{ message: 'no', path }, { message: 'at all' }] }));
    expect(() => validate(schema, 1, 'the body')).toThrow(
      expect.objectContaining({
        issues: [
          { path: 'a[0].Symbol(s)', message: 'no' },
          { path: '', message: 'at all' },
        ],
      }),
    );
  });

  test('a validator that throws, rejects or answers nonsense refuses the body, with its error as the cause', async () => {
    const cause = new Error('no database');
    const refusal = expect.objectContaining({ code: 'SUREHOP_BODY_INVALID', cause });
    const throwing = schemaOf(() => {
      throw cause;
    });
    expect(() => validate(throwing, 1, 'the body')).toThrow(refusal);
    const rejecting = schemaOf(() => Promise.reject(cause));
    await expect(validate(rejecting, 1, 'the body')).rejects.toEqual(refusal);
    const silent = schemaOf(() => undefined);
    expect(() => validate(silent, 1, 'the body')).toThrow(expect.objectContaining({ code: 'SUREHOP_BODY_INVALID' }));
  });
});

describe('decodeBody()', () => {
  const rule: BodyRule = { codec: jsonCodec, schema: order };
  const unchecked: BodyRule = { codec: jsonCodec, schema: undefined };
  const content = Buffer.from('{"items":[]}');

  test('hands over what the schema made of the body, at once where the schema answers at once', () => {
    expect(decodeBody(rule, 'application/json', content)).toEqual({ ok: true, body: { items: [], note: '' } });
    expect(decodeBody(rule, undefined, content)).toEqual({ ok: true, body: { items: [], note: '' } });
  });

  test('without a schema hands over what was decoded', () => {
    expect(decodeBody(unchecked, 'application/json', content)).toEqual({ ok: true, body: { items: [] } });
  });

  test('another content type gives the bytes, unless a schema would have to check them', () => {
    expect(decodeBody(unchecked, 'text/plain', content)).toEqual({ ok: true, body: content });
    expect(decodeBody(rule, 'text/plain', content)).toMatchObject({
      ok: false,
      reason: 'undecodable',
      error: {
        code: 'SUREHOP_BODY_INVALID',
        message: 'content type "text/plain" is not the contract\'s application/json',
      },
    });
  });

  test('bytes that the codec cannot read are undecodable, schema or not', () => {
    for (const one of [rule, unchecked]) {
      expect(decodeBody(one, 'application/json', Buffer.from('{'))).toMatchObject({
        ok: false,
        reason: 'undecodable',
        error: { cause: expect.any(SyntaxError) },
      });
    }
  });

  test('a body that does not fit is invalid', async () => {
    expect(decodeBody(rule, undefined, Buffer.from('{}'))).toMatchObject({ ok: false, reason: 'invalid' });
    const later: BodyRule = { codec: jsonCodec, schema: schemaOf(async () => ({ issues: [{ message: 'no' }] })) };
    expect(await decodeBody(later, undefined, content)).toMatchObject({ ok: false, reason: 'invalid' });
  });

  test('waits for a schema that checks asynchronously', async () => {
    const later: BodyRule = { codec: jsonCodec, schema: schemaOf(async () => ({ value: 42 })) };
    expect(await decodeBody(later, undefined, content)).toEqual({ ok: true, body: 42 });
  });

  test("[codec] a contract's own codec reads its own content type", () => {
    const codec: Codec = { contentType: 'text/plain', encode: () => Buffer.of(), decode: (bytes) => String(bytes) };
    expect(decodeBody({ codec, schema: undefined }, 'text/plain', Buffer.from('hi'))).toEqual({ ok: true, body: 'hi' });
  });
});
