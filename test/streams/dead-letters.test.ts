import { createStreamReader, DeadLetter } from '@surehop/consumer';
import { attachBroker, eventually } from '@surehop/testing';
import { afterAll, expect, inject, test } from 'vitest';
import { stage } from '../consuming/stage.ts';
import { deadLettersIn } from '../dead-letters/queues.ts';
import { events, publish } from './log.ts';

const broker = attachBroker(inject('broker'));
afterAll(() => broker.close());

test('a dead letter of a stream is read like any other, and goes back only where a target is named', async () => {
  await using on = await stage(broker);
  await publish(on.rabbit, events, ['a', 'b']);
  const seen: unknown[] = [];
  const handler = ({ body }: { body: unknown }) => {
    seen.push(body);
    if (seen.length === 1) throw new DeadLetter('not wanted');
  };
  await using _reader = await createStreamReader(on.rabbit, events, handler);
  await eventually(() => expect(seen).toEqual(['a', 'b']));
  const deadLetters = deadLettersIn(on.rabbit, 'events.dead-letter');
  const { messages } = await deadLetters.browse();
  expect(messages.map(({ failure }) => [failure.reason, failure.queue, failure.error?.message])).toEqual([
    ['dead-letter', 'events', 'not wanted'],
  ]);
  const refused = await deadLetters.replay('all');
  expect(refused).toMatchObject({ done: 0, skippedCount: 1 });
  expect(JSON.stringify(refused.skipped)).toContain('it was read from a stream');
  expect(seen).toEqual(['a', 'b']);
  expect(await deadLetters.replay('all', { to: 'events' })).toMatchObject({ done: 1, byTarget: { events: 1 } });
  await eventually(() => expect(seen).toEqual(['a', 'b', 'a']));
});
