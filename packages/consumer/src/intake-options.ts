import type { RabbitInternals, Topology } from '@surehop/core/internal';
import type { Gate } from './gate.ts';
import type { Order } from './order.ts';
import type { Work } from './work.ts';

export interface IntakeOptions {
  readonly internals: RabbitInternals;
  readonly queue: string;
  readonly topology: Topology;
  readonly work: Work;
  /** Where order matters: decides when deliveries start. */
  readonly gate?: Gate | undefined;
  /** Undefined where messages are handled in any order. */
  readonly order: Order | undefined;
  readonly concurrency: number;
  readonly prefetch: number;
  readonly drainTimeoutMs: number;
  /** Quorum queues only; undefined for a queue without delivery counts. */
  readonly deliveryLimit: number | undefined;
  /** The same, where what comes near it may be killing its consumers. */
  readonly suspectLimit: number | undefined;
  /** Whether nobody can make the queue when it is missing. */
  readonly isForeign: boolean;
  /** Whether the first delivery is looked at alone. */
  readonly isCautious: boolean;
}
