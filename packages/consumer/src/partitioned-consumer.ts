import type { CloseOptions, ConsumerHealth, Handler, PartitionedQueue, QueueContract, Rabbit } from '@surehop/core';
import { integer, internalsOf, invalid, kindOf } from '@surehop/core/internal';
import { openConsumer, type QueueConsumer } from './consumer.ts';
import type { ConsumerOptions, RawConsumerOptions } from './consumer-options.ts';
import type { OrderBy } from './message-key.ts';
import { Rebalancing } from './rebalancing.ts';

export interface PartitionedConsumerOptions<Out = unknown> extends Omit<ConsumerOptions<Out>, 'orderBy'> {
  /** As of a consumer. It should give what `queueFor` was given: messages of one key are in one partition then. */
  readonly orderBy: OrderBy<Out>;
  /**
   * How often to look whether this process works on more than its share of the partitions, in milliseconds, 100 to
   * 2^31 - 1; a quarter more or less, by chance.
   * @default 10_000
   */
  readonly rebalanceMs?: number;
}

/** Takes messages from all partitions that are its share. Made by {@link createPartitionedConsumer}. */
export interface PartitionedConsumer extends AsyncDisposable {
  readonly name: string;
  /** As of a consumer, for all partitions. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Lets a halted key go on. @returns false when no such key is halted in this process now */
  release(key: string | number): boolean;
  /** Of each partition, active or waiting to be. */
  health(): readonly ConsumerHealth[];
  /** As of a consumer. Other processes take over what this one worked on. */
  close(options?: CloseOptions): Promise<void>;
}

const defaultRebalanceMs = 10_000;

/**
 * Consumes all partitions of a name, in the order of their keys. Of each, one process is active at a time; the others
 * wait, and take over when it ends. Processes that come later get their share. `concurrency` and `prefetch` are those of
 * one partition.
 *
 * @throws {SurehopError} as `createConsumer` does
 */
export async function createPartitionedConsumer<In, Out>(
  rabbit: Rabbit,
  partitions: PartitionedQueue<In, Out>,
  handler: Handler<Out>,
  options: PartitionedConsumerOptions<Out>,
): Promise<PartitionedConsumer> {
  if (partitions?.kind !== 'partitions') {
    invalid(`the partitions must be what definePartitions returned, got ${kindOf(partitions)}`);
  }
  const { rebalanceMs = defaultRebalanceMs, ...rest } = options;
  integer('rebalanceMs', rebalanceMs, 100, 2 ** 31 - 1);
  const rebalancing = new Rebalancing(internalsOf(rabbit), partitions.members, rebalanceMs);
  const onClosing = (): void => void rebalancing.stop();
  const opened = await Promise.allSettled(
    partitions.queues.map((queue) =>
      openConsumer(rabbit, queue as QueueContract, handler, rest as RawConsumerOptions, onClosing),
    ),
  );
  const consumers = opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const failed = opened.find((one) => one.status === 'rejected');
  if (failed !== undefined) {
    await Promise.all(consumers.map((consumer) => consumer.close({ timeoutMs: 0 })));
    throw failed.reason;
  }
  rebalancing.start(consumers);
  return new Partitions(partitions.name, consumers, rebalancing);
}

class Partitions implements PartitionedConsumer {
  readonly name: string;
  readonly #consumers: readonly QueueConsumer[];
  readonly #rebalancing: Rebalancing;

  constructor(name: string, consumers: readonly QueueConsumer[], rebalancing: Rebalancing) {
    this.name = name;
    this.#consumers = consumers;
    this.#rebalancing = rebalancing;
  }

  async pause(): Promise<void> {
    await Promise.all(this.#consumers.map((consumer) => consumer.pause()));
  }

  async resume(): Promise<void> {
    await Promise.all(this.#consumers.map((consumer) => consumer.resume()));
  }

  release(key: string | number): boolean {
    return this.#consumers.some((consumer) => consumer.release(key));
  }

  health(): readonly ConsumerHealth[] {
    return this.#consumers.map((consumer) => consumer.health());
  }

  async close(options: CloseOptions = {}): Promise<void> {
    await Promise.all(this.#consumers.map((consumer) => consumer.close(options)));
    await this.#rebalancing.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
