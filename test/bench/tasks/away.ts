import { setTimeout as sleep } from 'node:timers/promises';
import type { Outcome } from '../assignment.ts';
import { memoryBound } from './memory-bound.ts';
import { peakMemoryMb } from './meter.ts';
import { openClient, queueName, type Stage } from './stage.ts';

/** Publishes without waiting while the broker is away, and looks at what that does to the memory. */
export async function away(stage: Stage, messages: number): Promise<Outcome> {
  const { pace, bodyBytes } = stage.assignment;
  const queue = queueName(stage, 'published');
  const client = await openClient(stage, { queues: [queue], inFlight: messages, memoryBound });
  await client.publish(queue, Buffer.alloc(bodyBytes));
  await stage.run({ errand: 'take-broker-away' });
  const rssBefore = keptRss();
  let peak = rssBefore;
  let refused = 0;
  let confirmed = 0;
  const watch = setInterval(() => {
    peak = Math.max(peak, keptRss());
  }, 10);
  for (let count = 0; count < messages; count += 1) {
    client.publish(queue, Buffer.alloc(bodyBytes, count)).then(
      () => (confirmed += 1),
      () => (refused += 1),
    );
    if (count % 100 === 0) await sleep(1); // as requests come in
  }
  await sleep(pace.measureMs);
  clearInterval(watch);
  if (confirmed > 0) throw new Error(`${confirmed} messages were confirmed while the broker was away`);
  const memoryGrownMb = (Math.max(peak, keptRss()) - rssBefore) / 1e6;
  const sample = { memoryGrownMb, heldMessages: messages - refused, refusedMessages: refused };
  return { sample: { ...sample, peakMemoryMb: peakMemoryMb() }, claims: [] };
}

/** Without what was refused and nobody has collected yet: that is the caller's, and as much as the collector likes. */
function keptRss(): number {
  if (globalThis.gc === undefined) throw new Error('node was started without --expose-gc');
  globalThis.gc();
  return process.memoryUsage().rss;
}
