import { connect, defineQueue } from '@surehop/core';
import { internalsOf, queueTopology } from '@surehop/core/internal';
import { attachBroker, eventually, FaultProxy } from '@surehop/testing';
import { afterAll, expect, inject, test } from 'vitest';
import { keepingLogger } from '../connection/lines.ts';

const broker = attachBroker(inject('broker'));
afterAll(() => broker.close());

const orders = defineQueue('orders', { retry: { delaysMs: [100] } });

test('[rpcTimeoutMs] a declaration that is not answered is given up on its channel and tried again on another', async () => {
  await using vhost = await broker.vhost();
  await using proxy = await FaultProxy.start(vhost);
  const { log, lines } = keepingLogger();
  await using rabbit = await connect({ url: vhost.url(proxy.port), heartbeatSeconds: 0, rpcTimeoutMs: 300, log });
  proxy.delay(60_000); // late, not lost: the connection stays
  const declared = internalsOf(rabbit).topology.ensure(queueTopology(orders), AbortSignal.timeout(20_000));
  await eventually(() =>
    expect(lines.map(({ message }) => message)).toContain('topology could not be asserted; trying again'),
  );
  proxy.heal();
  await declared;
  expect(rabbit.state).toMatchObject({ phase: 'open', generation: 1 });
});

test('a caller who stops waiting is let go at once', async () => {
  await using vhost = await broker.vhost();
  await using proxy = await FaultProxy.start(vhost);
  await using rabbit = await connect({ url: vhost.url(proxy.port), log: keepingLogger().log });
  proxy.blackhole();
  const declared = internalsOf(rabbit).topology.ensure(queueTopology(orders), AbortSignal.timeout(200));
  const startedAt = performance.now();
  await expect(declared).rejects.toMatchObject({ name: 'TimeoutError' });
  expect(performance.now() - startedAt).toBeLessThan(2_000);
  proxy.heal();
});
