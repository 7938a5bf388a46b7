import { createPublisher } from '@surehop/publisher';
import { createTestBroker, eventually } from '@surehop/testing';
import { describe, expect, test } from 'vitest';
import { keepingLogger } from '../connection/lines.ts';
import { gate } from '../consuming/stage.ts';
import { handling, opened, orders, rejection, replyQueue } from './asking.ts';

describe('across failures', () => {
  test('an answer that comes while the asker is away is there when it is back', async () => {
    await using broker = createTestBroker();
    const { ask } = await opened(broker);
    const answer = ask(1);
    await eventually(() => expect(broker.counts('orders').ready).toBe(1));
    broker.cut();
    await handling(broker, ({ body }) => body);
    await broker.advanceBy(5_000);
    expect(await answer).toBe(1);
  });

  test('a power cut of the broker changes nothing but the time it takes', async () => {
    await using broker = createTestBroker();
    const { ask } = await opened(broker);
    await handling(broker, ({ body }) => body);
    expect(await ask(0)).toBe(0);
    const answers = [1, 2, 3].map((body) => ask(body));
    broker.kill();
    await broker.advanceBy(5_000);
    broker.start();
    await broker.advanceBy(5_000);
    expect(await Promise.all(answers)).toEqual([1, 2, 3]);
  });

  test('an alarm holds back the answers, and not the acknowledgements of what they are for', async () => {
    await using broker = createTestBroker();
    const { ask } = await opened(broker);
    const alarmed = gate();
    await handling(broker, async ({ body }) => {
      await alarmed.opened;
      return body;
    });
    let answered = 0;
    const answers = [1, 2, 3].map((body) => ask(body).finally(() => answered++));
    await eventually(() => expect(broker.counts('orders').unacked).toBe(3));
    broker.setAlarm('memory', true);
    alarmed.open();
    await eventually(() => expect(broker.counts('orders')).toMatchObject({ ready: 0, unacked: 0 }));
    await broker.advanceBy(5_000);
    expect(answered).toBe(0);
    broker.setAlarm('memory', false);
    await broker.advanceBy(5_000);
    expect(await Promise.all(answers)).toEqual([1, 2, 3]);
  });

  test('a deleted reply queue is made again; what may have been lost with it is said', async () => {
    await using broker = createTestBroker();
    const { ask } = await opened(broker);
    const early = rejection(ask(1, { timeoutMs: 20_000 }));
    const late = ask(2, { timeoutMs: 60_000 });
    await eventually(() => expect(broker.counts('orders').ready).toBe(2));
    const name = replyQueue(broker);
    broker.deleteQueue(name);
    await broker.advanceBy(3_000);
    await eventually(() => expect(replyQueue(broker)).toBe(name));
    await broker.advanceBy(20_000);
    expect((await early).message).toContain('no answer came in 20000 ms; its reply queue was gone meanwhile');
    await handling(broker, ({ body }) => body);
    expect(await late).toBe(2);
  });

  test('a reply queue that nobody comes back to is deleted by the broker, in five minutes', async () => {
    await using broker = createTestBroker();
    const { ask } = await opened(broker);
    const rejected = rejection(ask(1, { timeoutMs: 1_000_000 }));
    await eventually(() => expect(broker.counts('orders').ready).toBe(1));
    await broker.advanceBy(600_000);
    expect(replyQueue(broker)).not.toBe('none');
    broker.refuse();
    broker.cut();
    await broker.advanceBy(299_000);
    expect(replyQueue(broker)).not.toBe('none');
    await broker.advanceBy(2_000);
    expect(replyQueue(broker)).toBe('none');
    broker.heal();
    await broker.advanceBy(400_000);
    expect((await rejected).message).toContain('its reply queue was gone meanwhile');
  });

  test('a first call waits for a connection that is down, and is not sent after its time', async () => {
    await using broker = createTestBroker();
    const { ask } = await opened(broker);
    broker.refuse();
    broker.cut();
    const rejected = rejection(ask(1, { timeoutMs: 2_000 }));
    await broker.advanceBy(2_100);
    const error = await rejected;
    expect(error).toMatchObject({ code: 'SUREHOP_PUBLISH_NOT_SENT' });
    expect(error.message).toContain('its reply queue did not stand');
    broker.heal();
  });
});

describe('closing', () => {
  test('gives up what is stored and not answered, and deletes the reply queue', async () => {
    await using broker = createTestBroker();
    const { publisher, ask } = await opened(broker);
    const rejected = rejection(ask(1, { timeoutMs: 60_000 }));
    await eventually(() => expect(broker.counts('orders').ready).toBe(1));
    const closing = publisher.close({ timeoutMs: 1_000 });
    await broker.advanceBy(1_000);
    expect(await rejected).toMatchObject({ code: 'SUREHOP_NO_ANSWER', cause: { code: 'SUREHOP_CLOSE_TIMEOUT' } });
    await closing;
    expect(replyQueue(broker)).toBe('none');
    expect(await rejection(ask(2))).toMatchObject({ code: 'SUREHOP_CLOSED' });
  });

  test('of one publisher leaves the reply queue to the others of its connection', async () => {
    await using broker = createTestBroker();
    await handling(broker, ({ body }) => body);
    const rabbit = await broker.connect({ log: keepingLogger().log });
    const [one, other] = [createPublisher(rabbit), createPublisher(rabbit)];
    expect(await one.publishAndWait(orders, 1)).toBe(1);
    expect(await other.publishAndWait(orders, 2)).toBe(2);
    const name = replyQueue(broker);
    await one.close();
    expect(replyQueue(broker)).toBe(name);
    expect(await other.publishAndWait(orders, 3)).toBe(3);
    await other.close();
    expect(replyQueue(broker)).toBe('none');
  });
});
