// The same file in every service that publishes or handles orders.
import { defineQueue } from '@surehop/consumer';
import { z } from 'zod';

const order = z.object({
  id: z.string().min(1).max(200),
  email: z.email(),
  item: z.string().min(1).max(200),
  quantity: z.int().min(1).max(1_000),
});

export type Order = z.infer<typeof order>;

export const orders = defineQueue('orders', {
  schema: order,
  retry: { delaysMs: [1_000, 10_000, 60_000, 600_000] }, // then the queue orders.dead-letter
});
