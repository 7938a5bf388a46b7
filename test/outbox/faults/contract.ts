import { defineQueue } from '@surehop/outbox';

/** Long enough retries that a database may be away for a while: a dead letter would be an effect that is missing. */
export const orders = defineQueue<{ readonly id: string }>('orders', {
  retry: { delaysMs: [100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000] },
});
