import { expect, test } from 'vitest';
import type { DeadMessage } from './dead-message.ts';
import { readDeadMessage } from './dead-message-reading.ts';
import { edited } from './edit.ts';
import type { EditedMessage } from './replay-options.ts';

function dead(id: string, headers: Record<string, unknown> = {}): DeadMessage {
  const way = { consumerTag: '', deliveryTag: 1, redelivered: false, exchange: '', routingKey: 'attic' };
  const all = { tenant: 'a', 'surehop-queue': 'orders', ...headers };
  return readDeadMessage({ ...way, content: Buffer.from('x'), properties: { messageId: id }, headers: all }, 'attic');
}

function newId(message: DeadMessage, edition: EditedMessage): string | undefined {
  return edited(message, () => edition).message.properties.messageId;
}

const edition = { content: Buffer.from('new'), headers: { fixed: true } };

test('the new id is the same as often as the same is made of a message, however often it was delivered', () => {
  const id = newId(dead('1'), edition);
  expect(id).toMatch(/^[\da-f]{8}-[\da-f]{4}-8[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
  expect(newId(dead('1'), { content: Buffer.from('new'), headers: { fixed: true } })).toBe(id);
  expect(newId(dead('1', { 'x-delivery-count': 7, 'surehop-pass': 'r' }), edition)).toBe(id);
  const body = { content: Buffer.from('new') };
  expect(newId(dead('1', { 'x-delivery-count': 7 }), body)).toBe(newId(dead('1'), body));
});

test('another message, or anything else made of it, has another id', () => {
  const others = [
    newId(dead('1'), edition),
    newId(dead('2'), edition),
    newId(dead('1'), { ...edition, content: Buffer.from('other') }),
    newId(dead('1'), { ...edition, headers: { fixed: false } }),
    newId(dead('1'), { ...edition, properties: { type: 'order' } }),
    newId(dead('1'), {}),
  ];
  expect(new Set(others).size).toBe(others.length);
  expect(others).not.toContain('1');
});

test('an editor may give the id itself', () => {
  expect(newId(dead('1'), { properties: { messageId: 'mine' } })).toBe('mine');
});
