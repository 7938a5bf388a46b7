import { type ConsumerOptions, createConsumer, DeadLetter, defineQueue, RetryLater } from '@surehop/consumer';
import { createTestBroker, eventually } from '@surehop/testing';
import { describe, expect, test } from 'vitest';
import { gate } from '../consuming/stage.ts';
import { byAccount, consuming, failTwice, type Step, send, silent } from './steps.ts';

describe('messages of one key', () => {
  test('are handled one after the other, those of different keys side by side', async () => {
    await using broker = createTestBroker();
    const { opened, open } = gate();
    const { seen } = await consuming(broker, (step) => (step === 'a1' ? opened : undefined));
    send(broker, 'a1 b1 a2 b2 c1 a3');
    await eventually(() => expect(seen).toEqual(['a1', 'b1', 'c1', 'b2']));
    open();
    await eventually(() => expect(seen.slice(4)).toEqual(['a2', 'a3']));
    await eventually(() => expect(broker.counts('steps')).toMatchObject({ ready: 0, unacked: 0 }));
  });

  test('wait for one that failed, and nobody else does', async () => {
    await using broker = createTestBroker();
    const { seen, consumer } = await consuming(broker, failTwice);
    send(broker, 'a1 a2 b1 a3');
    await eventually(() => expect(seen).toEqual(['a1', 'b1']));
    expect(consumer.health().order).toEqual({ delayedKeys: 1, haltedKeys: [], laidAside: 0 });
    await broker.advanceBy(500);
    send(broker, 'b2 a4');
    await eventually(() => expect(seen).toEqual(['a1', 'b1', 'b2']));
    await broker.advanceBy(500);
    await eventually(() => expect(seen.at(-1)).toBe('a1/2'));
    await broker.advanceBy(60_000);
    await eventually(() => expect(seen.slice(4)).toEqual(['a1/3', 'a2', 'a3', 'a4']));
    expect(broker.queues().filter((queue) => broker.counts(queue).ready > 0)).toEqual([]);
  });

  test('wait for as long as RetryLater says', async () => {
    await using broker = createTestBroker();
    const { seen } = await consuming(broker, (step, attempt) => {
      if (step === 'a1' && attempt === 1) throw new RetryLater(90_000);
    });
    send(broker, 'a1 a2');
    await eventually(() => expect(seen).toEqual(['a1']));
    await broker.advanceBy(85_000);
    expect(seen).toEqual(['a1']);
    await broker.advanceBy(5_000);
    await eventually(() => expect(seen).toEqual(['a1', 'a1/2', 'a2']));
  });

  test('go on after one that is in the dead-letter queue, which tells of all its failures', async () => {
    await using broker = createTestBroker();
    const { seen } = await consuming(broker, (step, attempt) => {
      if (step === 'a1') throw new Error(`failure ${attempt}`);
      if (step === 'b1') throw new DeadLetter('nobody knows b');
    });
    send(broker, 'a1 a2 b1 b2');
    await eventually(() => expect(seen).toEqual(['a1', 'b1', 'b2']));
    await broker.advanceBy(1_000);
    await broker.advanceBy(60_000);
    await eventually(() => expect(seen.slice(3)).toEqual(['a1/2', 'a1/3', 'a2']));
    const dead = broker.messages('steps.dead-letter');
    expect(dead.map(({ headers }) => headers['surehop-reason'])).toEqual(['dead-letter', 'failed']);
    expect(dead[1]?.headers).toMatchObject({
      'surehop-attempt': 3,
      'surehop-history': [{ message: 'failure 1' }, { message: 'failure 2' }, { message: 'failure 3' }],
      'surehop-routing-key': 'steps',
    });
  });

  test('come again in order after a lost connection, with the attempts and the wait of the one that failed', async () => {
    await using broker = createTestBroker();
    const { seen } = await consuming(broker, failTwice);
    send(broker, 'a1 a2 a3');
    await eventually(() => expect(seen).toEqual(['a1']));
    await broker.advanceBy(1_000);
    await eventually(() => expect(seen).toEqual(['a1', 'a1/2']));
    broker.cut();
    await broker.advanceBy(10_000);
    expect(seen).toEqual(['a1', 'a1/2']);
    await broker.advanceBy(50_000);
    await eventually(() => expect(seen).toEqual(['a1', 'a1/2', 'a1/3', 'a2', 'a3']));
  });

  test('wait for a handler that a lost connection has left behind', async () => {
    await using broker = createTestBroker();
    const { opened, open } = gate();
    const { seen } = await consuming(broker, (step) => (step === 'a1' ? opened : undefined));
    send(broker, 'a1 a2 b1');
    await eventually(() => expect(seen).toEqual(['a1', 'b1']));
    broker.cut();
    await broker.advanceBy(5_000);
    send(broker, 'b2');
    await eventually(() => expect(seen).toContain('b2'));
    expect(seen.filter((step) => step.startsWith('a'))).toEqual(['a1']);
    open();
    await eventually(() => expect(seen.slice(-2)).toEqual(['a1', 'a2']));
  });
});

