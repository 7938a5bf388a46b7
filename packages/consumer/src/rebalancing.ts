import {
  type Cancel,
  type ChannelListeners,
  type DriverChannel,
  errorFields,
  type RabbitInternals,
  type Topology,
} from '@surehop/core/internal';

/** A consumer of one partition, as far as sharing goes. */
export interface Shared {
  readonly queue: string;
  /** Whether the broker has handed it something since it subscribed: it is the active one then. */
  readonly isFed: boolean;
  /** Deliveries taken and not settled. */
  readonly inHand: number;
  /** Finishes what is at work, gives the rest back, and subscribes anew, behind the others. */
  stepBack(): void;
}

/**
 * Pure: who is to step back, so that this process works on no more than its share of the partitions. Those with the least
 * in hand, since what waits for a retry there starts its attempts anew elsewhere.
 *
 * @param processes how many consume the partitions, this one included
 */
export function surplusOf<T extends Shared>(partitions: readonly T[], processes: number): T[] {
  const active = partitions.filter(({ isFed }) => isFed).toSorted((one, other) => one.inHand - other.inHand);
  const share = Math.ceil(partitions.length / Math.max(1, processes));
  return active.slice(0, Math.max(0, active.length - share));
}

/**
 * Shares partitions among the processes that consume them all. Nobody leads: each is a consumer of one more queue, in which
 * there is never a message, counts the consumers of that, and steps back from what is beyond its share; the broker then
 * activates the next in line. That one consumer at a time is active is the broker's doing: however wrong a count may be, it
 * costs balance, never order.
 */
export class Rebalancing {
  readonly #internals: RabbitInternals;
  readonly #members: string;
  #partitions: readonly Shared[] = [];
  readonly #everyMs: number;
  /** While it is open, this process is counted. */
  #channel: DriverChannel | undefined;
  /** Something spoke against the members' queue: it is asserted again before the next look. */
  #isDoubted = false;
  #cancel: Cancel | undefined;
  #isOver = false;

  /** @param members the queue whose consumers are the processes */
  constructor(internals: RabbitInternals, members: string, everyMs: number) {
    this.#internals = internals;
    this.#members = members;
    this.#everyMs = everyMs;
  }

  start(partitions: readonly Shared[]): void {
    this.#partitions = partitions;
    void this.#run();
  }

  async #run(): Promise<void> {
    if (!this.#isOver) await this.#look();
    const { clock, random } = this.#internals.effects;
    if (this.#isOver) return;
    // At different times in different processes, so that not all of them step back at once.
    this.#cancel = clock.setTimeout(() => void this.#run(), this.#everyMs * (0.75 + random() / 2));
  }

  /** Leaves no timer behind. Never rejects. */
  async stop(): Promise<void> {
    this.#isOver = true;
    this.#cancel?.();
    await this.#channel?.close(this.#deadline()).catch(() => undefined);
  }

  async #look(): Promise<void> {
    const { log } = this.#internals;
    const queue = this.#members;
    try {
      const deadline = this.#deadline();
      this.#channel = this.#channel?.isOpen === true ? this.#channel : await this.#join(deadline);
      if (this.#isOver) return await this.stop(); // meanwhile: it must not go on being counted
      const processes = await this.#channel.countConsumers(queue, deadline);
      if (this.#isOver) return;
      for (const partition of surplusOf(this.#partitions, processes)) {
        log.info({ queue: partition.queue, processes }, 'leaving a partition to another process');
        partition.stepBack();
      }
    } catch (thrown) {
      if (this.#isOver) return;
      this.#isDoubted = true;
      log.warn({ queue, ...errorFields(thrown) }, 'the processes that share partitions could not be counted');
    }
  }

  async #join(deadline: AbortSignal): Promise<DriverChannel> {
    const { consumeLink, effects, options, topology } = this.#internals;
    await topology.ensure(membersTopology(this.#members), deadline, this.#isDoubted);
    this.#isDoubted = false;
    const session = await consumeLink.whenOpen(deadline);
    const channel = await session.openChannel(this.#listeners(), deadline);
    await channel.prefetch(1, deadline);
    await channel.consume(
      this.#members,
      `${options.name.replaceAll(/[^\w.-]/g, '_').slice(0, 100)}-${effects.newId()}`,
      deadline,
    );
    return channel;
  }

  #listeners(): ChannelListeners {
    return {
      onConfirm: nothing,
      onReturn: nothing,
      onDelivery: nothing,
      // Of a queue that was deleted, and perhaps made again since: nobody counts this process there.
      onCancel: () => {
        this.#isDoubted = true;
        void this.#channel?.close(this.#deadline()).catch(nothing);
      },
      onClosed: nothing,
    };
  }

  #deadline(): AbortSignal {
    const { effects, options } = this.#internals;
    return effects.clock.deadline(options.rpcTimeoutMs);
  }
}

/** Classic: of a quorum queue, consumers may be counted late. It holds nothing that could be lost. */
function membersTopology(name: string): Topology {
  const queues = [{ name, arguments: { 'x-queue-type': 'classic' } }];
  return { exchanges: [], queues, bindings: [], existing: [] };
}

const nothing = (): void => undefined;
