import { defineStream, type StreamContract } from '@surehop/consumer';
import { createPublisher, type Rabbit } from '@surehop/publisher';
import type { Vhost } from '@surehop/testing';

/** Small segments and a small limit, so that a test can fill them: bodies are numbers, or texts of some size. */
export const events: StreamContract<unknown> = defineStream('events', {
  maxBytes: 1_000_000,
  retry: { delaysMs: [20, 40] },
});

/** Loses all but its newest segments once some 100 messages of 1 kB were published. */
export const shortLog: StreamContract<unknown> = defineStream('short', { maxBytes: 60_000, segmentBytes: 20_000 });

export const numbers = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index);

/** Each confirmed before this resolves. */
export async function publish(
  rabbit: Rabbit,
  stream: StreamContract<unknown>,
  bodies: readonly unknown[],
): Promise<void> {
  await using publisher = createPublisher(rabbit);
  await publisher.publishMany(stream, bodies);
}

/** Until the broker has removed the beginning of the stream. */
export async function overfill(rabbit: Rabbit): Promise<void> {
  const body = 'x'.repeat(1_000);
  for (let round = 0; round < 10; round += 1) {
    await publish(
      rabbit,
      shortLog,
      Array.from({ length: 30 }, () => body),
    );
  }
}

export async function deadBodies(vhost: Vhost, stream: string): Promise<string[]> {
  return (await vhost.get(`${stream}.dead-letter`)).map(({ content }) => content.toString());
}
