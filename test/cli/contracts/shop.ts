import { defineExchange, defineQueue } from '@surehop/core';

export const lost = defineExchange('shop.lost', { type: 'fanout' });
export const shop = defineExchange('shop', { type: 'topic', alternate: lost });

export const orders = defineQueue('orders', {
  retry: { delaysMs: [1_000, 10_000] },
  bindTo: [{ exchange: shop, routingKey: 'order.*' }],
});

export const others = [defineQueue('mails', { retry: { delaysMs: [5_000] } })];
