import { connect, createPublisher, defineQueue } from '@surehop/publisher';
import { attachBroker, eventually, FaultProxy, type Vhost } from '@surehop/testing';
import { afterAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { keepingLogger } from './lines.ts';

const broker = attachBroker(inject('broker'));
let vhost: Vhost;
beforeEach(async () => {
  vhost = await broker.vhost();
  return () => vhost.close();
});
afterAll(() => broker.close());

const orders = defineQueue('orders', { retry: { delaysMs: [] } });
const stalls = 'the broker confirms nothing, though it is connected and not blocked';

describe('[confirmStallMs] a broker that is connected and confirms nothing', () => {
  test('is left for another host, where what it owed is sent again under the same id', async () => {
    await using one = await FaultProxy.start(vhost);
    await using other = await FaultProxy.start(vhost);
    const { log, lines } = keepingLogger();
    const url = [vhost.url(one.port), vhost.url(other.port)];
    await using rabbit = await connect({ url, heartbeatSeconds: 0, confirmStallMs: 300, log });
    const publisher = createPublisher(rabbit);
    await publisher.publish(orders, 1);
    one.swallow('to-client');
    const receipt = await publisher.publish(orders, 2, { messageId: 'owed' });
    expect(receipt).toEqual({ messageId: 'owed', resends: 1 });
    expect(rabbit.health().links.publish.host).toContain(`:${other.port}`);
    expect(lines).toContainEqual(
      expect.objectContaining({ message: stalls, fields: expect.objectContaining({ left: true }) }),
    );
  });

  test('is only reported where there is no other', async () => {
    await using proxy = await FaultProxy.start(vhost);
    const { log, lines } = keepingLogger();
    await using rabbit = await connect({ url: vhost.url(proxy.port), heartbeatSeconds: 0, confirmStallMs: 300, log });
    const publisher = createPublisher(rabbit);
    await publisher.publish(orders, 1);
    proxy.swallow('to-client');
    const owed = publisher.publish(orders, 2, { deadlineMs: 3_000 });
    owed.catch(() => undefined);
    await eventually(() => expect(rabbit.health().status).toBe('degraded'));
    expect(rabbit.health().publishers[0]?.stalledMs).toBeGreaterThanOrEqual(300);
    await eventually(() => expect(lines.map(({ message }) => message)).toContain(stalls));
    expect(rabbit.health().links.publish.phase).toBe('open');
    await expect(owed).rejects.toMatchObject({ code: 'SUREHOP_PUBLISH_UNKNOWN' });
  });
});
