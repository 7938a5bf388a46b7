import {
  amqplibDriver,
  type ChannelListeners,
  type DialTarget,
  type Driver,
  type DriverChannel,
  type DriverError,
  type DriverLink,
  type IncomingMessage,
  type OutgoingMessage,
} from '@surehop/core/internal';
import { type Broker, FaultProxy } from '@surehop/testing';
import { FlowingClock, MemoryBroker, MemoryNetwork } from '@surehop/testing/internal';

/** A broker behind the driver port, and what an operator and the network can do to it. */
export interface World extends AsyncDisposable {
  dial(options?: { heartbeatSeconds?: number; password?: string }, signal?: AbortSignal): Promise<DriverLink>;
  deleteQueue(name: string): Promise<void> | void;
  setPolicy(name: string, pattern: string, definition: Record<string, string | number>): Promise<void> | void;
  cut(): void;
  blackhole(): void;
  heal(): void;
  /** Closes every connection from the broker's side. */
  closeConnections(): unknown;
  /** A memory alarm. Only where the broker is nobody else's. */
  setAlarm(isOn: boolean): unknown;
  /** How many connections the network knows. */
  connections(): number;
}

/**
 * All implementations of the driver port: over amqplib to the broker at hand, on our own wire and on amqplib's, and the
 * one in memory of the same release.
 */
export function worldsOf(broker: Broker): readonly { readonly name: string; readonly open: () => Promise<World> }[] {
  return [
    { name: `RabbitMQ ${broker.version} over amqplib`, open: () => realWorld(broker, 'fast') },
    { name: `RabbitMQ ${broker.version} over amqplib alone`, open: () => realWorld(broker, 'amqplib') },
    { name: `RabbitMQ ${broker.version} in memory`, open: () => memoryWorld(broker.version) },
  ];
}

async function realWorld(broker: Broker, wire: 'fast' | 'amqplib'): Promise<World> {
  const vhost = await broker.vhost();
  const proxy = await FaultProxy.start(vhost);
  const url = new URL(vhost.url(proxy.port));
  const { username, password } = url;
  const target = { host: url.hostname, port: proxy.port, vhost: decodeURIComponent(url.pathname.slice(1)) };
  const links: DriverLink[] = [];
  return {
    dial: (options, signal) =>
      dialled(
        amqplibDriver({ wire }),
        links,
        { ...target, login: { username, password: options?.password ?? password } },
        options,
        signal,
      ),
    deleteQueue: (name) => vhost.deleteQueue(name),
    setPolicy: (name, pattern, definition) => vhost.setPolicy(name, pattern, definition),
    cut: () => proxy.cut(),
    blackhole: () => proxy.blackhole(),
    heal: () => proxy.heal(),
    closeConnections: () => vhost.closeConnections(),
    setAlarm: (isOn) => broker.nodes[0]?.ctl(['set_vm_memory_high_watermark', isOn ? '0.0001' : '0.6']),
    connections: () => proxy.connections,
    async [Symbol.asyncDispose]() {
      for (const link of links) link.destroy();
      await proxy.close();
      await vhost.close();
    },
  };
}

async function memoryWorld(version: string): Promise<World> {
  const network = new MemoryNetwork();
  const users = { guest: 'guest' };
  const broker = new MemoryBroker({ clock: new FlowingClock(), random: Math.random, version, users });
  const links: DriverLink[] = [];
  return {
    dial: (options, signal) => {
      const login = { username: 'guest', password: options?.password ?? 'guest' };
      return dialled(broker.driver(network), links, { host: 'memory', port: 5672, vhost: '/', login }, options, signal);
    },
    deleteQueue: (name) => broker.deleteQueue(name),
    setPolicy: (name, pattern, definition) => broker.setPolicy(name, pattern, definition),
    cut: () => network.cut(),
    blackhole: () => network.blackhole(),
    heal: () => network.heal(),
    closeConnections: () => broker.closeConnections(),
    setAlarm: (isOn) => broker.setAlarm('memory', isOn),
    connections: () => network.connections,
    async [Symbol.asyncDispose]() {
      for (const link of links) link.destroy();
    },
  };
}

async function dialled(
  driver: Driver,
  links: DriverLink[],
  target: Pick<DialTarget, 'host' | 'port' | 'vhost' | 'login'>,
  { heartbeatSeconds = 10 }: { heartbeatSeconds?: number } = {},
  signal: AbortSignal = soon(),
): Promise<DriverLink> {
  const rest = { tls: undefined, heartbeatSeconds, frameMaxBytes: 131_072, clientProperties: {} };
  const link = await driver.dial({ ...target, ...rest }, signal);
  links.push(link);
  return link;
}

export function soon(): AbortSignal {
  return AbortSignal.timeout(10_000);
}

/** What a channel's listeners were told, in order. */
export interface Told {
  readonly confirms: { sequence: number; multiple: boolean; stored: boolean }[];
  readonly returns: { messageId: string; replyCode: number; replyText: string }[];
  readonly deliveries: IncomingMessage[];
  readonly cancels: string[];
  readonly closed: (DriverError | undefined)[];
  /** `return`, `confirm`, in the order in which they came. */
  readonly order: string[];
}

export async function openChannel(link: DriverLink): Promise<{ channel: DriverChannel; told: Told }> {
  const told: Told = { confirms: [], returns: [], deliveries: [], cancels: [], closed: [], order: [] };
  const listeners: ChannelListeners = {
    onConfirm(sequence, multiple, stored) {
      told.order.push('confirm');
      told.confirms.push({ sequence, multiple, stored });
    },
    onReturn(messageId, replyCode, replyText) {
      told.order.push('return');
      told.returns.push({ messageId, replyCode, replyText });
    },
    onDelivery: (message) => void told.deliveries.push(message),
    onCancel: (tag) => void told.cancels.push(tag),
    onClosed: (cause) => void told.closed.push(cause),
  };
  return { channel: await link.openChannel(listeners, soon()), told };
}

/** Whether each of the first so many sequence numbers was confirmed as stored, refused, or not answered. */
export function outcomes({ confirms }: Told, count: number): (boolean | undefined)[] {
  const found: (boolean | undefined)[] = Array.from({ length: count }, () => undefined);
  for (const { sequence, multiple, stored } of confirms) {
    for (let one = multiple ? 1 : sequence; one <= sequence; one += 1) found[one - 1] ??= stored;
  }
  return found;
}

export function message(to: string, text: string, more: Partial<OutgoingMessage> = {}): OutgoingMessage {
  return {
    exchange: '',
    routingKey: to,
    mandatory: true,
    content: new TextEncoder().encode(text),
    properties: { deliveryMode: 2, messageId: `id-${text}` },
    headers: undefined,
    ...more,
  };
}

export function textOf({ content }: { readonly content: Uint8Array }): string {
  return new TextDecoder().decode(content);
}

export const quorum = { 'x-queue-type': 'quorum' };
export const classic = { 'x-queue-type': 'classic' };
