import { defineQueue, type QueueContract, type QueueOptions } from './contract.ts';
import { integer, invalid } from './option-checks.ts';

/** Queues that share the messages of one name, each with a single active consumer. Made by {@link definePartitions}. */
export interface PartitionedQueue<In = unknown, Out = In> {
  readonly kind: 'partitions';
  readonly name: string;
  readonly queues: readonly QueueContract<In, Out>[];
  /** The queue by which the processes that consume them count each other. Nothing is published to it. */
  readonly members: string;
  /**
   * The queue for the messages of this key, always the same for the same number of partitions. A number is taken as its
   * decimal text.
   */
  queueFor(key: string | number): QueueContract<In, Out>;
}

export interface PartitionOptions<In = unknown, Out = In>
  extends Omit<QueueOptions<In, Out>, 'bindTo' | 'singleActiveConsumer'> {
  /** How many queues, 1 to 1,024. Part of their names: another number means other queues. */
  readonly partitions: number;
}

/** So many queues are declared, and consumed by every process, at the most. */
const mostPartitions = 1_024;

/**
 * Describes queues of which each takes the keys of one part, `<name>.<index>-of-<partitions>`, so that several processes
 * can work on one stream of messages and keep the order of each key.
 *
 * @throws {SurehopError} SUREHOP_CONTRACT_INVALID, naming the option
 */
export function definePartitions<In = unknown, Out = In>(
  name: string,
  { partitions, ...options }: PartitionOptions<In, Out>,
): PartitionedQueue<In, Out> {
  integer(`partitions of "${name}"`, partitions, 1, mostPartitions, 'SUREHOP_CONTRACT_INVALID');
  if ('bindTo' in options) {
    // Each binding would give every partition every message.
    invalid(`partitions of "${name}" cannot be bound: publish to queueFor(key)`, 'SUREHOP_CONTRACT_INVALID');
  }
  const queues = Array.from({ length: partitions }, (_, index) =>
    defineQueue<In, Out>(`${name}.${index}-of-${partitions}`, { ...options, singleActiveConsumer: true }),
  );
  return Object.freeze({
    kind: 'partitions',
    name,
    queues: Object.freeze(queues),
    members: `${name}.members-of-${partitions}`,
    queueFor: (key: string | number) => queues[hashOf(String(key)) % partitions] as QueueContract<In, Out>,
  });
}

/** FNV-1a over the bytes of UTF-8, 32 bits: easily written again in any language that publishes to the partitions. */
function hashOf(key: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(key)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}
