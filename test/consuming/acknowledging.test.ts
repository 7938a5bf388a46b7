import { connect, createConsumer } from '@surehop/consumer';
import { attachBroker, eventually } from '@surehop/testing';
import { connect as amqpConnect } from 'amqplib';
import { afterAll, expect, inject, test } from 'vitest';
import { type Frame, FrameRelay } from '../connection/frame-relay.ts';
import { send } from './stage.ts';

const broker = attachBroker(inject('broker'));
afterAll(() => broker.close());

const queue = 'orders';
const deliver = '60.60';
const ack = '60.80';

/** Lets messages through by the window, so that runs do not hang on how busy the machine is. */
function inWindows(size: number): (frame: Frame) => Buffer {
  let held: Buffer[] = [];
  let bodies = 0;
  return ({ bytes, method }) => {
    const isBody = bytes[0] === 3;
    if (held.length === 0 && method !== deliver) return bytes;
    held.push(bytes);
    if (isBody) bodies += 1;
    if (bodies < size) return Buffer.alloc(0);
    const window = Buffer.concat(held);
    held = [];
    bodies = 0;
    return window;
  };
}

test('1,000 messages that are handled at once take 80 acknowledgements at the most', async () => {
  await using vhost = await broker.vhost();
  const names = Array.from({ length: 1_000 }, (_, number) => String(number));
  const connection = await amqpConnect(vhost.url());
  await (await connection.createChannel()).assertQueue(queue, { arguments: { 'x-queue-type': 'quorum' } });
  await connection.close();
  await send(vhost, queue, names);
  await using relay = await FrameRelay.start(vhost);
  relay.answer = inWindows(50);
  let acks = 0;
  relay.request = ({ method, bytes }) => {
    if (method === ack) acks += 1;
    return bytes;
  };
  await using rabbit = await connect({ url: vhost.url(relay.port) });
  const seen: string[] = [];
  const options = { concurrency: 50, retry: { delaysMs: [] } };
  await using consumer = await createConsumer(
    rabbit,
    { queue, raw: true },
    async ({ body }) => void seen.push(Buffer.from(body).toString()),
    options,
  );
  await eventually(() => expect(seen).toHaveLength(1_000), 20_000);
  await consumer.close();
  expect(seen).toEqual(names);
  expect(await vhost.messages(queue)).toBe(0);
  expect(acks).toBeLessThanOrEqual(80);
}, 40_000);
