import { createConsumer, DeadLetter, defineExchange, defineQueue, jsonCodec } from '@surehop/consumer';
import { createPublisher, DeadLetteredError, NoAnswerError } from '@surehop/publisher';
import { createTestBroker, eventually } from '@surehop/testing';
import { describe, expect, test } from 'vitest';
import { keepingLogger } from '../connection/lines.ts';
import { gate } from '../consuming/stage.ts';
import { handling, opened, orders, rejection, replyQueue } from './asking.ts';

describe('publishAndWait', () => {
  test('resolves with what the handler returned, once it has returned', async () => {
    await using broker = createTestBroker();
    await handling(broker, async ({ body }) => ({ charged: body * 2 }));
    const { ask } = await opened(broker);
    expect(await ask(21)).toEqual({ charged: 42 });
    await eventually(() => expect(broker.counts('orders')).toMatchObject({ ready: 0, unacked: 0 }));
  });

  test('resolves with undefined where the handler returned nothing, and tells null from it', async () => {
    await using broker = createTestBroker();
    await handling(broker, ({ body }) => (body === 1 ? undefined : null));
    const { ask } = await opened(broker);
    expect(await Promise.all([ask(1), ask(2)])).toEqual([undefined, null]);
  });

  test('gives each of thousands its own answer, over one reply queue', async () => {
    await using broker = createTestBroker();
    await handling(broker, ({ body }) => -body);
    const { ask } = await opened(broker);
    const bodies = Array.from({ length: 3_000 }, (_, index) => index + 1);
    expect(await Promise.all(bodies.map((body) => ask(body)))).toEqual(bodies.map((body) => -body));
    expect(broker.queues().filter((name) => name.startsWith('surehop.replies.'))).toHaveLength(1);
    await eventually(() => expect(broker.counts(replyQueue(broker))).toMatchObject({ ready: 0, unacked: 0 }));
  });

  test('waits through the retries, which carry the wish along', async () => {
    await using broker = createTestBroker();
    await handling(broker, ({ attempt }) => {
      if (attempt === 1) throw new Error('the bank does not answer');
      return `on attempt ${attempt}`;
    });
    const { ask } = await opened(broker);
    const answer = ask(1);
    await eventually(() => expect(broker.counts('orders.retry.1000').ready).toBe(1));
    await broker.advanceBy(1_000);
    expect(await answer).toBe('on attempt 2');
  });

  test('rejects with the handler’s error when the message is laid aside', async () => {
    await using broker = createTestBroker();
    await handling(broker, () => {
      throw Object.assign(new TypeError('no such account'), { code: 'E_ACCOUNT' });
    });
    const { ask } = await opened(broker);
    const rejected = rejection(ask(1, { messageId: 'order-1' }));
    await eventually(() => expect(broker.counts('orders.retry.1000').ready).toBe(1));
    await broker.advanceBy(1_000);
    const error = await rejected;
    expect(error).toBeInstanceOf(DeadLetteredError);
    expect(error).toMatchObject({
      code: 'SUREHOP_DEAD_LETTERED',
      messageId: 'order-1',
      queue: 'orders',
      reason: 'failed',
      attempts: 2,
      retryable: false,
      cause: { name: 'TypeError', message: 'no such account', code: 'E_ACCOUNT' },
    });
    expect(error.message).toContain('orders.dead-letter, after 2 failed attempts: no such account');
    expect(broker.messages('orders.dead-letter')).toHaveLength(1);
  });

  test.each([
    ['the handler said so', 1, { reason: 'dead-letter', attempts: 1, cause: { message: 'unknown currency' } }],
    [
      'it cannot be decoded',
      'no JSON',
      { reason: 'undecodable', attempts: 1, cause: { code: 'SUREHOP_BODY_INVALID' } },
    ],
  ])('rejects at once where %s', async (_why, body, told) => {
    await using broker = createTestBroker();
    await handling(broker, () => {
      throw new DeadLetter('unknown currency');
    });
    const codec = { ...jsonCodec, encode: (value: unknown) => Buffer.from(String(value)) };
    const { publisher } = await opened(broker);
    const error = await rejection(
      publisher.publishAndWait(defineQueue('orders', { retry: orders.retry, codec }), body),
    );
    expect(error).toMatchObject({ code: 'SUREHOP_DEAD_LETTERED', ...told });
  });

  test('rejects at its deadline, saying that the message is stored and its outcome unknown', async () => {
    await using broker = createTestBroker();
    const { ask } = await opened(broker);
    const rejected = rejection(ask(1, { timeoutMs: 5_000, messageId: 'order-1' }));
    await eventually(() => expect(broker.counts('orders').ready).toBe(1));
    await broker.advanceBy(4_900);
    await broker.advanceBy(200);
    const error = await rejected;
    expect(error).toBeInstanceOf(NoAnswerError);
    expect(error).toMatchObject({ code: 'SUREHOP_NO_ANSWER', messageId: 'order-1', retryable: true });
    expect(error.message).toContain('message order-1 is stored; its outcome is unknown: no answer came in 5000 ms');
    expect(broker.counts('orders').ready).toBe(1);
  });

  test('rejects as publish does where the message is not stored', async () => {
    await using broker = createTestBroker();
    const { publisher, ask } = await opened(broker);
    const nowhere = defineExchange<number>('nowhere', { type: 'fanout' });
    expect(await rejection(publisher.publishAndWait(nowhere, 1))).toMatchObject({ code: 'SUREHOP_UNROUTABLE' });
    broker.setAlarm('memory', true);
    const rejected = rejection(ask(1, { timeoutMs: 2_000 }));
    await broker.advanceBy(2_100);
    expect((await rejected).code).toMatch(/^SUREHOP_PUBLISH_/);
    broker.setAlarm('memory', false);
  });

  test('is given up by its signal, before and after it is stored', async () => {
    await using broker = createTestBroker();
    const { ask } = await opened(broker);
    expect(await rejection(ask(1, { signal: AbortSignal.abort() }))).toMatchObject({
      code: 'SUREHOP_PUBLISH_NOT_SENT',
    });
    const controller = new AbortController();
    const rejected = rejection(ask(2, { signal: controller.signal }));
    await eventually(() => expect(broker.counts('orders').ready).toBe(1));
    controller.abort(new Error('the visitor has left'));
    expect(await rejected).toMatchObject({ code: 'SUREHOP_NO_ANSWER', cause: { message: 'the visitor has left' } });
  });

  test('refuses at once what is beyond maxAwaitedAnswers, and takes more when some are answered', async () => {
    await using broker = createTestBroker();
    const { ask } = await opened(broker, { maxAwaitedAnswers: 2 });
    const first = [ask(1), ask(2)];
    expect(await rejection(ask(3))).toMatchObject({ code: 'SUREHOP_PUBLISHER_FULL', retryable: true });
    await handling(broker, ({ body }) => body);
    expect(await Promise.all(first)).toEqual([1, 2]);
    expect(await ask(4)).toBe(4);
    await eventually(() => expect(broker.counts('orders')).toMatchObject({ ready: 0, unacked: 0 }));
  });

  test('is counted in health() until it is settled, whichever way, and makes nobody unwell', async () => {
    await using broker = createTestBroker();
    const rabbit = await broker.connect({ log: keepingLogger().log });
    const publisher = createPublisher(rabbit);
    expect(publisher.health().awaitedAnswers).toBe(0);
    const controller = new AbortController();
    const given = rejection(publisher.publishAndWait(orders, 1, { signal: controller.signal }));
    const late = rejection(publisher.publishAndWait(orders, 2, { timeoutMs: 1_000 }));
    const answered = publisher.publishAndWait(orders, 3);
    expect(publisher.health()).toMatchObject({ awaitedAnswers: 3, unconfirmed: 0, waiting: 3 });
    await eventually(() => expect(broker.counts('orders').ready).toBe(3));
    await eventually(() => expect(publisher.health()).toMatchObject({ awaitedAnswers: 3, unconfirmed: 0, waiting: 0 }));
    const { status, publishers } = rabbit.health();
    expect({ status, publishers }).toEqual({ status: 'ok', publishers: [publisher.health()] });
    controller.abort();
    expect(await given).toMatchObject({ code: 'SUREHOP_NO_ANSWER' });
    expect(publisher.health().awaitedAnswers).toBe(2);
    await broker.advanceBy(1_100);
    expect(await late).toMatchObject({ code: 'SUREHOP_NO_ANSWER' });
    expect(publisher.health().awaitedAnswers).toBe(1);
    await handling(broker, ({ body }) => body);
    expect(await answered).toBe(3);
    expect(publisher.health().awaitedAnswers).toBe(0);
    // Refused at once.
    const twins = [publisher.publishAndWait(orders, 4, { messageId: 'twin' })];
    await rejection(publisher.publishAndWait(orders, 4, { messageId: 'twin' }));
    expect(publisher.health().awaitedAnswers).toBe(1);
    expect(await Promise.all(twins)).toEqual([4]);
  });

  test('refuses two calls of one message id at once, and unknown options', async () => {
    await using broker = createTestBroker();
    const { ask } = await opened(broker);
    const one = ask(1, { messageId: 'twin' });
    expect(await rejection(ask(1, { messageId: 'twin' }))).toMatchObject({ code: 'SUREHOP_OPTION_INVALID' });
    for (const wrong of [{ deadlineMs: 1 }, { timeoutMs: 0 }, { answer: {} }, { properties: { replyTo: 'mine' } }]) {
      expect(await rejection(ask(1, wrong as never))).toMatchObject({ code: 'SUREHOP_OPTION_INVALID' });
    }
    await handling(broker, ({ body }) => body);
    expect(await one).toBe(1);
  });

  test('checks the answer by a schema where one is given', async () => {
    await using broker = createTestBroker();
    await handling(broker, ({ body }) => (body === 0 ? undefined : body));
    const { publisher } = await opened(broker);
    const small = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: (value: unknown) =>
          Number(value) < 10 ? { value: `${value}!` } : { issues: [{ message: 'is too large' }] },
      },
    } as const;
    const answer: string = await publisher.publishAndWait(orders, 1, { answer: small });
    expect(answer).toBe('1!');
    for (const [body, why] of [
      [10, 'is too large'],
      [0, 'returned nothing'],
    ] as const) {
      const error = await rejection(publisher.publishAndWait(orders, body, { answer: small }));
      expect(error).toMatchObject({ code: 'SUREHOP_ANSWER_UNREADABLE', message: expect.stringContaining(why) });
    }
  });
});

