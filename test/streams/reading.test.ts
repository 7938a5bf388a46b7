import { createStreamReader, DeadLetter, defineStream, memoryPositionStore, RetryLater } from '@surehop/consumer';
import { createPublisher } from '@surehop/publisher';
import { attachBroker, eventually } from '@surehop/testing';
import { afterAll, describe, expect, inject, test } from 'vitest';
import { gate, send, stage } from '../consuming/stage.ts';
import { deadBodies, events, numbers, publish } from './log.ts';

const broker = attachBroker(inject('broker'));
afterAll(() => broker.close());

describe('a stream', () => {
  test('is read from any place, by several readers, each for itself', async () => {
    await using on = await stage(broker);
    await publish(on.rabbit, events, numbers(0, 19));
    const read = { first: [] as unknown[], middle: [] as unknown[], next: [] as unknown[], since: [] as unknown[] };
    const reader = (from: 'first' | 'next' | number | Date, seen: unknown[]) =>
      createStreamReader(on.rabbit, events, ({ body, offset }) => void seen.push([offset, body]), {
        from,
        prefetch: 7,
      });
    await using _first = await reader('first', read.first);
    await using _middle = await reader(15, read.middle);
    await using _next = await reader('next', read.next);
    await using _since = await reader(new Date(Date.now() - 60_000), read.since);
    await publish(on.rabbit, events, numbers(20, 24));
    const pairs = (from: number, to: number) => numbers(from, to).map((body) => [body, body]);
    await eventually(() => expect(read.next).toEqual(pairs(20, 24)));
    await eventually(() => expect(read.middle).toEqual(pairs(15, 24)));
    await eventually(() => expect(read.first).toEqual(pairs(0, 24)));
    await eventually(() => expect(read.since).toEqual(pairs(0, 24)));
    expect(on.rabbit.health()).toMatchObject({
      status: 'ok',
      readers: [{ phase: 'reading', position: 24 }, {}, {}, {}],
    });
    // Reading takes nothing away.
    const last: unknown[] = [];
    await using _last = await createStreamReader(on.rabbit, events, ({ body }) => void last.push(body), {
      from: 'last',
    });
    await eventually(() => expect(last.at(-1)).toBe(24));
    expect(last).toEqual(numbers(25 - last.length, 24));
  });

  test('gives a handler the message as any queue does, checked by the schema', async () => {
    await using on = await stage(broker);
    const schema = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: (value: unknown) =>
          typeof value === 'number' ? { value: `number ${value}` } : { issues: [{ message: 'no number' }] },
      },
    } as const;
    const checked = defineStream<number, string>('checked', { maxAgeMs: 60_000, schema: schema as never });
    await using publisher = createPublisher(on.rabbit);
    await expect(publisher.publish(checked, 'a' as never)).rejects.toMatchObject({ code: 'SUREHOP_BODY_INVALID' });
    const receipt = await publisher.publish(checked, 7, { headers: { kind: 'test' }, properties: { type: 't' } });
    await send(on.vhost, 'checked', ['not JSON'], { contentType: 'application/json' });
    await publisher.publish(checked, 8);
    const seen: unknown[] = [];
    await using _reader = await createStreamReader(on.rabbit, checked, (message) => {
      const { body, offset, attempt, properties, headers, queue, redelivered } = message;
      seen.push({
        body,
        offset,
        attempt,
        id: properties.messageId,
        type: properties.type,
        kind: headers.kind,
        queue,
        redelivered,
      });
    });
    await eventually(() => expect(seen).toHaveLength(2));
    const one = { body: 'number 7', offset: 0, attempt: 1, id: receipt.messageId, type: 't', kind: 'test' };
    expect(seen[0]).toEqual({ ...one, queue: 'checked', redelivered: false });
    expect(seen[1]).toMatchObject({ body: 'number 8', offset: 2 });
    expect(await deadBodies(on.vhost, 'checked')).toEqual(['not JSON']);
  });
});

