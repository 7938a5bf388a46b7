import { type ConsumerOptions, createConsumer, DeadLetter } from '@surehop/consumer';
import { createTestBroker, eventually, type TestBroker } from '@surehop/testing';
import { expect, test } from 'vitest';
import { gate } from '../consuming/stage.ts';
import { byAccount, consuming, failTwice, type Step, send, silent, stepOf, steps } from './steps.ts';

/** All that waits is laid aside at once. */
const atOnce: ConsumerOptions<Step> = { ...byAccount, mostHeld: 0 };

const waiting = (broker: TestBroker): string[] =>
  broker.messages('steps.waiting').map(({ properties }) => properties.messageId ?? '');

/** As another process has laid it aside. */
function lay(broker: TestBroker, step: string, number: number): void {
  const headers = { 'surehop-waiting': { by: 'x.1', kind: 'copy', number, exchange: 'topic', 'routing-key': 'step' } };
  broker.publish('', 'steps.waiting', stepOf(step), { properties: { messageId: step }, headers });
}

test('what waits beyond mostHeld is laid aside, in order, and handled when its key goes on', async () => {
  await using broker = createTestBroker();
  const { seen, consumer } = await consuming(broker, failTwice, { ...byAccount, mostHeld: 3 });
  send(broker, 'a1 a2 b1 a3');
  await eventually(() => expect(seen).toEqual(['a1', 'b1']));
  // The consumer's own marker passes through the waiting queue at its start.
  await eventually(() => expect([broker.counts('steps').unacked, waiting(broker)]).toEqual([3, []]));
  send(broker, 'a4 b2 a5');
  await eventually(() => expect(waiting(broker)).toEqual(['a1', 'a2']));
  await eventually(() => expect(consumer.health().order).toEqual({ delayedKeys: 1, haltedKeys: [], laidAside: 2 }));
  await eventually(() => expect(broker.counts('steps')).toMatchObject({ ready: 0, unacked: 3 }));
  await broker.advanceBy(1_000);
  await broker.advanceBy(60_000);
  await eventually(() => expect(seen).toEqual(['a1', 'b1', 'b2', 'a1/2', 'a1/3', 'a2', 'a3', 'a4', 'a5']));
  await eventually(() => expect(broker.counts('steps.waiting')).toMatchObject({ ready: 0, unacked: 0 }));
  await eventually(() => expect(consumer.health().order?.laidAside).toBe(0));
});

test('the prefetch does not fill: other keys go on, however many wait', async () => {
  await using broker = createTestBroker();
  const { seen } = await consuming(broker, failTwice, { ...atOnce, prefetch: 5, concurrency: 2 });
  send(broker, `${Array.from({ length: 50 }, (_, index) => `a${index + 1}`).join(' ')} b1`);
  await eventually(() => expect(seen).toEqual(['a1', 'b1']));
  await eventually(() => expect(waiting(broker)).toHaveLength(50)); // the last of them were in hand beside b1
});

// Red without `...time` in waitingCopy: the next process tries it at once.
test('the next process knows attempts and waits, and has what was laid aside before what comes after', async () => {
  await using broker = createTestBroker();
  const first = await consuming(broker, failTwice, atOnce);
  send(broker, 'a1 a2');
  await eventually(() => expect(waiting(broker)).toEqual(['a1', 'a2']));
  await broker.advanceBy(200);
  await first.rabbit.close();
  send(broker, 'a3 b1');
  const second = await consuming(broker, failTwice, atOnce);
  await eventually(() => expect(second.seen).toEqual(['b1']));
  await broker.advanceBy(800);
  await eventually(() => expect(second.seen).toEqual(['b1', 'a1/2']));
  await broker.advanceBy(60_000);
  await eventually(() => expect(second.seen).toEqual(['b1', 'a1/2', 'a1/3', 'a2', 'a3']));
});

