import { connect, createConsumer, defineQueue } from '@surehop/consumer';
import { attachBroker, eventually } from '@surehop/testing';
import { afterAll, expect, inject, test } from 'vitest';
import { closeFrame, FrameRelay } from '../connection/frame-relay.ts';
import { keepingLogger } from '../connection/lines.ts';
import { sendJson } from './stage.ts';

const broker = attachBroker(inject('broker'));
afterAll(() => broker.close());

const orders = defineQueue<number>('orders', { retry: { delaysMs: [] } });
/** `exchange.declare-ok`, `queue.declare-ok`, `queue.bind-ok`. */
const declared = new Set(['40.11', '50.11', '50.21']);

test('a consumer that comes back does not wait for declarations that hang where all of it stood before', async () => {
  await using vhost = await broker.vhost();
  await using relay = await FrameRelay.start(vhost);
  const { log, lines } = keepingLogger();
  // Longer than this test waits: nothing but the patience of the consumer ends it.
  await using rabbit = await connect({ url: vhost.url(relay.port), rpcTimeoutMs: 30_000, log });
  const seen: number[] = [];
  await using consumer = await createConsumer(rabbit, orders, ({ body }) => void seen.push(body));
  let hanging = 0;
  relay.answer = ({ bytes, method }) => {
    if (!declared.has(method)) return bytes;
    hanging += 1;
    return Buffer.alloc(0);
  };

  relay.slipIn(closeFrame(0, 320, 'CONNECTION_FORCED'), 'all');
  await eventually(() => expect(lines.map(({ message }) => message)).toContain('consuming again'), 10_000);
  await sendJson(vhost, 'orders', [1]);

  await eventually(() => expect(seen).toEqual([1]));
  expect(hanging).toBeGreaterThan(0);
  expect(consumer.health().phase).toBe('consuming');
}, 30_000);
