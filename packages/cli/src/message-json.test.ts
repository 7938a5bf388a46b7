import { describe, expect, test } from 'vitest';
import { bodyJson } from './message-json.ts';

describe('bodyJson', () => {
  test.each([
    ['{"id":12345678901234567890,"total":1.50}', undefined],
    ['[1e3,-0,"é"]', 'application/json; charset=utf-8'],
    ['{"a":1}', 'application/vnd.order+json'],
  ])('%s passes through unchanged', (text, contentType) => {
    expect(JSON.stringify(bodyJson(Buffer.from(text), contentType))).toBe(`{"body":${text}}`);
  });

  test.each([
    [Buffer.from('no json'), undefined],
    [Buffer.from('{"a":1}'), 'text/plain'],
    [Buffer.from([0x22, 0xff, 0x22]), undefined],
  ])('%j of type %s is bytes', (content, contentType) => {
    expect(bodyJson(content, contentType)).toEqual({ bodyBase64: content.toString('base64') });
  });
});
