import { defineQueue } from '@surehop/core';
import { z } from 'zod';

export const invoices = defineQueue('invoices', {
  schema: z.object({ id: z.string() }),
  retry: { delaysMs: [1_000] },
});
