import type { ChannelListeners, Driver, DriverChannel, DriverLink } from '@surehop/core/internal';
import type { Channel, Observer } from './observer.ts';

/** The driver, with everything that goes through its channels shown to the observer. */
export function observed(driver: Driver, observer: Observer): Driver {
  return {
    async dial(target, signal) {
      const link = await driver.dial(target, signal);
      return withOpenChannel(link, async (listeners, openSignal) => {
        const channel = observer.opened();
        const opened = await link.openChannel(listening(listeners, channel, observer), openSignal);
        return watching(opened, channel, observer);
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

function watching(channel: DriverChannel, record: Channel, observer: Observer): DriverChannel {
  return {
    get isOpen() {
      return channel.isOpen;
    },
    publish(message) {
      const sequence = channel.publish(message);
      observer.wrote(record, sequence, message);
      return sequence;
    },
    ack(tag, multiple) {
      observer.acknowledged(record, tag, multiple);
      channel.ack(tag, multiple);
    },
    nack(tag, requeue) {
      observer.refused(record, tag, requeue);
      channel.nack(tag, requeue);
    },
    reject(tag, requeue) {
      observer.refused(record, tag, requeue);
      channel.reject(tag, requeue);
    },
    prefetch: (count, signal) => channel.prefetch(count, signal),
    consume: (queue, consumerTag, signal) => channel.consume(queue, consumerTag, signal),
    cancel: (consumerTag, signal) => channel.cancel(consumerTag, signal),
    get: (queue, signal) => channel.get(queue, signal),
    declareQueue: (queue, signal) => channel.declareQueue(queue, signal),
    declareExchange: (exchange, signal) => channel.declareExchange(exchange, signal),
    bind: (binding, signal) => channel.bind(binding, signal),
    checkQueue: (name, signal) => channel.checkQueue(name, signal),
    checkExchange: (name, signal) => channel.checkExchange(name, signal),
    deleteQueue: (name, signal) => channel.deleteQueue(name, signal),
    deleteExchange: (name, signal) => channel.deleteExchange(name, signal),
    close: (signal) => channel.close(signal),
  };
}
