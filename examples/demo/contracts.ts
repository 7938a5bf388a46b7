import { defineQueue } from '@surehop/publisher';
import { z } from 'zod';

/** Any JSON object is taken for an order, so that the demo runs on whatever events there are. */
export const orders = defineQueue('orders', {
  schema: z.looseObject({}),
  retry: { delaysMs: [100, 500, 2_000] },
});
