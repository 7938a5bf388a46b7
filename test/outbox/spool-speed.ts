import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { createSpoolingPublisher, type SpoolingPublisher } from '@surehop/outbox';
import { connect, defineQueue } from '@surehop/publisher';
import type { Vhost } from '@surehop/testing';

export interface SpoolSpeed {
  readonly vhost: Vhost;
  readonly folder: string;
  readonly say: (line: string) => void;
}

const orders = defineQueue<string>('orders');
/** 256 bytes as JSON. */
const body = 'x'.repeat(254);

/** What a spool accepts, with the broker away and with it there, beside what one fsync of the same disk takes. */
export async function measureSpool({ vhost, folder, say }: SpoolSpeed): Promise<void> {
  const rabbit = await connect({ url: vhost.url() });
  for (const [name, connection] of [
    ['broker away', new Promise<never>(() => undefined)],
    ['broker there', rabbit],
  ] as const) {
    await using publisher = await createSpoolingPublisher(connection, { file: join(folder, name.replace(' ', '-')) });
    await rate(publisher, 100, 20_000);
    const { callMs, fsyncMs } = await single(publisher, join(folder, 'fsync'));
    const ratio = `${(callMs / fsyncMs).toFixed(2)} times one write of 4 KiB with fdatasync (${fsyncMs.toFixed(3)} ms)`;
    say(`${name}: one call alone ${callMs.toFixed(3)} ms, ${ratio}`);
    for (const together of [1, 10, 100, 1_000]) {
      const messages = together === 1 ? 2_000 : 60_000;
      const commits = publisher.health().commits;
      const lag = new EventLoopLag();
      const perSecond = await rate(publisher, together, messages);
      const per1000 = (1_000 * (publisher.health().commits - commits)) / messages;
      const told = `${Math.round(perSecond)} accepted per second, ${per1000.toFixed(1)} commits per 1,000`;
      say(
        `${name}: ${together} calls at a time: ${told}, event loop held up by ${lag.end().toFixed(1)} ms at the most`,
      );
      await caughtUp(publisher, connection === rabbit);
    }
  }
  await rabbit.close();
}

async function caughtUp(publisher: SpoolingPublisher, isThere: boolean): Promise<void> {
  while (isThere && publisher.health().depth > 0) await new Promise((resolve) => setTimeout(resolve, 50));
}

/** Messages accepted per second, with so many calls always open. */
async function rate(publisher: SpoolingPublisher, together: number, messages: number): Promise<number> {
  const startedAt = performance.now();
  let begun = 0;
  const one = async (): Promise<void> => {
    while (begun < messages) {
      begun += 1;
      await publisher.publish(orders, body);
    }
  };
  await Promise.all(Array.from({ length: together }, one));
  return (1_000 * messages) / (performance.now() - startedAt);
}

/** One call, and one write with an fsync, in turns, so that both meet the same disk. */
async function single(publisher: SpoolingPublisher, file: string): Promise<{ callMs: number; fsyncMs: number }> {
  const at = openSync(file, 'w');
  const page = Buffer.alloc(4_096, 1);
  const [calls, fsyncs]: [number[], number[]] = [[], []];
  for (let turn = 0; turn < 300; turn += 1) {
    const startedAt = performance.now();
    writeSync(at, page, 0, page.length, 4_096 * (turn % 100)); // most writes to a log are where it was before
    fdatasyncSync(at);
    const between = performance.now();
    await publisher.publish(orders, body);
    fsyncs.push(between - startedAt);
    calls.push(performance.now() - between);
  }
  closeSync(at);
  return { callMs: median(calls), fsyncMs: median(fsyncs) };
}

function median(times: number[]): number {
  return times.sort((one, other) => one - other)[Math.floor(times.length / 2)] ?? 0;
}

/** The longest time for which the event loop did not come round. */
class EventLoopLag {
  #longest = 0;
  #last = performance.now();
  readonly #timer: NodeJS.Timeout;

  constructor() {
    this.#timer = setInterval(() => {
      const now = performance.now();
      this.#longest = Math.max(this.#longest, now - this.#last - 1);
      this.#last = now;
    }, 1);
  }

  end(): number {
    clearInterval(this.#timer);
    return this.#longest;
  }
}
