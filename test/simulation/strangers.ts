import type { MemoryBroker, PublishedMessage } from '@surehop/testing/internal';
import type { Stranger } from './plan.ts';
import { deadLetterQueue, type Scene, workQueue } from './scene.ts';

const json = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));
const noJson = 'this is {no JSON';

/** As other clients send them. */
const messages: Readonly<Record<Stranger['kind'], PublishedMessage>> = {
  'no json': { content: Buffer.from(noJson), properties: { messageId: 'stranger', contentType: 'application/json' } },
  'no id': { content: json({ number: -1 }) },
  'stale counts': {
    content: json({ number: -1 }),
    properties: { messageId: 'stranger' },
    headers: {
      'x-death': [{ queue: workQueue, reason: 'expired', exchange: '', count: 99, 'routing-keys': [workQueue] }],
      'x-delivery-count': 40,
    },
  },
  'bogus headers': {
    content: json({ number: -1 }),
    properties: { messageId: 'stranger' },
    headers: { 'x-death': 'nope', 'surehop-attempt': 'many', 'surehop-not-before': 'soon', 'surehop-failed-at': 7 },
  },
  'another type': {
    content: Buffer.from([0, 255, 1]),
    properties: { messageId: 'stranger', contentType: 'image/png' },
  },
  // Of a consumer whose clock is far ahead: by ours it has failed in a time to come.
  'another clock': {
    content: json({ number: -1 }),
    properties: { messageId: 'stranger' },
    headers: {
      'surehop-attempt': 1,
      'surehop-failed-at': '2999-01-01T00:00:00.000Z',
      'surehop-not-before': '2999-01-01T00:00:01.500Z',
    },
  },
  'asks in vain': {
    content: json({ number: -1 }),
    properties: { messageId: 'stranger', replyTo: 'nobody' },
    headers: { 'surehop-answer': 'wanted' },
  },
};

/** Messages that nobody here has sent come in between, and must not hold up anything. */
export class Strangers {
  readonly #scene: Scene;
  readonly #broker: MemoryBroker;
  #undecodable = 0;

  constructor(scene: Scene, broker: MemoryBroker) {
    this.#scene = scene;
    this.#broker = broker;
  }

  schedule(): void {
    for (const { kind, at } of this.#scene.plan.strangers) {
      this.#scene.clock.setTimeout(() => {
        if (!this.#broker.isUp || !this.#broker.publish('', workQueue, messages[kind])) return;
        this.#scene.exercise(`stranger: ${kind}`);
        if (kind === 'no json') this.#undecodable += 1;
      }, at);
    }
  }

  /** What cannot be read is kept as it came. Nobody waited for a confirm of it: a broker that was killed may not have it. */
  violations(): string[] {
    if (this.#scene.plan.faults.some(({ kind }) => kind.startsWith('broker killed'))) return [];
    const letters = this.#broker.queues().includes(deadLetterQueue) ? this.#broker.messages(deadLetterQueue) : [];
    const kept = letters.filter(({ content }) => Buffer.from(content).toString() === noJson).length;
    return kept >= this.#undecodable ? [] : [`of ${this.#undecodable} unreadable messages ${kept} are kept`];
  }
}
