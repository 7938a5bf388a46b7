import type { Logger } from '@surehop/core';
import { type Broker, type BrokerNode, FaultProxy, type Vhost } from '@surehop/testing';
import { ClientSockets } from '../connection/client-sockets.ts';
import { keepingLogger, type Line } from '../connection/lines.ts';
import type { QueueKind } from './scenario.ts';
import { Traffic, type TrafficOptions } from './traffic.ts';

/** `3.10`, `4.0`, `4.3` */
export function releaseOf({ version }: Broker): string {
  return version.split('.').slice(0, 2).join('.');
}

/** What a scenario has to itself: a virtual host, a proxy that can misbehave, the log of all that runs on it. */
export class Stage implements AsyncDisposable {
  readonly broker: Broker;
  readonly vhost: Vhost;
  /** In front of the first node. Traffic goes through it unless told otherwise. */
  readonly proxy: FaultProxy;
  /** What this process has open to the proxy. */
  readonly sockets: ClientSockets;
  readonly type: QueueKind;
  /** The form that takes its time. */
  readonly isLong: boolean;
  readonly log: Logger;
  /** What an operator would read. */
  readonly lines: readonly Line[];
  readonly #owned: AsyncDisposable[] = [];

  static async open(broker: Broker, type: QueueKind, isLong: boolean): Promise<Stage> {
    const vhost = await broker.vhost();
    try {
      return new Stage(broker, vhost, await FaultProxy.start(vhost), type, isLong);
    } catch (error) {
      await vhost.close();
      throw error;
    }
  }

  private constructor(broker: Broker, vhost: Vhost, proxy: FaultProxy, type: QueueKind, isLong: boolean) {
    this.broker = broker;
    this.vhost = vhost;
    this.proxy = proxy;
    this.sockets = new ClientSockets(proxy.port);
    this.type = type;
    this.isLong = isLong;
    ({ log: this.log, lines: this.lines } = keepingLogger());
  }

  /** The first node. */
  get node(): BrokerNode {
    return this.broker.nodes[0] as BrokerNode;
  }

  get release(): string {
    return releaseOf(this.broker);
  }

  /** How many lines of the log say this, or carry this error code. */
  said(messageOrCode: string): number {
    return this.lines.filter(({ message, fields }) => message === messageOrCode || fields.code === messageOrCode)
      .length;
  }

  /** Publishers and consumers at work. Resolves when messages flow. */
  async traffic(options: TrafficOptions = {}): Promise<Traffic> {
    const traffic = this.own(new Traffic(this, options));
    await traffic.start();
    return traffic;
  }

  /** A further proxy, in front of the first node or of another one. */
  async proxyTo(node: BrokerNode = this.node): Promise<FaultProxy> {
    return this.own(await FaultProxy.start(node));
  }

  /** Disposed of at the end, last first. */
  own<T extends AsyncDisposable>(thing: T): T {
    this.#owned.push(thing);
    return thing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.proxy.heal();
    for (const thing of this.#owned.toReversed()) await thing[Symbol.asyncDispose]();
    this.sockets[Symbol.dispose]();
    await this.proxy.close();
    await this.vhost.close();
  }
}
