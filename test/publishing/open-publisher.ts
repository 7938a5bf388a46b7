import { type ConnectOptions, connect, createPublisher, type Publisher, type Rabbit } from '@surehop/publisher';
import { FaultProxy, type Vhost } from '@surehop/testing';
import { keepingLogger, type Line } from '../connection/lines.ts';

export interface Opened extends AsyncDisposable {
  readonly rabbit: Rabbit;
  readonly publisher: Publisher;
  /** Between the publisher and the broker. */
  readonly proxy: FaultProxy;
  readonly lines: readonly Line[];
}

export interface Wanted {
  readonly publisher?: NonNullable<Parameters<typeof createPublisher>[1]>;
  readonly connect?: Omit<ConnectOptions, 'url' | 'log'>;
  /** Of another user than the vhost's own. */
  readonly url?: (port: number) => string;
}

/** A publisher on a connection of its own, behind a proxy that can misbehave. */
export async function openPublisher(vhost: Vhost, wanted: Wanted = {}): Promise<Opened> {
  const proxy = await FaultProxy.start(vhost);
  const { log, lines } = keepingLogger();
  const url = wanted.url?.(proxy.port) ?? vhost.url(proxy.port);
  const rabbit = await connect({ url, log, ...wanted.connect });
  // Sooner than a test's own limit, for the error says what was waited for.
  const publisher = createPublisher(rabbit, { deadlineMs: 15_000, ...wanted.publisher });
  const close = async (): Promise<void> => {
    await rabbit.close({ timeoutMs: 100 });
    await proxy.close();
  };
  return { rabbit, publisher, proxy, lines, [Symbol.asyncDispose]: close };
}

/** What became of each promise, in order: a receipt's resends, or the error's code. */
export async function fates(promises: readonly Promise<{ resends: number }>[]): Promise<(number | string)[]> {
  const results = await Promise.allSettled(promises);
  return results.map((result) => (result.status === 'fulfilled' ? result.value.resends : String(result.reason.code)));
}

/** Lines that tell of a channel that the broker closed. */
export function closedChannels(lines: readonly Line[]): readonly Line[] {
  return lines.filter(({ message }) => message === 'the broker closed a publishing channel');
}
