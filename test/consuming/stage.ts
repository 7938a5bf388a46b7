import { connect, type Rabbit } from '@surehop/consumer';
import { type Broker, eventually, FaultProxy, type Vhost } from '@surehop/testing';
import { connect as amqpConnect, type Options } from 'amqplib';
import { keepingLogger, type Line } from '../connection/lines.ts';

/** A virtual host of its own, a connection to it through a proxy that can misbehave, and what it logs. */
export interface Stage extends AsyncDisposable {
  readonly vhost: Vhost;
  readonly proxy: FaultProxy;
  readonly rabbit: Rabbit;
  readonly lines: Line[];
}

export async function stage(broker: Broker): Promise<Stage> {
  const vhost = await broker.vhost();
  const proxy = await FaultProxy.start(vhost);
  const { log, lines } = keepingLogger();
  const rabbit = await connect({ url: vhost.url(proxy.port), log });
  return {
    vhost,
    proxy,
    rabbit,
    lines,
    async [Symbol.asyncDispose]() {
      await rabbit.close({ timeoutMs: 0 });
      await proxy[Symbol.asyncDispose]();
      await vhost.close();
    },
  };
}

/** As any other client would: each body with these properties, all confirmed. */
export async function send(
  vhost: Vhost,
  queue: string,
  bodies: readonly (string | Uint8Array)[],
  options: Options.Publish = {},
): Promise<void> {
  const connection = await amqpConnect(vhost.url());
  try {
    const channel = await connection.createConfirmChannel();
    for (const body of bodies) channel.sendToQueue(queue, Buffer.from(body), { persistent: true, ...options });
    await channel.waitForConfirms();
    await channel.close();
  } finally {
    await connection.close();
  }
}

/** Each as JSON. */
export function sendJson(
  vhost: Vhost,
  queue: string,
  bodies: readonly unknown[],
  options: Options.Publish = {},
): Promise<void> {
  return send(
    vhost,
    queue,
    bodies.map((body) => JSON.stringify(body)),
    { contentType: 'application/json', ...options },
  );
}

/** Makes a queue refuse what is published to it. Resolves to how many messages it holds then. */
export async function fill(vhost: Vhost, queue: string): Promise<number> {
  await vhost.setPolicy('full', `^${queue.replaceAll('.', '[.]')}$`, { 'max-length': 1 });
  // A policy takes a moment to reach its queue, and a quorum queue lets some through at first.
  await eventually(async () => {
    const refused = await send(vhost, queue, ['filler']).then(
      () => false,
      () => true,
    );
    if (!refused) throw new Error(`${queue} still takes messages`);
  }, 10_000);
  return vhost.messages(queue);
}

/** Lets it take messages again. */
export function widen(vhost: Vhost, queue: string): Promise<void> {
  return vhost.setPolicy('full', `^${queue.replaceAll('.', '[.]')}$`, { 'max-length': 10_000 });
}

/** A promise and the function that resolves it. */
export function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}
