import type { ReceivedMessage } from '@surehop/core';
import { type Clock, isDeadLetter } from '@surehop/core/internal';
import { expect, test } from 'vitest';
import { createMemoryInbox } from './memory-inbox.ts';

function message(messageId: string | undefined, body = 'x', queue = 'orders'): ReceivedMessage<string> {
  const log = { info: () => undefined };
  const properties = messageId === undefined ? {} : { messageId };
  return { properties, content: Buffer.from(body), body, queue, log } as unknown as ReceivedMessage<string>;
}

test('a message is handled once; another queue, or another handler, handles it too', async () => {
  const handled: string[] = [];
  const inbox = createMemoryInbox();
  const handler = inbox.handle<string>(({ queue }) => void handled.push(queue));
  for (const queue of ['a', 'a', 'b', 'a']) await handler(message('m', 'x', queue));
  expect(handled).toEqual(['a', 'b']);
});

test('a duplicate waits for the first one, and is handled if that one fails', async () => {
  const ends: { resolve: () => void; reject: (error: Error) => void }[] = [];
  const handler = createMemoryInbox().handle<string>(
    () => new Promise<void>((resolve, reject) => ends.push({ resolve, reject })),
  );
  const [first, second, third] = [handler(message('m')), handler(message('m')), handler(message('m'))];
  await Promise.resolve();
  expect(ends).toHaveLength(1);
  ends[0]?.reject(new Error('failed'));
  await expect(first).rejects.toThrow('failed');
  await expect.poll(() => ends.length).toBe(2);
  ends[1]?.resolve();
  await Promise.all([second, third]);
  expect(ends).toHaveLength(2);
});

test('another body under the same id, and a message without an id, are dead letters', async () => {
  const handler = createMemoryInbox().handle<string>(() => undefined);
  await handler(message('m', 'one'));
  const reused = await Promise.resolve(handler(message('m', 'two'))).catch((error: unknown) => error);
  expect(isDeadLetter(reused) && reused.message).toContain('SUREHOP_MESSAGE_ID_REUSED');
  const nameless = await Promise.resolve(handler(message(undefined))).catch((error: unknown) => error);
  expect(isDeadLetter(nameless) && nameless.message).toContain('SUREHOP_MESSAGE_ID_MISSING');
});

test('[idOf] says what tells messages apart', async () => {
  const handled: string[] = [];
  const handler = createMemoryInbox({ idOf: ({ body }) => String(body) }).handle<string>(
    ({ body }) => void handled.push(body),
  );
  for (const body of ['a', 'b', 'a']) await handler(message(undefined, body));
  expect(handled).toEqual(['a', 'b']);
});

test('[max] [ttlMs] what is too many or too old is forgotten', async () => {
  let now = 1;
  let handled = 0;
  const inbox = createMemoryInbox({ max: 2, ttlMs: 100, clock: { now: () => now } as Clock });
  const handler = inbox.handle<string>(() => {
    handled += 1;
  });
  for (const id of ['a', 'b', 'c', 'a']) await handler(message(id));
  expect(handled).toBe(4);
  expect(inbox.size).toBe(2);
  now += 101;
  expect(inbox.size).toBe(0);
  await handler(message('a'));
  expect(handled).toBe(5);
});

test('refuses options that nobody reads or that are out of range', () => {
  const code = expect.objectContaining({ code: 'SUREHOP_OPTION_INVALID' });
  expect(() => createMemoryInbox({ max: 0 })).toThrow(code);
  expect(() => createMemoryInbox({ ttl: 1 } as never)).toThrow(code);
  expect(() => createMemoryInbox().handle(undefined as never)).toThrow(code);
});
