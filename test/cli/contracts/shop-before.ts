import { defineExchange, defineQueue } from '@surehop/core';

const shop = defineExchange('shop', { type: 'topic' });

/** As `shop.ts` was before: another limit, a rung more, and a binding more. */
export const orders = defineQueue('orders', {
  deliveryLimit: 20,
  retry: { delaysMs: [500, 1_000, 10_000] },
  bindTo: [
    { exchange: shop, routingKey: 'order.*' },
    { exchange: shop, routingKey: 'old' },
  ],
});

export const gone = defineQueue('gone', { retry: { delaysMs: [1_000] } });
export const left = defineQueue('left', { retry: { delaysMs: [1_000] } });
