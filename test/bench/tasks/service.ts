import { setTimeout as sleep } from 'node:timers/promises';
import type { Outcome } from '../assignment.ts';
import { Meter } from './meter.ts';
import { openClient, queueName, type Stage } from './stage.ts';
import { signal, within } from './until.ts';

/** Consumes, waits 1 ms as for a database, publishes two messages, and acknowledges when both are confirmed. */
export async function service(stage: Stage, concurrency: number): Promise<Outcome> {
  const { pace, bodyBytes } = stage.assignment;
  const incoming = queueName(stage, 'backlog');
  const outgoing = queueName(stage, 'outgoing');
  const client = await openClient(stage, {
    queues: [incoming, outgoing],
    prefetch: concurrency,
    inFlight: 2 * concurrency,
  });
  const body = Buffer.alloc(bodyBytes, 'surehop ');
  await client.publish(incoming, body);
  await client.publish(outgoing, body);
  await stage.run({ errand: 'fill', queue: incoming, upTo: pace.backlog });
  const isNearlyEmpty = signal();
  const emptyAt = pace.backlog - 2 * concurrency;
  let handled = 0;
  let confirmed = 1;
  const publish = async (): Promise<void> => {
    await client.publish(outgoing, body);
    confirmed += 1;
  };
  await client.consume(incoming, async () => {
    await sleep(1);
    await Promise.all([publish(), publish()]);
    handled += 1;
    if (handled === emptyAt) isNearlyEmpty.raise();
  });
  await within(pace.warmUpMs, isNearlyEmpty.raised);
  const before = handled;
  const meter = new Meter();
  await within(pace.measureMs, isNearlyEmpty.raised);
  const sample = meter.read(handled - before);
  await client.close();
  const left = pace.backlog - handled;
  return {
    sample,
    claims: [
      { queue: incoming, atLeast: left, atMost: left + 2 * concurrency + 100 },
      // What was on its way when the client was closed may have been stored without a confirm.
      { queue: outgoing, atLeast: confirmed, atMost: confirmed + 2 * concurrency },
    ],
  };
}
