import { expect, test } from 'vitest';
import type { QueueView } from '../management-views.ts';
import { waitingIn } from './waiting.ts';

const view = (name: string, messages: number, more: Partial<QueueView> = {}): QueueView => ({
  name,
  durable: true,
  auto_delete: false,
  messages,
  ...more,
});

test('what waits is told level by level, then what exchanges do not take, then what was laid aside', () => {
  const views = [
    view('orders', 7),
    view('surehop.delay.v1.dead-letter', 3),
    view('surehop.delay.v1.to.events', 2, { messages_dlx: 2 }),
    view('surehop.delay.v1.level.10', 5),
    view('surehop.delay.v1.level.2', 4, { messages_dlx: 1 }),
    view('surehop.delay.v1.level.3', 0),
  ];
  expect(waitingIn(views)).toEqual({
    isThere: true,
    waiting: 9,
    laidAside: 3,
    queues: [
      { part: 'level', delayMs: 400, queue: 'surehop.delay.v1.level.2', messages: 4, held: 1 },
      { part: 'level', delayMs: 102_400, queue: 'surehop.delay.v1.level.10', messages: 5, held: 0 },
      { part: 'exchange', exchange: 'events', queue: 'surehop.delay.v1.to.events', messages: 2, held: 2 },
      { part: 'laid aside', queue: 'surehop.delay.v1.dead-letter', messages: 3, held: 0 },
    ],
  });
});

test('a virtual host without a delay network has none', () => {
  expect(waitingIn([view('orders', 7), view('surehop.delay', 1)])).toMatchObject({ isThere: false, queues: [] });
});
