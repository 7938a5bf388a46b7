import type { Credentials } from './credentials.ts';
import { BrokerError } from './errors.ts';
import { eventually } from './eventually.ts';
import { FaultProxy } from './fault-proxy.ts';
import { Management } from './management.ts';
import type { NodePorts } from './node-environment.ts';
import { PortMapper } from './port-mapper.ts';

export interface ClusterMember {
  /** With its host: `surehop-1f0c-1@localhost`. */
  readonly name: string;
  readonly managementUrl: string;
  readonly ports: Pick<NodePorts, 'distribution' | 'epmd'>;
}

/** What one node uses to reach another one. */
interface Road {
  readonly from: string;
  readonly to: string;
  readonly proxy: FaultProxy;
}

/** How a node sees one of its cluster. */
interface Sight {
  readonly running: boolean;
  readonly partitions?: readonly string[];
}

const wholeWithinMs = 60_000;

/**
 * What is between the nodes of one broker. Where there are several, each has a port mapper of its own, which leads it to
 * each other node through a proxy of ours: so nodes can be parted from each other while clients still reach all of them.
 */
export class Cluster {
  readonly #members: readonly ClusterMember[];
  readonly #credentials: Credentials;
  readonly #mappers = new Map<string, PortMapper>();
  readonly #roads: Road[] = [];
  readonly #isolated = new Set<string>();

  constructor(members: readonly ClusterMember[], credentials: Credentials) {
    this.#members = members;
    this.#credentials = credentials;
  }

  /** Whether each node has a port mapper of ours. A single one needs no way to others. */
  get isMapped(): boolean {
    return this.#members.length > 1;
  }

  /** To be called before the nodes start. */
  async open(): Promise<void> {
    if (this.isMapped) await Promise.all(this.#members.map((member) => this.#openFor(member)));
  }

  /** Resets what connects this node with the others and refuses to connect them anew. */
  isolate(name: string): void {
    if (this.#roads.length === 0) {
      throw new BrokerError(
        `Node ${name} has no others to be cut off from. Start some with startBroker({ nodes: 3 }).`,
      );
    }
    this.#isolated.add(name);
    for (const { proxy } of this.#roads.filter(({ from, to }) => from === name || to === name)) {
      proxy.refuse();
      proxy.cut();
    }
  }

  /** Lets the node and those of the others that are not isolated themselves connect again. */
  rejoin(name: string): void {
    this.#isolated.delete(name);
    for (const { from, to, proxy } of this.#roads) {
      if (!this.#isolated.has(from) && !this.#isolated.has(to)) proxy.heal();
    }
  }

  /** Resolves when all nodes that have started and are not isolated see each other. @throws {BrokerError} not in time */
  async untilWhole(): Promise<void> {
    await eventually(async () => {
      if (await this.isParted()) throw new BrokerError('The nodes reach each other, and still stand apart.');
    }, wholeWithinMs);
  }

  /**
   * Whether nodes that reach each other do not work together: Mnesia has noticed that both sides of a partition went on,
   * and lets neither be overruled. False when the cluster is whole.
   *
   * @throws {BrokerError} it is neither, yet
   */
  async isParted(): Promise<boolean> {
    const running = this.#members.filter(({ name }) => this.#runs(name) && !this.#isolated.has(name));
    let isParted = false;
    for (const { name, managementUrl } of running) {
      const sights = (await new Management([managementUrl], this.#credentials).call('GET', ['nodes'])) as Sight[];
      const seen = sights.filter((sight) => sight.running).length;
      const hasParts = sights.some(({ partitions = [] }) => partitions.length > 0);
      if (seen < running.length && !hasParts) {
        throw new BrokerError(`${name} sees ${seen} of ${running.length} nodes of its cluster running.`);
      }
      isParted ||= hasParts;
    }
    return isParted;
  }

  /** To be called when the nodes have ended. Safe to call twice. */
  async close(): Promise<void> {
    const parts = [...this.#mappers.values(), ...this.#roads.map(({ proxy }) => proxy)];
    await Promise.all(parts.map((part) => part.close()));
  }

  async #openFor({ name, ports }: ClusterMember): Promise<void> {
    for (const to of this.#members) {
      if (to.name === name) continue;
      const proxy = await FaultProxy.start({ port: to.ports.distribution });
      proxy.unref();
      this.#roads.push({ from: name, to: to.name, proxy });
    }
    this.#mappers.set(name, await PortMapper.start(ports.epmd, (called) => this.#way(name, called)));
  }

  /** @param called without its host. A node that does not run is as unknown as with one mapper for all of them */
  #way(from: string, called: string): number | undefined {
    const road = this.#roads.find((candidate) => candidate.from === from && hostless(candidate.to) === called);
    return road !== undefined && this.#runs(road.to) ? road.proxy.port : undefined;
  }

  /** Where there is one mapper that is not ours, the node is taken to run. */
  #runs(name: string): boolean {
    const mapper = this.#mappers.get(name);
    return mapper === undefined || mapper.has(hostless(name));
  }
}

function hostless(name: string): string {
  return name.slice(0, name.indexOf('@'));
}