// Red without #lookLater.
test('a process that is handed nothing takes what another has left', async () => {
  await using broker = createTestBroker();
  const first = await consuming(broker, failTwice, atOnce);
  const second = await consuming(broker, failTwice, atOnce);
  send(broker, 'a1 a2');
  await eventually(() => expect(waiting(broker)).toEqual(['a1', 'a2']));
  await first.rabbit.close();
  await eventually(() => expect(broker.counts('steps')).toMatchObject({ ready: 0, unacked: 0 }));
  await broker.advanceBy(6_000);
  await broker.advanceBy(60_000);
  await eventually(() => expect(second.seen).toEqual(['a1/2', 'a1/3', 'a2']));
  await eventually(() => expect(waiting(broker)).toEqual([]));
});

// Red without `onSucceeded`: the third process waits for the second, which holds a halted key.
test('it leaves to who is handed the messages of the work queue', async () => {
  await using broker = createTestBroker();
  const halting: ConsumerOptions<Step> = { ...atOnce, afterDeadLetter: 'halt' };
  const dies = (step: string): void => {
    if (step === 'a1') throw new DeadLetter('never');
  };
  const first = await consuming(broker, dies, halting);
  const third = await consuming(broker, dies, halting); // the next in line of the work queue
  await broker.advanceBy(2_500);
  const second = await consuming(broker, dies, halting);
  send(broker, 'a1 a2');
  await eventually(() => expect(waiting(broker)).toEqual(['a1', 'a2']));
  await broker.advanceBy(2_600); // the third has looked
  await first.rabbit.close();
  await broker.advanceBy(2_400); // now the second looks
  await eventually(() => expect(second.consumer.health().order?.haltedKeys).toEqual(['a']));
  send(broker, 'b1 a3');
  await broker.advanceBy(2_000);
  await eventually(() => expect(third.seen).toContain('b1'));
  await eventually(() => expect(third.consumer.health().order?.haltedKeys).toEqual(['a']));
  third.consumer.release('a');
  await eventually(() => expect(third.seen.filter((step) => step !== 'b1')).toEqual(['a1', 'a2', 'a3']));
});

// Red without Leftovers.holds.
test('an original that comes again beside its copy is not handled twice', async () => {
  await using broker = createTestBroker();
  const { opened } = gate();
  const first = await consuming(broker, () => opened, { ...atOnce, drainTimeoutMs: 0 });
  send(broker, 'a1 a2');
  await eventually(() => expect(first.seen).toEqual(['a1']));
  lay(broker, 'a1', 1);
  await first.rabbit.close({ timeoutMs: 0 });
  await eventually(() => expect(broker.counts('steps')).toMatchObject({ ready: 2 }));
  const second = await consuming(broker, () => undefined, atOnce);
  await eventually(() => expect(second.seen).toEqual(['a1', 'a2']));
  await eventually(() => expect(broker.counts('steps')).toMatchObject({ ready: 0, unacked: 0 }));
});

test('a handler sees a message that was laid aside as it was published', async () => {
  await using broker = createTestBroker();
  const first = await consuming(broker);
  await first.rabbit.close();
  lay(broker, 'a1', 1);
  lay(broker, 'a1', 1); // its confirm was late
  broker.publish('', 'steps.waiting', stepOf('a2'), { properties: { messageId: 'a2' } }); // by hand
  const seen: unknown[] = [];
  await consuming(broker, () => undefined, {
    orderBy: ({ body, exchange, routingKey, headers }) => {
      seen.push([body.step, exchange, routingKey, Object.keys(headers)]);
      return body.account;
    },
  });
  await eventually(() =>
    expect(seen).toEqual([
      [1, 'topic', 'step', []],
      [2, '', 'steps.waiting', []],
    ]),
  );
  await eventually(() => expect(broker.counts('steps.waiting')).toMatchObject({ ready: 0, unacked: 0 }));
});

// Red without the comparison with mostWaiting.
test('mostWaiting bounds what is laid aside; the rest waits in hand', async () => {
  await using broker = createTestBroker();
  const { seen } = await consuming(broker, failTwice, { ...atOnce, mostWaiting: 2 });
  send(broker, 'a1 a2 a3 a4 b1');
  await eventually(() => expect(seen).toEqual(['a1', 'b1']));
  await eventually(() => expect(waiting(broker)).toEqual(['a1', 'a2']));
  await eventually(() => expect(broker.counts('steps').unacked).toBe(2));
  await broker.advanceBy(1_000);
  await broker.advanceBy(60_000);
  await eventually(() => expect(seen.slice(2)).toEqual(['a1/2', 'a1/3', 'a2', 'a3', 'a4']));
});

