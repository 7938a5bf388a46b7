import type { Outcome } from '../assignment.ts';
import { Meter } from './meter.ts';
import { openClient, queueName, type Stage } from './stage.ts';
import { signal, within } from './until.ts';

/** Takes from a backlog with an async handler that does nothing, until time is up or the backlog is nearly gone. */
export async function consume(stage: Stage, prefetch: number): Promise<Outcome> {
  const { pace, hasQueues, bodyBytes } = stage.assignment;
  const queue = queueName(stage, 'backlog');
  const client = await openClient(stage, { queues: [queue], prefetch });
  if (hasQueues) {
    await client.publish(queue, Buffer.alloc(bodyBytes)); // by then the queue is there, whoever declares it when
    await stage.run({ errand: 'fill', queue, upTo: pace.backlog });
  }
  const most = hasQueues ? pace.backlog : Number.POSITIVE_INFINITY;
  const isWarm = signal();
  const isNearlyEmpty = signal();
  const warmAt = Math.floor(most * 0.3);
  const emptyAt = most - 2 * prefetch;
  let handled = 0;
  await client.consume(queue, async () => {
    handled += 1;
    if (handled === warmAt) isWarm.raise();
    if (handled === emptyAt) isNearlyEmpty.raise();
  });
  await within(pace.warmUpMs, isWarm.raised);
  const before = handled;
  const meter = new Meter();
  await within(pace.measureMs, isNearlyEmpty.raised);
  const sample = meter.read(handled - before);
  await client.close();
  // Acknowledgements on their way when a channel closes may be lost; what was never acknowledged at all may not.
  const claim = { queue, atLeast: most - handled, atMost: most - handled + 2 * prefetch + 100 };
  return { sample, claims: hasQueues ? [claim] : [] };
}
