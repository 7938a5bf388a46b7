import { createConsumer, defineQueue, isSurehopError } from '@surehop/consumer';
import { attachBroker, eventually } from '@surehop/testing';
import { afterAll, describe, expect, inject, test } from 'vitest';
import { gate, sendJson, stage } from './stage.ts';

const broker = attachBroker(inject('broker'));
afterAll(() => broker.close());

const limits = { handlerTimeoutMs: 150, handlerGraceMs: 150 };
const never = new Promise<never>(() => undefined);

describe('a handler that runs past its time limit', () => {
  test('[handlerGraceMs] is done when it still returns', async () => {
    await using on = await stage(broker);
    const orders = defineQueue('orders', { retry: { delaysMs: [100] } });
    const aborted: unknown[] = [];
    const options = { ...limits, handlerGraceMs: 5_000 };
    const handler = ({ signal }: { signal: AbortSignal }) =>
      new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => {
          aborted.push(signal.reason);
          setTimeout(resolve, 50);
        });
      });
    await using consumer = await createConsumer(on.rabbit, orders, handler, options);
    await sendJson(on.vhost, 'orders', [1]);
    await eventually(() => expect(aborted).toHaveLength(1));
    expect(isSurehopError(aborted[0], 'SUREHOP_HANDLER_TIMEOUT')).toBe(true);
    await eventually(() => expect(consumer.health().inHand).toBe(0));
    expect(await on.vhost.messages('orders.retry.100')).toBe(0);
    expect(aborted).toHaveLength(1);
  });

  test('has failed when it throws because of it, and what it threw is kept', async () => {
    await using on = await stage(broker);
    const orders = defineQueue('orders', { retry: { delaysMs: [] } });
    const handler = ({ signal }: { signal: AbortSignal }) =>
      new Promise<void>((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(new Error('query cancelled')));
      });
    await using _consumer = await createConsumer(on.rabbit, orders, handler, { ...limits, handlerGraceMs: 5_000 });
    await sendJson(on.vhost, 'orders', [1]);
    await eventually(async () => expect(await on.vhost.messages('orders.dead-letter')).toBe(1));
    const [dead] = await on.vhost.get('orders.dead-letter');
    expect(dead?.headers['surehop-error-code']).toBe('SUREHOP_HANDLER_TIMEOUT');
    expect(dead?.headers['surehop-error-stack']).toContain('query cancelled');
  });

  test('is given up after the grace period; its slot stays taken, and its late result is ignored', async () => {
    await using on = await stage(broker);
    const orders = defineQueue<number>('orders', { retry: { delaysMs: [] } });
    const late = gate();
    const seen: number[] = [];
    const handler = async ({ body }: { body: number }) => {
      seen.push(body);
      if (body === 1) await late.opened;
    };
    await using consumer = await createConsumer(on.rabbit, orders, handler, { ...limits, concurrency: 2 });
    await sendJson(on.vhost, 'orders', [1, 2, 3]);
    await eventually(async () => expect(await on.vhost.messages('orders.dead-letter')).toBe(1));
    expect(consumer.health()).toMatchObject({ stuckHandlers: 1, phase: 'consuming' });
    expect(on.rabbit.health().status).toBe('degraded');
    expect(seen).toEqual([1, 2, 3]);
    late.open();
    await eventually(() => expect(consumer.health().stuckHandlers).toBe(0));
    await eventually(async () => expect(await on.vhost.messages('orders')).toBe(0));
    expect(await on.vhost.messages('orders.dead-letter')).toBe(1);
    expect(on.lines.filter(({ message }) => message.includes('that is ignored'))).toHaveLength(1);
  });

  test('does not stop the consumer: when all slots are taken so, it subscribes anew with fresh ones', async () => {
    await using on = await stage(broker);
    const orders = defineQueue<number>('orders', { retry: { delaysMs: [] } });
    const seen: number[] = [];
    const handler = async ({ body }: { body: number }) => {
      if (body === 1 || body === 2) await never;
      seen.push(body);
    };
    await using consumer = await createConsumer(on.rabbit, orders, handler, { ...limits, concurrency: 2 });
    await sendJson(on.vhost, 'orders', [0]);
    await eventually(() => expect(seen).toEqual([0]));
    await sendJson(on.vhost, 'orders', [1, 2, 3, 4, 5]);
    await eventually(() => expect(seen).toEqual([0, 3, 4, 5]), 10_000);
    await eventually(() =>
      expect(consumer.health()).toMatchObject({ stuckHandlers: 2, phase: 'consuming', inHand: 0 }),
    );
    await eventually(async () => expect(await on.vhost.messages('orders.dead-letter')).toBe(2));
    expect(await on.vhost.messages('orders')).toBe(0);
  });
});
