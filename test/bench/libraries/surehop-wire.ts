import { amqplibDriver, type ChannelListeners, type DialTarget, type DriverChannel } from '@surehop/core/internal';
import type { Client, Setup } from '../client.ts';

const soon = (): AbortSignal => AbortSignal.timeout(10_000);

const nothing: ChannelListeners = {
  onConfirm: () => undefined,
  onReturn: () => undefined,
  onDelivery: () => undefined,
  onCancel: () => undefined,
  onClosed: () => undefined,
};

/**
 * Our wire alone, with no publisher or consumer on it: the least that a message costs us. No id, no deadline, no bound, and
 * what is on its way when the connection ends is lost.
 */
export async function open({ url, queues, queueType, prefetch }: Setup): Promise<Client> {
  const link = await amqplibDriver().dial(targetOf(url), soon());
  let oldest = 1;
  const unconfirmed = new Map<number, () => void>();
  const settle = (sequence: number): void => {
    unconfirmed.get(sequence)?.();
    unconfirmed.delete(sequence);
  };
  const onConfirm = (sequence: number, multiple: boolean): void => {
    if (!multiple) settle(sequence);
    else for (; oldest <= sequence; oldest += 1) settle(oldest);
  };
  const publishing = await link.openChannel({ ...nothing, onConfirm }, soon());
  for (const name of queues) {
    await publishing.declareQueue({ name, arguments: { 'x-queue-type': queueType } }, soon());
  }
  const shared = { exchange: '', mandatory: false, properties: { deliveryMode: 2 }, headers: undefined };
  return {
    publish: (routingKey, content) =>
      new Promise<void>((resolve) => {
        unconfirmed.set(publishing.publish({ ...shared, routingKey, content }), resolve);
      }),

    async consume(queue, handler) {
      let consuming: DriverChannel | undefined;
      const onDelivery: ChannelListeners['onDelivery'] = ({ content, deliveryTag }) =>
        void handler(content).then(() => consuming?.ack(deliveryTag, false));
      consuming = await link.openChannel({ ...nothing, onDelivery }, soon());
      await consuming.prefetch(prefetch, soon());
      await consuming.consume(queue, 'wire', soon());
    },

    close: () => link.close(soon()),
  };
}

function targetOf(url: string): DialTarget {
  const { hostname: host, port, username, password, pathname } = new URL(url);
  return {
    host,
    port: Number(port),
    vhost: decodeURIComponent(pathname.slice(1)) || '/',
    login: { username: decodeURIComponent(username), password: decodeURIComponent(password) },
    tls: undefined,
    heartbeatSeconds: 10,
    frameMaxBytes: 131_072,
    clientProperties: {},
  };
}
