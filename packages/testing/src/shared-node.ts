import type { BrokerNode, NodeDefinition } from './broker.ts';
import { BrokerError } from './errors.ts';

/** Runs `rabbitmqctl` against one node. */
export type Ctl = (args: readonly string[]) => Promise<string>;

/** A node whose process is not ours to signal: it can be used, and where there is a way, asked through `rabbitmqctl`. */
export class SharedNode implements BrokerNode {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly managementUrl: string;
  readonly #ctl: Ctl | undefined;

  constructor(definition: NodeDefinition, ctl?: Ctl) {
    this.name = definition.name;
    this.host = definition.host;
    this.port = definition.port;
    this.managementUrl = definition.managementUrl;
    this.#ctl = ctl;
  }

  async stop(): Promise<void> {
    throw this.#refusal('stopped');
  }

  async start(): Promise<void> {
    throw this.#refusal('started');
  }

  async kill(): Promise<void> {
    throw this.#refusal('killed');
  }

  freeze(): void {
    throw this.#refusal('frozen');
  }

  resume(): void {
    throw this.#refusal('resumed');
  }

  async isolate(): Promise<void> {
    throw this.#refusal('isolated');
  }

  async rejoin(): Promise<void> {
    throw this.#refusal('let back to its cluster');
  }

  async ctl(args: readonly string[]): Promise<string> {
    if (this.#ctl === undefined) throw this.#refusal('asked through rabbitmqctl');
    return this.#ctl(args);
  }

  #refusal(what: string): BrokerError {
    const advice = "Start one of your own with startBroker({ kind: 'node' }).";
    return new BrokerError(`Node ${this.name} cannot be ${what} from here. ${advice}`);
  }
}
