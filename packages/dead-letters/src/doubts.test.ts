import type { IncomingMessage } from '@surehop/core/internal';
import { expect, test } from 'vitest';
import { Doubts } from './doubts.ts';

function message(id: string | undefined, given: Partial<IncomingMessage> = {}): IncomingMessage {
  return {
    consumerTag: 'c',
    deliveryTag: 1,
    redelivered: true,
    exchange: '',
    routingKey: 'q',
    content: Buffer.from('body'),
    properties: id === undefined ? {} : { messageId: id },
    headers: { a: 1, b: 2 },
    ...given,
  };
}

function doubting(...settled: IncomingMessage[]): Doubts {
  const doubts = new Doubts(100);
  for (const one of settled) doubts.settled(one);
  doubts.lost(1_000);
  return doubts;
}

test('what was settled on a lost channel is known again, once for each time', () => {
  const doubts = doubting(message('1'), message('2'), message('2'));
  expect(['1', '1', '2', '2', '2', '3'].map((id) => doubts.isAgain(message(id)))).toEqual([
    true,
    false,
    true,
    true,
    false,
    false,
  ]);
  expect(doubts.areThere).toBe(false);
});

test('the counts that the broker adds, and the order it brings with them, change nothing', () => {
  const again = message('1', { headers: { b: 2, 'x-delivery-count': 3, a: 1, 'x-acquired-count': 4 } });
  expect(doubting(message('1')).isAgain(again)).toBe(true);
});

test.each([
  ['was not delivered before', message('1', { redelivered: false })],
  ['has another body', message('1', { content: Buffer.from('other') })],
  [
    'has another header, as a copy that came back',
    message('1', { headers: { a: 1, b: 2, 'surehop-replayed-count': 1 } }),
  ],
  ['has no id', message(undefined)],
])('a message that %s is another one', (_name, other) => {
  expect(doubting(message('1'), message(undefined)).isAgain(other)).toBe(false);
});

test('it remembers no more than may be unknown, and no longer', () => {
  const doubts = new Doubts(2);
  for (const id of ['1', '2', '3', '4', '5']) doubts.settled(message(id));
  doubts.lost(2);
  expect(doubts.isAgain(message('1'))).toBe(false);
  expect(doubts.isAgain(message('5'))).toBe(true);
  expect(doubts.isAgain(message('4'))).toBe(false);
});
