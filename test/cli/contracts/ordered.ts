import { defineQueue } from '@surehop/core';

export const steps = defineQueue<{ account: string; step: number }>('steps', {
  singleActiveConsumer: true,
  retry: { delaysMs: [600_000] },
});
