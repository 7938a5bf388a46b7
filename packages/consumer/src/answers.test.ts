import { type IncomingMessage, type RabbitInternals, systemEffects } from '@surehop/core/internal';
import { expect, test } from 'vitest';
import { encodeAnswer } from './answer-encoding.ts';
import { Answers } from './answers.ts';

/** On a link that is down. */
function answersInVain(): { readonly answers: Answers; readonly warnings: string[] } {
  const warnings: string[] = [];
  const silent = (): void => undefined;
  const internals = {
    publishLink: { whenOpen: () => new Promise(silent) },
    effects: systemEffects,
    options: { rpcTimeoutMs: 1_000, confirmStallMs: 1_000 },
    log: {
      debug: silent,
      info: silent,
      error: silent,
      warn: (_fields: unknown, message: string) => warnings.push(message),
    },
  } as unknown as RabbitInternals;
  return { answers: new Answers({ internals, queue: 'orders', codec: undefined }), warnings };
}

const request = {
  content: new Uint8Array(0),
  properties: { replyTo: 'mine', messageId: 'one' },
  headers: { 'surehop-answer': 'wanted' },
} as unknown as IncomingMessage;

test('keeps 10,000 answers while the broker is away, drops further ones, and says so once', () => {
  const { answers, warnings } = answersInVain();
  for (let count = 0; count < 10_000; count += 1) answers.handled(request, count);
  expect(answers.waiting).toBe(10_000);
  expect(warnings).toEqual([]);
  for (let count = 0; count < 10; count += 1) answers.handled(request, count);
  expect(answers.waiting).toBe(10_000);
  expect(warnings).toEqual(['too many answers wait to be sent; no more are kept until these are through']);
});

test('keeps 64 MiB of them, and a single one whatever its size', () => {
  const { answers } = answersInVain();
  const large = new Uint8Array(15 * 1_024 * 1_024);
  for (let count = 0; count < 10; count += 1) answers.handled(request, large);
  expect(answers.waiting).toBe(4);
});

test('what is too large for a broker is not sent', () => {
  expect(() => encodeAnswer(undefined, new Uint8Array(16 * 1_024 * 1_024 + 1))).toThrow(
    'the answer has 16777217 bytes, the limit is 16777216',
  );
  const codec = { contentType: 'text/plain', encode: () => 'text' as never, decode: String };
  expect(() => encodeAnswer(codec, 1)).toThrow('the codec must give a Uint8Array, it gave string');
  expect(encodeAnswer(undefined, undefined)).toBeUndefined();
});
