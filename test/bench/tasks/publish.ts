import { setTimeout as sleep } from 'node:timers/promises';
import { type Outcome, publishWarmUpMs } from '../assignment.ts';
import { Meter } from './meter.ts';
import { percentiles } from './percentiles.ts';
import { openClient, queueName, type Stage } from './stage.ts';

/** So many callers, each of which publishes again as soon as its message is confirmed. */
export async function publish(stage: Stage, inFlight: number): Promise<Outcome> {
  const { bodyBytes, pace, hasQueues } = stage.assignment;
  const queue = queueName(stage, 'published');
  const client = await openClient(stage, { queues: [queue], inFlight });
  const body = Buffer.alloc(bodyBytes, 'surehop ');
  const timesMs: number[] = [];
  let isOver = false;
  await client.publish(queue, body); // by then the queue is there, whoever declares it when
  let confirmed = 1;

  const callUntilOver = async (): Promise<void> => {
    while (!isOver) {
      await client.publish(queue, body);
      confirmed += 1;
    }
  };
  const timeUntilOver = async (): Promise<void> => {
    while (!isOver) {
      const calledAt = performance.now();
      await client.publish(queue, body);
      timesMs.push(performance.now() - calledAt);
      confirmed += 1;
    }
  };
  // With many in flight a time is the window over the rate, and reading the clock would be part of the CPU.
  const callers = Promise.all(Array.from({ length: inFlight }, inFlight === 1 ? timeUntilOver : callUntilOver));
  const failure = callers.then(() => undefined);
  await Promise.race([sleep(publishWarmUpMs(pace, inFlight, hasQueues)), failure]);
  const before = confirmed;
  timesMs.length = 0;
  const meter = new Meter();
  await Promise.race([sleep(pace.measureMs), failure]);
  const sample = meter.read(confirmed - before);
  isOver = true;
  await callers;
  await client.close();
  return {
    sample: inFlight === 1 ? { ...sample, ...percentiles(timesMs) } : sample,
    claims: hasQueues ? [{ queue, atLeast: confirmed, atMost: confirmed }] : [],
  };
}