test('a message without an id is not laid aside, nor is what is behind it of its key', async () => {
  await using broker = createTestBroker();
  const { seen } = await consuming(broker, failTwice, atOnce);
  send(broker, 'a1');
  broker.publish('', 'steps', stepOf('a2'));
  send(broker, 'a3');
  await eventually(() => expect(waiting(broker)).toEqual(['a1']));
  await eventually(() => expect(broker.counts('steps').unacked).toBe(2));
  await broker.advanceBy(1_000);
  await broker.advanceBy(60_000);
  await eventually(() => expect(seen).toEqual(['a1', 'a1/2', 'a1/3', 'a2', 'a3']));
});

test('while the broker blocks publishing, what waits stays in hand, and others go on', async () => {
  await using broker = createTestBroker();
  const { seen } = await consuming(broker, failTwice, atOnce);
  broker.setAlarm('memory', true);
  send(broker, 'a1 a2 b1');
  await eventually(() => expect(seen).toEqual(['a1', 'b1']));
  await broker.advanceBy(1_000);
  await eventually(() => expect(seen).toEqual(['a1', 'b1', 'a1/2']));
  await eventually(() => expect(waiting(broker)).toEqual([]));
  broker.setAlarm('memory', false);
  await broker.advanceBy(60_000);
  await eventually(() => expect(seen.slice(3)).toEqual(['a1/3', 'a2']));
  await eventually(() => expect(broker.counts('steps.waiting')).toMatchObject({ ready: 0, unacked: 0 }));
});

test('a waiting queue that is deleted is made again, and the consumer goes on', async () => {
  await using broker = createTestBroker();
  const { seen } = await consuming(broker, failTwice, atOnce);
  send(broker, 'a1 a2');
  await eventually(() => expect(waiting(broker)).toEqual(['a1', 'a2']));
  broker.deleteQueue('steps.waiting');
  await broker.advanceBy(10_000);
  send(broker, 'b1');
  await eventually(() => expect(seen).toContain('b1'));
  expect(broker.queues()).toContain('steps.waiting');
});

// Red with `this.inHand === 0 ||` in whenSettled of subscription.ts: it counts what is of the work queue alone.
test('pause() waits for a handler that is at work on what was laid aside', async () => {
  await using broker = createTestBroker();
  const { rabbit } = await consuming(broker);
  await rabbit.close();
  lay(broker, 'a1', 1);
  const { opened, open } = gate();
  const second = await consuming(broker, () => opened, atOnce);
  await eventually(() => expect(second.seen).toEqual(['a1']));
  let isPaused = false;
  const paused = second.consumer.pause().then(() => {
    isPaused = true;
  });
  await broker.advanceBy(1_000);
  send(broker, 'a2');
  await broker.advanceBy(1_000);
  const third = await consuming(broker, () => undefined, atOnce);
  await broker.advanceBy(10_000);
  expect([isPaused, third.seen]).toEqual([false, []]);
  open();
  await broker.advanceBy(200);
  await paused;
  await eventually(() => expect(third.seen).toEqual(['a2']));
});

// Red without `await waiting.standing()` in order.ts: it takes messages, handles none, and gives them back for ever.
test('without a waiting queue, a consumer that may not make it takes nothing', async () => {
  await using broker = createTestBroker();
  const { rabbit } = await consuming(broker);
  await rabbit.close();
  broker.deleteQueue('steps.waiting');
  send(broker, 'a1');
  const bare = await broker.connect({ ...silent, topology: 'off' });
  await expect(createConsumer(bare, steps, () => undefined, byAccount)).rejects.toThrow(/steps\.waiting/);
  await eventually(() => expect(broker.counts('steps')).toMatchObject({ ready: 1, unacked: 0 }));
  expect(broker.messages('steps')[0]).toMatchObject({ redelivered: false });
});