describe('a message that fails', () => {
  test('is tried again in its place, then laid aside with where it stands; what follows waits, and keeps its order', async () => {
    await using on = await stage(broker);
    await publish(on.rabbit, events, numbers(0, 5));
    const seen: string[] = [];
    const others: unknown[] = [];
    const handler = ({ body, attempt }: { body: unknown; attempt: number }) => {
      seen.push(`${body}/${attempt}`);
      if (body === 1) throw new Error('never');
      if (body === 2) throw new DeadLetter('not wanted');
      if (body === 3 && attempt === 1) throw new RetryLater(30);
      if (body === 4 && attempt < 3) throw new Error('not yet');
    };
    await using reader = await createStreamReader(on.rabbit, events, handler, { name: 'billing' });
    await using _other = await createStreamReader(on.rabbit, events, ({ body }) => void others.push(body));
    await eventually(() => expect(reader.health()).toMatchObject({ position: 5, attempt: 0 }));
    expect(seen).toEqual(['0/1', '1/1', '1/2', '1/3', '2/1', '3/1', '3/2', '4/1', '4/2', '4/3', '5/1']);
    expect(others).toEqual(numbers(0, 5));
    const dead = await on.vhost.get('events.dead-letter');
    expect(dead.map(({ content }) => content.toString())).toEqual(['1', '2']);
    expect(dead[0]?.headers).toMatchObject({
      'surehop-queue': 'events',
      'surehop-reason': 'failed',
      'surehop-attempt': 3,
      'surehop-error-message': 'never',
      'surehop-stream-offset': 1,
      'surehop-reader': 'billing',
    });
    expect(dead[0]?.headers).not.toHaveProperty('x-stream-offset');
  });

  test('holds the reader up until its dead letter is stored', async () => {
    await using on = await stage(broker);
    await publish(on.rabbit, events, [0]);
    const seen: unknown[] = [];
    const stored: number[] = [];
    const handler = async ({ body }: { body: unknown }) => {
      seen.push(body);
      if (body === 1) throw new DeadLetter('no');
      if (body === 2) stored.push(await on.vhost.messages('events.dead-letter'));
    };
    await using reader = await createStreamReader(on.rabbit, events, handler);
    await eventually(() => expect(seen).toEqual([0]));
    await on.vhost.deleteQueue('events.dead-letter');
    await publish(on.rabbit, events, [1, 2]);
    // The queue is made again, and only then does the reader go on.
    await eventually(() => expect(stored).toEqual([1]), 10_000);
    expect(await deadBodies(on.vhost, 'events')).toEqual(['1']);
    expect(reader.health()).toMatchObject({ unstoredCopies: 0 });
  });

  test('and cannot be copied as it is, is laid aside without its foreign headers', async () => {
    await using on = await stage(broker);
    await publish(on.rabbit, events, [0]);
    await send(on.vhost, 'events', ['1'], { headers: { large: 'x'.repeat(59_800) } });
    await publish(on.rabbit, events, [2]);
    await using reader = await createStreamReader(on.rabbit, events, ({ offset }) => {
      if (offset === 1) throw new DeadLetter('no');
    });
    await eventually(() => expect(reader.health().position).toBe(2));
    const [dead, ...others] = await on.vhost.get('events.dead-letter');
    expect(others).toEqual([]);
    expect(dead?.content.toString()).toBe('1');
    expect(dead?.headers).toMatchObject({ 'surehop-stream-offset': 1, 'surehop-reader': 'reader' });
    expect(dead?.headers).not.toHaveProperty('large');
    expect(dead?.headers['surehop-dropped-headers']).toContain('large');
  });
});

describe('close()', () => {
  test('waits for the handler, saves the position, and the next reader goes on behind it', async () => {
    await using on = await stage(broker);
    const store = memoryPositionStore();
    await publish(on.rabbit, events, numbers(0, 3));
    const held = gate();
    const seen: unknown[] = [];
    const slow = async ({ body }: { body: unknown }) => {
      seen.push(body);
      if (body === 1) await held.opened;
    };
    const reader = await createStreamReader(on.rabbit, events, slow, { store });
    await eventually(() => expect(seen).toEqual([0, 1]));
    const closing = reader.close();
    expect(reader.health().phase).toBe('closing');
    held.open();
    await closing;
    expect(reader.health()).toMatchObject({ phase: 'closed', position: 1, savedPosition: 1 });
    expect(await store.load('events/reader')).toBe(2);
    await using _next = await createStreamReader(on.rabbit, events, ({ body }) => void seen.push(body), { store });
    await eventually(() => expect(seen).toEqual([0, 1, 2, 3]));
  });

  test('gives up on a handler after the time limit: its message is handled again', async () => {
    await using on = await stage(broker);
    const store = memoryPositionStore();
    await publish(on.rabbit, events, numbers(0, 1));
    const reasons: unknown[] = [];
    const hangs = ({ signal }: { signal: AbortSignal }) =>
      new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => {
          reasons.push(signal.reason);
          resolve();
        });
      });
    const reader = await createStreamReader(on.rabbit, events, hangs, { store });
    await eventually(() => expect(reader.health().attempt).toBe(1));
    await reader.close({ timeoutMs: 50 });
    expect(reasons).toMatchObject([{ code: 'SUREHOP_CLOSE_TIMEOUT' }]);
    expect(await store.load('events/reader')).toBeUndefined();
    const waits = await createStreamReader(
      on.rabbit,
      defineStream('events', { ...eventsLimits, retry: { delaysMs: [60_000] } }),
      () => {
        throw new Error('later');
      },
    );
    await eventually(() => expect(waits.health().attempt).toBe(1));
    const startedAt = performance.now();
    await waits.close();
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });
});

const eventsLimits = { maxBytes: 1_000_000 };
