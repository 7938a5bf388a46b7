import type { IncomingMessage } from '@surehop/core/internal';
import { expect, test } from 'vitest';
import { Leftovers } from './leftovers.ts';
import type { WaitingNote } from './waiting-message.ts';

const note = (number: number): WaitingNote => ({
  ...{ by: 'x.1', kind: 'copy', number, exchange: '', routingKey: 'steps' },
  ...{ priority: undefined, isSuspect: false, of: '' },
});

function message(messageId: string | undefined, text: string, redelivered = true): IncomingMessage {
  const properties = messageId === undefined ? {} : { messageId };
  const content = Buffer.from(text);
  return {
    ...{ consumerTag: 'c', deliveryTag: 1, redelivered, exchange: '', routingKey: 'steps' },
    ...{ content, properties, headers: {} },
  };
}

test('each copy takes one original, by its id and its body', () => {
  const leftovers = new Leftovers();
  leftovers.add(message('a', 'one'), note(1));
  expect(leftovers.holds(message('a', 'another'))).toBe(false);
  expect(leftovers.holds(message(undefined, 'one'))).toBe(false);
  expect([leftovers.holds(message('a', 'one')), leftovers.holds(message('a', 'one'))]).toEqual([true, false]);
});

// Red without `clear()`: the bodies are kept for as long as the consumer lives.
test('once something is handed out that never was before, no original can come any more', () => {
  const leftovers = new Leftovers();
  leftovers.add(message('a', 'one'), note(1));
  expect(leftovers.holds(message('b', 'two', false))).toBe(false);
  expect(leftovers.holds(message('a', 'one'))).toBe(false);
});

test('a copy that was sent twice is known by its name', () => {
  const leftovers = new Leftovers();
  leftovers.add(message('a', 'one'), note(1));
  expect([leftovers.hasSeen(note(1)), leftovers.hasSeen(note(2))]).toEqual([true, false]);
});