describe('several processes', () => {
  test('keep one order: when the first ends, the next has what that held before what comes after', async () => {
    await using broker = createTestBroker();
    const first = await consuming(broker, failTwice);
    const second = await consuming(broker);
    send(broker, 'a1 a2 b1 a3');
    await eventually(() => expect(first.seen).toEqual(['a1', 'b1']));
    await broker.advanceBy(500);
    expect(second.seen).toEqual([]);
    await first.rabbit.close();
    await eventually(() => expect(second.seen.filter((step) => step !== 'b1')).toEqual(['a1', 'a2', 'a3']));
  });

  test('keep it while the first finishes what it is at', async () => {
    await using broker = createTestBroker();
    const { opened, open } = gate();
    const first = await consuming(broker, () => opened);
    const second = await consuming(broker);
    send(broker, 'a1 a2 a3');
    await eventually(() => expect(first.seen).toEqual(['a1']));
    const closed = first.rabbit.close();
    await broker.advanceBy(1_000);
    send(broker, 'b1 a4');
    await broker.advanceBy(1_000);
    expect([first.seen, second.seen]).toEqual([['a1'], []]);
    open();
    await broker.advanceBy(200);
    await closed;
    await eventually(() => expect(second.seen).toHaveLength(4));
    expect(second.seen.filter((step) => step !== 'b1')).toEqual(['a2', 'a3', 'a4']);
  });
});

test('pause() waits for what is at work, gives everything else back, and resume() goes on in order', async () => {
  await using broker = createTestBroker();
  const { seen, consumer } = await consuming(broker, failTwice);
  send(broker, 'a1 a2 b1');
  await eventually(() => expect(seen).toEqual(['a1', 'b1']));
  const paused = consumer.pause();
  await broker.advanceBy(200);
  await paused;
  await eventually(() => expect(broker.counts('steps')).toMatchObject({ ready: 2, unacked: 0 }));
  await broker.advanceBy(5_000);
  expect(seen).toEqual(['a1', 'b1']);
  await consumer.resume();
  await eventually(() => expect(seen).toEqual(['a1', 'b1', 'a1/2']));
});

describe("[afterDeadLetter] 'halt'", () => {
  const halting: ConsumerOptions<Step> = { ...byAccount, afterDeadLetter: 'halt' };
  const dies = (step: string): void => {
    if (step === 'a1') throw new DeadLetter('never');
  };

  test('holds back the key, and no other, until release()', async () => {
    await using broker = createTestBroker();
    const { seen, consumer, rabbit } = await consuming(broker, dies, halting);
    send(broker, 'a1 a2 b1 a3');
    await eventually(() => expect(consumer.health().order?.haltedKeys).toEqual(['a']));
    await broker.advanceBy(600_000);
    expect(seen).toEqual(['a1', 'b1']);
    expect(rabbit.health().status).toBe('degraded');
    expect(broker.messages('steps.dead-letter')).toHaveLength(1);
    expect([consumer.release('b'), consumer.release('a'), consumer.release('a')]).toEqual([false, true, false]);
    await eventually(() => expect(seen).toEqual(['a1', 'b1', 'a2', 'a3']));
    await eventually(() => expect(broker.counts('steps')).toMatchObject({ ready: 0, unacked: 0 }));
  });

  test('can be released while the broker is away', async () => {
    await using broker = createTestBroker();
    const { seen, consumer } = await consuming(broker, dies, halting);
    send(broker, 'a1 a2');
    await eventually(() => expect(consumer.health().order?.haltedKeys).toEqual(['a']));
    broker.kill();
    await eventually(() => expect(consumer.health().order?.haltedKeys).toEqual([]));
    expect([consumer.release('a'), consumer.release('a')]).toEqual([true, false]);
    broker.start();
    await broker.advanceBy(5_000);
    await eventually(() => expect(seen).toEqual(['a1', 'a2']));
    await eventually(() => expect(broker.counts('steps')).toMatchObject({ ready: 0, unacked: 0 }));
  });

  test('does not keep a consumer from pausing whose last dead letter is still on its way', async () => {
    await using broker = createTestBroker();
    const { seen, consumer } = await consuming(broker, dies, halting);
    broker.setAlarm('memory', true);
    send(broker, 'a1 a2');
    await eventually(() => expect(seen).toEqual(['a1']));
    const paused = consumer.pause();
    broker.setAlarm('memory', false);
    await paused;
    expect(broker.counts('steps')).toMatchObject({ ready: 2, unacked: 0 });
    expect(broker.messages('steps.dead-letter')).toHaveLength(1);
  });

  test('lasts through lost connections, and another process tries the message anew', async () => {
    await using broker = createTestBroker();
    const first = await consuming(broker, dies, halting);
    send(broker, 'a1 a2');
    await eventually(() => expect(first.consumer.health().order?.haltedKeys).toEqual(['a']));
    broker.cut();
    await broker.advanceBy(5_000);
    expect(first.seen).toEqual(['a1']);
    expect(first.consumer.health().order?.haltedKeys).toEqual(['a']);
    await first.rabbit.close();
    const second = await consuming(broker);
    await eventually(() => expect(second.seen).toEqual(['a1', 'a2']));
  });
});

