import { amqplibDriver, type OutgoingMessage } from '@surehop/core/internal';
import type { Client, Setup } from '../client.ts';

/**
 * Our wire alone, under nothing: the least that a confirmed publish costs us. No id, no deadline, no bound, and what is
 * on its way when the connection ends is lost.
 */
export async function open({ url, queues, queueType }: Setup): Promise<Client> {
  const { hostname, port, username, password, pathname } = new URL(url);
  const link = await amqplibDriver().dial(
    {
      host: hostname,
      port: Number(port),
      vhost: decodeURIComponent(pathname.slice(1)) || '/',
      login: { username: decodeURIComponent(username), password: decodeURIComponent(password) },
      tls: undefined,
      heartbeatSeconds: 10,
      frameMaxBytes: 131_072,
      clientProperties: {},
    },
    AbortSignal.timeout(10_000),
  );
  let oldest = 1;
  const unconfirmed = new Map<number, () => void>();
  const settle = (sequence: number): void => {
    unconfirmed.get(sequence)?.();
    unconfirmed.delete(sequence);
  };
  const channel = await link.openChannel(
    {
      onConfirm(sequence, multiple) {
        if (!multiple) return settle(sequence);
        for (; oldest <= sequence; oldest += 1) settle(oldest);
      },
      onReturn: () => undefined,
      onDelivery: () => undefined,
      onCancel: () => undefined,
      onClosed: () => undefined,
    },
    AbortSignal.timeout(10_000),
  );
  for (const name of queues) {
    await channel.declareQueue({ name, arguments: { 'x-queue-type': queueType } }, AbortSignal.timeout(10_000));
  }
  const properties = { deliveryMode: 2 } as const;
  return {
    publish: (queue, content) =>
      new Promise<void>((resolve) => {
        const message: OutgoingMessage = {
          exchange: '',
          routingKey: queue,
          mandatory: false,
          content,
          properties,
          headers: undefined,
        };
        unconfirmed.set(channel.publish(message), resolve);
      }),
    consume: () => Promise.reject(new Error('it only publishes')),
    close: () => link.close(AbortSignal.timeout(10_000)),
  };
}
