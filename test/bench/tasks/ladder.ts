import type { Outcome } from '../assignment.ts';
import type { Client } from '../client.ts';
import { ladderDelaysMs } from '../workloads.ts';
import { Meter } from './meter.ts';
import { atRate } from './pacer.ts';
import { percentiles } from './percentiles.ts';
import { openClient, queueName, type Stage } from './stage.ts';
import { signal, within } from './until.ts';

const longestMs = 60_000;

/** Follows numbered messages, each of which fails once per delay before it is done. */
class Followed {
  /** How much later than its delay each retry came, in milliseconds. */
  readonly errorsMs: number[] = [];
  completed = 0;
  handled = 0;
  readonly #failures: number[] = [];
  readonly #failedAt: number[] = [];
  readonly #done = signal();
  readonly #expected: () => number;
  readonly #warm = signal();
  readonly #warmAt: number;

  /** @param warmAt after so many calls of the handler, code is compiled */
  constructor(expected: () => number, warmAt = 0) {
    this.#expected = expected;
    this.#warmAt = warmAt;
  }

  async untilWarm(): Promise<void> {
    if (!(await within(longestMs, this.#warm.raised)))
      throw new Error(`${this.handled} calls in ${longestMs / 1_000} s`);
  }

  readonly handle = async (body: Uint8Array): Promise<void> => {
    const number = new DataView(body.buffer, body.byteOffset).getUint32(0);
    const failures = this.#failures[number] ?? 0;
    this.handled += 1;
    if (this.handled === this.#warmAt) this.#warm.raise();
    const delayMs = ladderDelaysMs[failures - 1];
    if (delayMs !== undefined) this.errorsMs.push(performance.now() - (this.#failedAt[number] ?? 0) - delayMs);
    if (failures < ladderDelaysMs.length) {
      this.#failures[number] = failures + 1;
      this.#failedAt[number] = performance.now();
      throw new Error('not this time');
    }
    this.completed += 1;
    if (this.completed === this.#expected()) this.#done.raise();
  };

  async untilDone(): Promise<void> {
    if (this.completed === this.#expected()) return;
    if (await within(longestMs, this.#done.raised)) return;
    throw new Error(`${this.completed} of ${this.#expected()} messages came through in ${longestMs / 1_000} s`);
  }
}

/**
 * A backlog of messages, as fast as it goes; messages that are done per second. Others have gone the whole way before,
 * or what a second and a third failure run through would be compiled in the time that counts. A retry goes behind the
 * backlog, so that all messages fail for the first time, then for the second: what is measured begins after as many
 * failures as there are messages.
 */
export async function ladder(stage: Stage, prefetch: number): Promise<Outcome> {
  const { pace, bodyBytes } = stage.assignment;
  const messages = pace.ladderMessages;
  const { client, queue } = await openLadder(stage, prefetch);
  await client.publish(queue, Buffer.alloc(bodyBytes)); // number 0, and the queue is there
  let followed = new Followed(() => pace.ladderWarmUp);
  await stage.run({ errand: 'fill', queue, upTo: pace.ladderWarmUp });
  await client.consume(queue, (body) => followed.handle(body));
  const warmAt = performance.now() + pace.ladderWarmUpMs;
  await followed.untilDone();
  while (performance.now() < warmAt) {
    followed = new Followed(() => pace.ladderWarmUp);
    await stage.run({ errand: 'fill', queue, upTo: pace.ladderWarmUp });
    await followed.untilDone();
  }
  followed = new Followed(() => messages, messages);
  await stage.run({ errand: 'fill', queue, upTo: messages });
  await followed.untilWarm();
  const [meter, before] = [new Meter(), followed.handled];
  await followed.untilDone();
  const callsPerMessage = ladderDelaysMs.length + 1;
  const sample = meter.read((followed.handled - before) / callsPerMessage);
  await client.close();
  return { sample, claims: [emptied(queue, prefetch)] };
}

/** A trickle of messages, so that what is measured is the delay and not a queue in front of a busy consumer. */
export async function delay(stage: Stage, perSecond: number): Promise<Outcome> {
  const { pace, bodyBytes } = stage.assignment;
  const prefetch = 200;
  const { client, queue } = await openLadder(stage, prefetch);
  let published = 0;
  let isOver = false;
  const failed = Promise.withResolvers<void>();
  const followed = new Followed(() => (isOver ? published : Number.POSITIVE_INFINITY));
  await client.consume(queue, followed.handle);
  const publish = (): Promise<unknown> => {
    const body = Buffer.alloc(bodyBytes);
    body.writeUInt32BE(published);
    published += 1;
    return client.publish(queue, body);
  };
  const call = (): void => void publish().catch(failed.reject);
  await publish(); // what is done on first use has been done
  const meter = new Meter();
  await Promise.race([atRate(perSecond, pace.measureMs, call), failed.promise]);
  isOver = true;
  await followed.untilDone();
  const sample = meter.read(published);
  await client.close();
  return { sample: { ...sample, ...percentiles(followed.errorsMs) }, claims: [emptied(queue, prefetch)] };
}

async function openLadder(stage: Stage, prefetch: number): Promise<{ client: Client; queue: string }> {
  const queue = queueName(stage, 'retried');
  const setup = { queues: [queue], prefetch, inFlight: prefetch, retryDelaysMs: ladderDelaysMs };
  return { client: await openClient(stage, setup), queue };
}

function emptied(queue: string, prefetch: number) {
  return { queue, atLeast: 0, atMost: 2 * prefetch };
}