describe('a consumer', () => {
  test('answers nobody who has not asked, whatever reply_to says', async () => {
    await using broker = createTestBroker();
    const done: number[] = [];
    await handling(broker, ({ body }) => void done.push(body));
    const { publisher } = await opened(broker);
    await publisher.publish(defineQueue('mailbox'), 'there it is');
    await publisher.publish(orders, 1, { properties: { replyTo: 'mailbox' } });
    await eventually(() => expect(done).toEqual([1]));
    await eventually(() => expect(broker.counts('orders')).toMatchObject({ ready: 0, unacked: 0 }));
    expect(broker.messages('mailbox')).toHaveLength(1);
  });

  test('is not hurt by a reply to nobody', async () => {
    await using broker = createTestBroker();
    const { lines } = await handling(broker, ({ body }) => body);
    const headers = { 'surehop-answer': 'wanted' };
    for (const replyTo of ['nobody', 'nobody', 'amq.rabbitmq.reply-to']) {
      broker.publish('', 'orders', 1, { headers, properties: { replyTo, messageId: 'lost' } });
    }
    const { ask } = await opened(broker);
    expect(await ask(2)).toBe(2);
    await eventually(() => expect(broker.counts('orders')).toMatchObject({ ready: 0, unacked: 0 }));
    expect(lines.filter(({ level }) => level === 'warn' || level === 'error')).toEqual([]);
    const nobody = () => lines.filter(({ message }) => message === 'nobody waits for an answer any more');
    await eventually(() => expect(nobody()).toHaveLength(3));
  });

  test('acknowledges a message whose answer cannot be sent, and says so to whoever waits', async () => {
    await using broker = createTestBroker();
    const { lines } = await handling(broker, () => 1n);
    const { ask } = await opened(broker);
    const error = await rejection(ask(1));
    expect(error).toMatchObject({
      code: 'SUREHOP_ANSWER_UNREADABLE',
      message: expect.stringMatching(/stored and handled.*cannot be encoded as JSON/),
    });
    expect(lines.filter(({ level }) => level === 'error')).toHaveLength(1);
    await eventually(() => expect(broker.counts('orders')).toMatchObject({ ready: 0, unacked: 0 }));
    expect(broker.messages('orders.dead-letter')).toEqual([]);
  });

  test('of a raw queue answers with bytes as they are, and anything else as JSON', async () => {
    await using broker = createTestBroker();
    const { publisher, ask } = await opened(broker);
    await publisher.publish(orders, 0);
    const rabbit = await broker.connect({ log: keepingLogger().log });
    await createConsumer(rabbit, { queue: 'orders', raw: true }, ({ body }) =>
      body[0] === 0x31 ? new Uint8Array([1, 2, 3]) : { length: body.length },
    );
    expect(await ask(1)).toEqual(Buffer.from([1, 2, 3]));
    expect(await ask(222)).toEqual({ length: 3 });
  });

  test('that closes waits for its answers, for as long as a farewell may take', async () => {
    await using broker = createTestBroker();
    const alarmed = gate();
    const { consumer } = await handling(broker, async ({ body }) => {
      await alarmed.opened;
      return body;
    });
    const { ask } = await opened(broker);
    const answer = ask(7, { timeoutMs: 10_000 });
    await eventually(() => expect(broker.counts('orders').unacked).toBe(1));
    broker.setAlarm('memory', true);
    alarmed.open();
    await eventually(() => expect(broker.counts('orders').unacked).toBe(0));
    const closing = consumer.close();
    await broker.advanceBy(500);
    expect(consumer.health().phase).toBe('closed');
    broker.setAlarm('memory', false);
    await closing;
    expect(await answer).toBe(7);
  });
});
