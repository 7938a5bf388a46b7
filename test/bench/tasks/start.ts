import { setTimeout as sleep } from 'node:timers/promises';
import type { Outcome } from '../assignment.ts';
import { Meter, peakMemoryMb } from './meter.ts';
import { openClient, queueName, type Stage } from './stage.ts';

/** From the import to the first confirmed publish. Where a library declares on first use, the last part has it. */
export async function start(stage: Stage): Promise<Outcome> {
  const queue = queueName(stage, 'published');
  const meter = new Meter();
  const times = [performance.now()];
  await stage.load();
  times.push(performance.now());
  const client = await openClient(stage, { queues: [queue] });
  times.push(performance.now());
  await client.publish(queue, Buffer.alloc(stage.assignment.bodyBytes));
  times.push(performance.now());
  const startCpuMs = meter.cpuUs() / 1_000;
  const [begin = 0, loaded = 0, opened = 0, published = 0] = times;
  await client.close();
  return {
    sample: {
      totalMs: published - begin,
      importMs: loaded - begin,
      openMs: opened - loaded,
      firstPublishMs: published - opened,
      startCpuMs,
      peakMemoryMb: peakMemoryMb(),
    },
    claims: [{ queue, atLeast: 1, atMost: 1 }],
  };
}

/** Connected and subscribed, with nothing to do: heartbeats and timers. */
export async function idle(stage: Stage): Promise<Outcome> {
  const { pace, bodyBytes } = stage.assignment;
  const queue = queueName(stage, 'delivered');
  const client = await openClient(stage, { queues: [queue] });
  await client.consume(queue, async () => undefined);
  await client.publish(queue, Buffer.alloc(bodyBytes));
  await sleep(pace.warmUpMs);
  const meter = new Meter();
  await sleep(pace.idleMs);
  const idleCpuMsPerS = meter.cpuUs() / pace.idleMs;
  await client.close();
  return { sample: { idleCpuMsPerS, peakMemoryMb: peakMemoryMb() }, claims: [{ queue, atLeast: 0, atMost: 1 }] };
}