describe('a message without a key', () => {
  test.each([
    ['a rejection', () => Promise.reject(new Error('later'))],
    ['nothing', () => undefined],
    ['an empty string', () => ''],
    ['no number', () => Number.NaN],
    ['an object', () => ({})],
  ])('goes to the dead-letter queue with the reason, and the others go on: %s', async (_what, keyOf) => {
    await using broker = createTestBroker();
    const orderBy = ({ body }: { readonly body: Step }) => (body.account === 'x' ? (keyOf() as string) : body.account);
    const { seen } = await consuming(broker, () => undefined, { orderBy });
    send(broker, 'x1 a1 x2 a2');
    await eventually(() => expect(seen).toEqual(['a1', 'a2']));
    await eventually(() => expect(broker.messages('steps.dead-letter')).toHaveLength(2));
    expect(broker.messages('steps.dead-letter')[0]).toMatchObject({
      body: { account: 'x', step: 1 },
      headers: { 'surehop-reason': 'invalid', 'surehop-error-code': 'SUREHOP_KEY_INVALID' },
    });
  });

  test('says what the function threw', async () => {
    await using broker = createTestBroker();
    const orderBy = ({ body }: { readonly body: Step }) => (body as unknown as { of: { it: string } }).of.it;
    await consuming(broker, () => undefined, { orderBy });
    send(broker, 'a1');
    await eventually(() => expect(broker.messages('steps.dead-letter')).toHaveLength(1));
    const [dead] = broker.messages('steps.dead-letter');
    expect(dead?.headers['surehop-error-message']).toMatch(/orderBy threw: Cannot read properties of undefined/);
    expect(dead?.headers['surehop-error-stack']).toContain('Caused by: TypeError');
  });

  test('and one that cannot be decoded are settled without it', async () => {
    await using broker = createTestBroker();
    const { seen } = await consuming(broker);
    broker.publish('', 'steps', 'no JSON');
    send(broker, 'a1');
    await eventually(() => expect(seen).toEqual(['a1']));
    await eventually(() =>
      expect(broker.messages('steps.dead-letter')[0]?.headers['surehop-reason']).toBe('undecodable'),
    );
  });
});

test('a schema that answers late holds up the order of what came after it, and for the time limit only', async () => {
  await using broker = createTestBroker();
  const answers = new Map<number, () => void>();
  const schema = {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: (value: unknown) =>
        new Promise<{ value: Step }>((resolve) => {
          answers.set((value as Step).step, () => resolve({ value: value as Step }));
        }),
    },
  } as const;
  const late = defineQueue<unknown, Step>('steps', { singleActiveConsumer: true, schema });
  const seen: number[] = [];
  await createConsumer(await broker.connect(silent), late, ({ body }) => void seen.push(body.step), {
    orderBy: ({ body }) => body.account,
    handlerTimeoutMs: 60_000,
  });
  send(broker, 'a1 b2 a3');
  await eventually(() => expect(answers.size).toBe(3));
  answers.get(3)?.();
  answers.get(2)?.();
  await broker.advanceBy(50_000);
  expect(seen).toEqual([]);
  await broker.advanceBy(10_000);
  await eventually(() => expect(seen).toEqual([2, 3]));
  expect(broker.messages('steps.dead-letter')[0]?.headers['surehop-error-code']).toBe('SUREHOP_HANDLER_TIMEOUT');
});

describe('createConsumer()', () => {
  const refused = async (options: ConsumerOptions<unknown>, contract = defineQueue('plain')) => {
    await using broker = createTestBroker();
    await createConsumer(await broker.connect(silent), contract, () => undefined, options);
  };

  test('refuses orderBy for a contract that lets several consumers have messages at once', async () => {
    await expect(refused({ orderBy: () => 'a' })).rejects.toThrow(/singleActiveConsumer: true/);
  });

  test('refuses options that make no sense', async () => {
    await expect(refused({ orderBy: 'a' as never })).rejects.toThrow(/orderBy must be a function/);
    await expect(refused({ afterDeadLetter: 'halt' })).rejects.toThrow(/no meaning without orderBy/);
    await expect(refused({ mostHeld: 5 })).rejects.toThrow(/mostHeld has no meaning without orderBy/);
    await expect(refused({ orderBy: () => 'a', mostHeld: -1 })).rejects.toThrow(/mostHeld/);
    await expect(refused({ orderBy: () => 'a', mostWaiting: 60_001 })).rejects.toThrow(/mostWaiting/);
    await expect(refused({ orderBy: () => 'a', afterDeadLetter: 'stop' as never })).rejects.toThrow(/afterDeadLetter/);
  });
});
