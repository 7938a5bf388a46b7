import type { Outcome } from '../assignment.ts';
import { Meter } from './meter.ts';
import { atRate } from './pacer.ts';
import { percentiles } from './percentiles.ts';
import { openClient, queueName, type Stage } from './stage.ts';
import { signal, within } from './until.ts';

/** Prefetch is no limit at these rates. */
const prefetch = 200;
const longestWaitMs = 10_000;

/** From the call of publish to the start of the handler, in one process, whose clock both use. */
export async function latency(stage: Stage, perSecond: number): Promise<Outcome> {
  const { pace, bodyBytes } = stage.assignment;
  const queue = queueName(stage, 'delivered');
  const client = await openClient(stage, { queues: [queue], prefetch, inFlight: perSecond / 100 });
  let timesMs: number[] = [];
  let published = 0;
  let handled = 0;
  const failed = Promise.withResolvers<void>();
  const allCame = signal();
  let isOver = false;
  await client.consume(queue, async (body) => {
    timesMs.push(performance.now() - new DataView(body.buffer, body.byteOffset).getFloat64(0));
    handled += 1;
    if (isOver && handled === published) allCame.raise();
  });
  const publish = (): Promise<unknown> => {
    const body = Buffer.alloc(bodyBytes);
    body.writeDoubleBE(performance.now());
    published += 1;
    return client.publish(queue, body);
  };
  const call = (): void => void publish().catch(failed.reject);
  await publish(); // what is done on first use has been done
  await Promise.race([atRate(perSecond, pace.warmUpMs, call), failed.promise]);
  timesMs = [];
  const before = published;
  const meter = new Meter();
  await Promise.race([atRate(perSecond, pace.measureMs, call), failed.promise]);
  const sample = meter.read(published - before);
  isOver = true;
  if (handled < published && !(await within(longestWaitMs, allCame.raised))) {
    throw new Error(`${published} were published, ${handled} handled`);
  }
  await client.close();
  return { sample: { ...sample, ...percentiles(timesMs) }, claims: [{ queue, atLeast: 0, atMost: 2 * prefetch }] };
}
