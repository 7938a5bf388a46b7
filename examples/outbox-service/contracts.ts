// The same file in the service that takes orders and in every worker that handles them.
import { defineQueue } from '@surehop/outbox';
import { z } from 'zod';

const order = z.object({
  id: z.string().min(1).max(200),
  item: z.string().min(1).max(200),
  quantity: z.int().min(1).max(1_000),
});

export type Order = z.infer<typeof order>;

export const orders = defineQueue('orders-to-ship', {
  schema: order,
  retry: { delaysMs: [1_000, 10_000, 60_000, 600_000] }, // then the queue orders-to-ship.dead-letter
});
