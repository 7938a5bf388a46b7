import { defineExchange, defineQueue, defineStream } from '@surehop/core';
import { exchangeTopology, queueTopology, streamTopology } from '@surehop/core/internal';
import { expect, test } from 'vitest';
import { contractOf, definitionOf } from './contract-definition.ts';

const caught = defineExchange('caught', { type: 'fanout' });
const events = defineExchange('events', { type: 'headers', alternate: caught });

test.each([
  defineQueue('plain'),
  defineQueue('classic', { type: 'classic', retry: { delaysMs: [] } }),
  defineQueue('bound', {
    deliveryLimit: 7,
    retry: { delaysMs: [5, 50] },
    bindTo: [
      { exchange: events, headers: { 'x-match': 'any', kind: Buffer.from([1, 2]), $odd: 1 } },
      { exchange: defineExchange('topics', { type: 'topic' }), routingKey: 'a.#' },
    ],
  }),
])('of queue $name everything that is declared is kept, and bodies go through as they are', (contract) => {
  const revived = contractOf(definitionOf(contract), 'text/plain');
  expect(revived.kind === 'queue' && queueTopology(revived)).toEqual(queueTopology(contract));
  expect(revived).toMatchObject({ schema: undefined, codec: { contentType: 'text/plain' } });
  const content = new Uint8Array([1]);
  expect(revived.codec.encode(content)).toBe(content);
});

test('of an exchange, its alternates too', () => {
  const revived = contractOf(definitionOf(events), 'text/plain');
  expect(revived.kind === 'exchange' && exchangeTopology(revived)).toEqual(exchangeTopology(events));
});

test.each([
  defineStream('aged', { maxAgeMs: 60_000, retry: { delaysMs: [5] } }),
  defineStream('bounded', { maxBytes: 9_000_000 }),
  defineStream('kept', { keepForever: true }),
])('of stream $name everything that is declared is kept', (contract) => {
  const revived = contractOf(definitionOf(contract), 'text/plain');
  expect(revived.kind === 'stream' && streamTopology(revived)).toEqual(streamTopology(contract));
  expect(revived).toMatchObject({ schema: undefined, codec: { contentType: 'text/plain' } });
});
