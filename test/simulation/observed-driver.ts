import type {
  BindingDeclaration,
  ChannelListeners,
  Driver,
  DriverChannel,
  DriverLink,
  ExchangeDeclaration,
  IncomingMessage,
  OutgoingMessage,
  QueueDeclaration,
} from '@surehop/core/internal';
import type { Channel, Observer } from './observer.ts';

/** The driver, with everything that goes through its channels shown to the observer. */
export function observed(driver: Driver, observer: Observer): Driver {
  return {
    async dial(target, signal) {
      const link = await driver.dial(target, signal);
      return withOpenChannel(link, async (listeners, openSignal) => {
        const channel = observer.opened();
        const opened = await link.openChannel(listening(listeners, channel, observer), openSignal);
        return new ObservedChannel(opened, channel, observer);
      });
    },
  };
}

function withOpenChannel(link: DriverLink, openChannel: DriverLink['openChannel']): DriverLink {
  return {
    serverVersion: link.serverVersion,
    frameMax: link.frameMax,
    openChannel,
    onBlocked: (listener) => link.onBlocked(listener),
    onUnblocked: (listener) => link.onUnblocked(listener),
    onClosed: (listener) => link.onClosed(listener),
    updateSecret: (secret, signal) => link.updateSecret(secret, signal),
    close: (signal) => link.close(signal),
    destroy: (cause) => link.destroy(cause),
  };
}

function listening(listeners: ChannelListeners, channel: Channel, observer: Observer): ChannelListeners {
  return {
    onConfirm(sequence, multiple, stored) {
      observer.confirmed(channel, sequence, multiple, stored);
      listeners.onConfirm(sequence, multiple, stored);
    },
    onReturn(messageId, replyCode, replyText) {
      observer.returned(channel, messageId);
      listeners.onReturn(messageId, replyCode, replyText);
    },
    onDelivery(message) {
      observer.delivered(channel, message);
      listeners.onDelivery(message);
    },
    onCancel: (consumerTag) => listeners.onCancel(consumerTag),
    onClosed(cause) {
      observer.closed(channel);
      listeners.onClosed(cause);
    },
  };
}

/** A class: an object literal with a getter is a shape of its own each time, which keeps its run from the garbage collector. */
class ObservedChannel implements DriverChannel {
  readonly #channel: DriverChannel;
  readonly #record: Channel;
  readonly #observer: Observer;

  constructor(channel: DriverChannel, record: Channel, observer: Observer) {
    this.#channel = channel;
    this.#record = record;
    this.#observer = observer;
  }

  get isOpen(): boolean {
    return this.#channel.isOpen;
  }

  publish(message: OutgoingMessage): number {
    const sequence = this.#channel.publish(message);
    this.#observer.wrote(this.#record, sequence, message);
    return sequence;
  }

  ack(tag: number, multiple: boolean): void {
    this.#observer.acknowledged(this.#record, tag, multiple);
    this.#channel.ack(tag, multiple);
  }

  nack(tag: number, requeue: boolean, multiple = false): void {
    if (multiple) throw new Error('nobody has given back several at once so far: the observer does not know it');
    this.#observer.refused(this.#record, tag, requeue);
    this.#channel.nack(tag, requeue);
  }

  reject(tag: number, requeue: boolean): void {
    this.#observer.refused(this.#record, tag, requeue);
    this.#channel.reject(tag, requeue);
  }

  pauseReading(forMs: number): void {
    this.#channel.pauseReading(forMs);
  }

  prefetch(count: number, signal: AbortSignal): Promise<void> {
    return this.#channel.prefetch(count, signal);
  }

  consume(...asked: Parameters<DriverChannel['consume']>): Promise<void> {
    return this.#channel.consume(...asked);
  }

  cancel(consumerTag: string, signal: AbortSignal): Promise<void> {
    return this.#channel.cancel(consumerTag, signal);
  }

  get(queue: string, signal: AbortSignal): Promise<IncomingMessage | undefined> {
    return this.#channel.get(queue, signal);
  }

  declareQueue(queue: QueueDeclaration, signal: AbortSignal): Promise<void> {
    return this.#channel.declareQueue(queue, signal);
  }

  declareExchange(exchange: ExchangeDeclaration, signal: AbortSignal): Promise<void> {
    return this.#channel.declareExchange(exchange, signal);
  }

  bind(binding: BindingDeclaration, signal: AbortSignal): Promise<void> {
    return this.#channel.bind(binding, signal);
  }

  checkQueue(name: string, signal: AbortSignal): Promise<number> {
    return this.#channel.checkQueue(name, signal);
  }

  countConsumers(queue: string, signal: AbortSignal): Promise<number> {
    return this.#channel.countConsumers(queue, signal);
  }

  checkExchange(name: string, signal: AbortSignal): Promise<void> {
    return this.#channel.checkExchange(name, signal);
  }

  deleteQueue(name: string, signal: AbortSignal): Promise<void> {
    return this.#channel.deleteQueue(name, signal);
  }

  deleteExchange(name: string, signal: AbortSignal): Promise<void> {
    return this.#channel.deleteExchange(name, signal);
  }

  close(signal: AbortSignal): Promise<void> {
    return this.#channel.close(signal);
  }
}
