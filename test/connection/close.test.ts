import { connect } from '@surehop/core';
import { attachBroker, eventually, FaultProxy } from '@surehop/testing';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { keepingLogger } from './lines.ts';

const broker = attachBroker(inject('broker'));
const { log } = keepingLogger();
let vhost: Awaited<ReturnType<typeof broker.vhost>>;
beforeAll(async () => {
  vhost = await broker.vhost();
});
afterAll(() => broker.close());

describe('close()', () => {
  test('is one promise however often it is called, and leaves no socket', async () => {
    await using proxy = await FaultProxy.start(vhost);
    const rabbit = await connect({ url: vhost.url(proxy.port), log });
    const closing = rabbit.close();
    expect(rabbit.close()).toBe(closing);
    await closing;
    expect(rabbit.state.phase).toBe('closed');
    await eventually(() => expect(proxy.connections).toBe(0));
  });

  test('is bounded where the broker no longer answers', async () => {
    await using proxy = await FaultProxy.start(vhost);
    const rabbit = await connect({ url: vhost.url(proxy.port), log });
    proxy.blackhole();
    const startedAt = performance.now();
    await rabbit.close();
    expect(performance.now() - startedAt).toBeLessThan(4_000);
    // Only now the proxy passes on that the client's sockets are gone.
    proxy.heal();
    await eventually(() => expect(proxy.connections).toBe(0));
  });

  test('ends a connection that is just being made again', async () => {
    await using proxy = await FaultProxy.start(vhost);
    const rabbit = await connect({ url: vhost.url(proxy.port), connectTimeoutMs: 60_000, log });
    proxy.blackhole();
    proxy.cut();
    await eventually(() => expect(rabbit.state.phase).toBe('connecting'));
    const startedAt = performance.now();
    await rabbit.close();
    expect(performance.now() - startedAt).toBeLessThan(4_000);
    // Only now the proxy passes on that the client's sockets are gone.
    proxy.heal();
    await eventually(() => expect(proxy.connections).toBe(0));
  });

  test('50 connects and closes in a row leak nothing', async () => {
    await using proxy = await FaultProxy.start(vhost);
    const resources = (): number => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
    const before = resources();
    for (let round = 0; round < 50; round += 1) {
      const rabbit = await connect({ url: vhost.url(proxy.port), log });
      await rabbit.close();
    }
    await eventually(() => expect(proxy.connections).toBe(0));
    await eventually(() => expect(resources()).toBeLessThanOrEqual(before));
  });
});
