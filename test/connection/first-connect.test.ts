import { createServer } from 'node:net';
import { connect } from '@surehop/core';
import { attachBroker, FaultProxy, freePort } from '@surehop/testing';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { keepingLogger } from './lines.ts';

const broker = attachBroker(inject('broker'));
let vhost: Awaited<ReturnType<typeof broker.vhost>>;
beforeAll(async () => {
  vhost = await broker.vhost();
});
afterAll(() => broker.close());

const { log } = keepingLogger();

describe('the first connect', () => {
  test('is open when it resolves, on two connections', async () => {
    await using proxy = await FaultProxy.start(vhost);
    await using rabbit = await connect({ url: vhost.url(proxy.port), log });
    expect(rabbit.state.phase).toBe('open');
    expect(proxy.connections).toBe(2);
    expect(rabbit.health()).toMatchObject({
      status: 'ok',
      links: { publish: { phase: 'open', blocked: 'unknown' }, consume: { phase: 'open' } },
    });
  });

  test('a wrong password fails at once, however long one would wait', async () => {
    const url = vhost.url().replace(/\/\/[^@]+@/, '//guest:wr0ng@');
    const failed = connect({ url, waitMs: 60_000, log });
    await expect(failed).rejects.toMatchObject({ code: 'SUREHOP_LOGIN_REFUSED', retryable: false });
  });

  test('a virtual host that does not exist fails at once', async () => {
    const url = `${vhost.url().replace(/\/[^/]*$/, '')}/no-such-vhost`;
    const failed = connect({ url, waitMs: 60_000, log });
    await expect(failed).rejects.toMatchObject({ code: 'SUREHOP_VHOST_REFUSED' });
  });

  test('a host name that does not resolve, and a port where nobody listens, have their own codes', async () => {
    const unresolved = connect({ url: 'amqp://no-such-host.invalid', log });
    await expect(unresolved).rejects.toMatchObject({ code: 'SUREHOP_HOST_UNRESOLVED', retryable: true });
    const unreachable = connect({ url: `amqp://127.0.0.1:${await freePort()}`, log });
    await expect(unreachable).rejects.toMatchObject({ code: 'SUREHOP_CONNECT_UNREACHABLE', retryable: true });
  });

  test('[connectTimeoutMs] a server that accepts and stays silent is given up', async () => {
    const sockets: import('node:net').Socket[] = [];
    const mute = createServer((socket) => void sockets.push(socket.resume()));
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
    const { port } = mute.address() as import('node:net').AddressInfo;
    const startedAt = performance.now();
    const failed = connect({ url: `amqp://127.0.0.1:${port}`, connectTimeoutMs: 300, log });
    await expect(failed).rejects.toMatchObject({ code: 'SUREHOP_CONNECT_TIMEOUT' });
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    await expect.poll(() => sockets.every((socket) => socket.closed)).toBe(true);
    mute.close();
  });

  test('[waitMs] a broker that comes up while we wait is connected to', async () => {
    await using proxy = await FaultProxy.start(vhost);
    proxy.refuse();
    const connecting = connect({ url: vhost.url(proxy.port), waitMs: 10_000, log });
    const settled = connecting.then(() => true);
    expect(await Promise.race([settled, new Promise((resolve) => setImmediate(resolve, false))])).toBe(false);
    proxy.heal();
    await using rabbit = await connecting;
    expect(rabbit.state.phase).toBe('open');
  });

  test('[url] of several hosts, the first that works is taken', async () => {
    const url = [`amqp://127.0.0.1:${await freePort()}`, vhost.url()];
    await using rabbit = await connect({ url, log });
    expect(rabbit.health().links.consume.host).toBe(`${vhost.host}:${vhost.port}`);
  });

  test('credentials reach neither the error, nor the log, nor health()', async () => {
    const kept = keepingLogger();
    const url = vhost.url().replace(/\/\/[^@]+@/, '//guest:s3cret@');
    const error = await connect({ url, log: kept.log }).catch((thrown: Error) => thrown);
    await using rabbit = await connect({ url: vhost.url(), log: kept.log });
    const seen = JSON.stringify([String(error), (error as Error).stack, kept.lines, rabbit.health()]);
    expect(seen).not.toContain('s3cret');
    expect(seen).not.toContain('guest:guest');
  });

  test('leaves no socket behind when it fails', async () => {
    await using proxy = await FaultProxy.start(vhost);
    const url = vhost.url(proxy.port).replace(/\/\/[^@]+@/, '//guest:wr0ng@');
    await expect(connect({ url, log })).rejects.toThrow();
    await expect.poll(() => proxy.connections).toBe(0);
  });
});
