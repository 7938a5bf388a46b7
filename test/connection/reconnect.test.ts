import { connect, type LinkState, type Rabbit } from '@surehop/core';
import { attachBroker, eventually, FaultProxy } from '@surehop/testing';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { ClientSockets } from './client-sockets.ts';
import { keepingLogger } from './lines.ts';

const broker = attachBroker(inject('broker'));
let vhost: Awaited<ReturnType<typeof broker.vhost>>;
beforeAll(async () => {
  vhost = await broker.vhost();
});
afterAll(() => broker.close());

describe('a lost connection', () => {
  test('is opened again, in a new generation', async () => {
    const { log, lines } = keepingLogger();
    await using proxy = await FaultProxy.start(vhost);
    await using rabbit = await connect({ url: vhost.url(proxy.port), log });
    proxy.cut();
    await eventually(() => expect(lines.filter(({ message }) => message === 'link is open again')).toHaveLength(2));
    expect(rabbit.state).toMatchObject({ phase: 'open', generation: 2 });
    expect(rabbit.health().status).toBe('ok');
  });

  test('is opened again after an operator closed it', async () => {
    await using rabbit = await connect({ url: vhost.url(), log: keepingLogger().log });
    await eventually(async () => expect(await vhost.closeConnections()).toBeGreaterThan(0), 10_000);
    await eventually(() => expect(rabbit.state).toMatchObject({ phase: 'open', generation: 2 }), 10_000);
  });

  test('[heartbeatSeconds] a silent network is noticed within three heartbeats and a second, and its sockets are gone', async () => {
    await using proxy = await FaultProxy.start(vhost);
    using sockets = new ClientSockets(proxy.port);
    await using rabbit = await connect({ url: `${vhost.url(proxy.port)}?heartbeat=1`, log: keepingLogger().log });
    expect(sockets.connected).toBe(2);
    proxy.refuse();
    proxy.blackhole();
    const startedAt = performance.now();
    await eventually(() => expect(phases(rabbit)).not.toContain('open'), 6_000);
    expect(performance.now() - startedAt).toBeLessThan(4_200);
    await eventually(() => expect(sockets.connected).toBe(0), 1_000);
    proxy.heal();
    await eventually(() => expect(rabbit.state.phase).toBe('open'), 10_000);
    await eventually(() => expect(proxy.connections).toBe(2));
  });

  test('[connectTimeoutMs] a reconnect that lands in the black hole is given up and made anew', async () => {
    await using proxy = await FaultProxy.start(vhost);
    const { log, lines } = keepingLogger();
    await using rabbit = await connect({ url: vhost.url(proxy.port), connectTimeoutMs: 300, log });
    proxy.blackhole();
    proxy.cut();
    const timedOut = (): number => lines.filter(({ fields }) => fields.code === 'SUREHOP_CONNECT_TIMEOUT').length;
    await eventually(() => expect(timedOut()).toBeGreaterThanOrEqual(2), 10_000);
    proxy.heal();
    await eventually(() => expect(rabbit.state.phase).toBe('open'), 10_000);
    await eventually(() => expect(proxy.connections).toBe(2));
  });

  test('[reconnectMaxDelayMs] is tried for as long as it takes, without a storm', async () => {
    await using proxy = await FaultProxy.start(vhost);
    const { log, lines } = keepingLogger();
    await using rabbit = await connect({ url: vhost.url(proxy.port), reconnectMaxDelayMs: 400, log });
    proxy.refuse();
    proxy.cut();
    await eventually(
      () => expect(lines.filter(({ message }) => message === 'link is down').length).toBeGreaterThan(8),
      15_000,
    );
    const startedAt = performance.now();
    const before = lines.length;
    await eventually(() => expect(performance.now() - startedAt).toBeGreaterThan(1_000));
    // Two links, 200 ms between two attempts on average, two lines each: far from a loop without a pause.
    expect(lines.length - before).toBeLessThan(80);
    proxy.heal();
    await eventually(() => expect(rabbit.state.phase).toBe('open'));
  });

  test('[url] with several hosts, the next one is taken', async () => {
    await using one = await FaultProxy.start(vhost);
    await using other = await FaultProxy.start(vhost);
    await using rabbit = await connect({ url: [vhost.url(one.port), vhost.url(other.port)], log: keepingLogger().log });
    one.refuse();
    one.cut();
    const expected = { phase: 'open', host: `127.0.0.1:${other.port}` };
    await eventually(() => expect(rabbit.health().links).toMatchObject({ publish: expected, consume: expected }));
  });

  test('[refusedMaxDelayMs] a password that was changed is reported and tried again, slowly, until it fits', async () => {
    const user = await vhost.addUser('service', 'before', { read: '.*' });
    const { log, lines } = keepingLogger();
    await using rabbit = await connect({ url: user.url(), reconnectMaxDelayMs: 100, refusedMaxDelayMs: 1_000, log });
    await vhost.addUser('service', 'after', { read: '.*' }); // the same user, with another password
    await eventually(async () => expect(await vhost.closeConnections()).toBeGreaterThan(0), 10_000);
    const refusals = (): number => lines.filter(({ fields }) => fields.code === 'SUREHOP_LOGIN_REFUSED').length;
    await eventually(() => expect(refusals()).toBeGreaterThanOrEqual(2), 15_000);
    expect(rabbit.health().status).toBe('down');
    await vhost.addUser('service', 'before', { read: '.*' });
    await eventually(() => expect(phases(rabbit)).toEqual(['open', 'open']), 15_000);
  }, 60_000);

  test('a state listener that throws breaks nothing, and one that was taken back hears nothing', async () => {
    await using proxy = await FaultProxy.start(vhost);
    await using rabbit = await connect({ url: vhost.url(proxy.port), log: keepingLogger().log });
    const heard: string[] = [];
    rabbit.onStateChange(() => {
      throw new Error('a user made a mistake');
    });
    rabbit.onStateChange(({ phase }, before) => void heard.push(`${before.phase} > ${phase}`));
    const takeBack = rabbit.onStateChange(() => void heard.push('taken back'));
    takeBack();
    proxy.cut();
    await eventually(() => expect(rabbit.state).toMatchObject({ phase: 'open', generation: 2 }));
    expect(heard[0]).toBe('open > waiting');
    expect(heard).not.toContain('taken back');
  });
});

function phases(rabbit: Rabbit): LinkState['phase'][] {
  const { publish, consume } = rabbit.health().links;
  return [publish.phase, consume.phase];
}
