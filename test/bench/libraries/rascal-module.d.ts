/** Rascal brings no types; these are of what is used here. */
declare module 'rascal' {
  import type { EventEmitter } from 'node:events';

  type Settle = (error?: Error, recovery?: readonly Readonly<Record<string, unknown>>[]) => void;

  interface Subscription extends EventEmitter {
    cancel(): Promise<void>;
    on(
      event: 'message',
      listener: (message: { readonly content: Buffer }, content: Buffer, ackOrNack: Settle) => void,
    ): this;
    on(event: 'error' | 'invalid_content' | 'redeliveries_exceeded', listener: (error: Error) => void): this;
  }

  interface BrokerAsPromised extends EventEmitter {
    publish(publication: string, body: Buffer): Promise<EventEmitter>;
    subscribe(subscription: string): Promise<Subscription>;
    shutdown(): Promise<void>;
  }

  const rascal: {
    readonly BrokerAsPromised: { create(config: object): Promise<BrokerAsPromised> };
    withDefaultConfig(config: object): object;
  };
  export = rascal;
}
