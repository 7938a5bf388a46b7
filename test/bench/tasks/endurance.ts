import type { Outcome } from '../assignment.ts';
import { Meter } from './meter.ts';
import { openClient, queueName, type Stage } from './stage.ts';
import { signal, within } from './until.ts';

const inFlight = 1_000;
const prefetch = 500;
const longestMs = 20 * 60_000;

/** Publishes and consumes, and looks at the heap after a collection when a tenth is through, and at the end. */
export async function endurance(stage: Stage): Promise<Outcome> {
  const { pace, bodyBytes } = stage.assignment;
  const queue = queueName(stage, 'delivered');
  const client = await openClient(stage, { queues: [queue], prefetch, inFlight });
  const body = Buffer.alloc(bodyBytes, 'surehop ');
  const through = { handled: 0, wanted: 0, reached: signal() };
  await client.consume(queue, async () => {
    through.handled += 1;
    if (through.handled === through.wanted) through.reached.raise();
  });
  let published = 0;
  const send = async (upTo: number): Promise<void> => {
    through.wanted = upTo;
    through.reached = signal();
    const caller = async (): Promise<void> => {
      while (published < upTo) {
        published += 1;
        await client.publish(queue, body);
      }
    };
    await Promise.all(Array.from({ length: inFlight }, caller));
    if (through.handled >= upTo || (await within(longestMs, through.reached.raised))) return;
    throw new Error(`${upTo} were published, ${through.handled} handled`);
  };
  const tenth = Math.floor(pace.enduranceMessages / 10);
  await send(tenth);
  const heapBefore = heapAfterCollection();
  const meter = new Meter();
  await send(pace.enduranceMessages);
  const sample = meter.read(pace.enduranceMessages - tenth);
  const heapGrownMb = (heapAfterCollection() - heapBefore) / 1e6;
  await client.close();
  return { sample: { ...sample, heapGrownMb }, claims: [{ queue, atLeast: 0, atMost: 2 * prefetch }] };
}

function heapAfterCollection(): number {
  if (globalThis.gc === undefined) throw new Error('node was started without --expose-gc');
  for (let times = 0; times < 3; times += 1) globalThis.gc();
  return process.memoryUsage().heapUsed;
}
