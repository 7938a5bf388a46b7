import { attachBroker, eventually, FaultProxy, type Vhost } from '@surehop/testing';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { Program } from './program.ts';

const broker = attachBroker(inject('broker'));
const apple = { email: 'ada@example.com', item: 'apple', quantity: 3 };

describe('examples/order-service', () => {
  let vhost: Vhost;
  let proxy: FaultProxy;
  let service: Program;
  let url: string;

  beforeAll(async () => {
    vhost = await broker.vhost();
    proxy = await FaultProxy.start(vhost);
    service = new Program('order-service/main.ts', [], { AMQP_URL: vhost.url(proxy.port), PORT: '0' });
    url = `http://127.0.0.1:${await service.port()}`;
  });
  afterAll(async () => {
    await service[Symbol.asyncDispose]();
    await proxy[Symbol.asyncDispose]();
    await broker.close();
  });

  function order(body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
    return fetch(`${url}/orders`, {
      method: 'POST',
      headers,
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  }

  test('answers 202 once the broker has the order', async () => {
    const response = await order(apple);
    expect(response.status).toBe(202);
    const { id } = (await response.json()) as { id: string };
    const [stored] = await vhost.get('orders');
    expect(JSON.parse(String(stored?.content))).toEqual({ ...apple, id });
    expect(stored?.properties).toMatchObject({ message_id: id, delivery_mode: 2 });
  });

  test('gives the order the id of the Idempotency-Key', async () => {
    const response = await order(apple, { 'idempotency-key': 'key-1' });
    expect(await response.json()).toEqual({ id: 'key-1' });
    expect(await vhost.messageIds('orders')).toContain('key-1');
  });

  test.each([
    ['{"email":', 400],
    ['[]', 400],
    [{ ...apple, quantity: 0 }, 422],
    [{ ...apple, email: 'nobody' }, 422],
    [`"${'x'.repeat(200_000)}"`, 413],
  ])('refuses what is no order: %.20j', async (body, status) => {
    const before = await vhost.messageIds('orders');
    const response = await order(body);
    expect(response.status).toBe(status);
    expect(await vhost.messageIds('orders')).toEqual(before);
  });

  test('names the path of what does not fit', async () => {
    const response = await order({ ...apple, quantity: 'three' });
    expect(await response.json()).toMatchObject({ issues: [{ path: 'quantity' }] });
  });

  test('refuses an unusable Idempotency-Key', async () => {
    expect((await order(apple, { 'idempotency-key': 'a b' })).status).toBe(400);
  });

  test('knows no other path', async () => {
    expect((await fetch(`${url}/elsewhere`)).status).toBe(404);
  });

  test('answers 503 with Retry-After and is unhealthy while the broker is cut off, and recovers', async () => {
    expect((await fetch(`${url}/health`)).status).toBe(200);
    proxy.refuse();
    proxy.cut();
    await eventually(async () => expect((await fetch(`${url}/health`)).status).toBe(503));

    const response = await order(apple, { 'idempotency-key': 'key-2' });
    expect(response.status).toBe(503);
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await response.json()).toMatchObject({ id: 'key-2' });

    proxy.heal();
    await eventually(async () => expect((await fetch(`${url}/health`)).status).toBe(200));
    expect((await order(apple, { 'idempotency-key': 'key-2' })).status).toBe(202);
    expect(await vhost.messageIds('orders')).toContain('key-2');
  });

  test('answers the order in hand on SIGTERM and ends with exit code 0', async () => {
    proxy.delay(200); // the confirm takes its time
    const inHand = order(apple, { 'idempotency-key': 'key-3' });
    await eventually(async () => {
      const { publishers } = (await (await fetch(`${url}/health`)).json()) as { publishers: { unconfirmed: number }[] };
      expect(publishers[0]?.unconfirmed).toBe(1);
    });
    service.kill('SIGTERM');
    expect((await inHand).status).toBe(202);
    expect(await service.end()).toEqual({ code: 0, signal: null });
    expect(await vhost.messageIds('orders')).toContain('key-3');
    await eventually(() => expect(proxy.connections).toBe(0));
  });
});
