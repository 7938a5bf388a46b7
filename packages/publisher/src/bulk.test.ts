import { SurehopError } from '@surehop/core';
import { describe, expect, test } from 'vitest';
import { Bulk, type BulkOptions } from './bulk.ts';
import type { Answer } from './pending.ts';

const noRoom = (): undefined => undefined;

function bulkOf(options: Partial<BulkOptions<number>>): { readonly bulk: Bulk<number>; readonly answers: Answer[] } {
  const answers: Answer[] = [];
  const publish = (_body: number, _index: number, answer: Answer): void => void answers.push(answer);
  const bodies = [10, 11, 12];
  return {
    bulk: new Bulk<number>({ bodies, publish, room: noRoom, signal: undefined, maxFailures: 10, ...options }),
    answers,
  };
}

const refused = new SurehopError('SUREHOP_REFUSED', 'a queue is full', { retryable: true });

describe('many messages', () => {
  test('resolve when the last of them is stored, and say how often they were written again', async () => {
    const { bulk, answers } = bulkOf({});
    let isSettled = false;
    const done = bulk.run().finally(() => {
      isSettled = true;
    });
    await Promise.resolve();
    answers[2]?.resolve({ messageId: 'c', resends: 2 });
    answers[0]?.resolve({ messageId: 'a', resends: 0 });
    await new Promise((resolve) => setImmediate(resolve));
    expect(isSettled).toBe(false);
    answers[1]?.resolve({ messageId: 'b', resends: 1 });
    expect(await done).toEqual({ stored: 3, resends: 3 });
  });

  test('of none resolve at once', async () => {
    expect(await bulkOf({ bodies: [] }).bulk.run()).toEqual({ stored: 0, resends: 0 });
  });

  test('reject with each failure and its index, once all are settled', async () => {
    const { bulk, answers } = bulkOf({});
    const done = bulk.run();
    answers[1]?.reject(refused);
    answers[0]?.resolve({ messageId: 'a', resends: 0 });
    answers[2]?.resolve({ messageId: 'c', resends: 0 });
    await expect(done).rejects.toMatchObject({
      code: 'SUREHOP_PUBLISH_INCOMPLETE',
      retryable: true,
      stored: 2,
      started: 3,
      failures: [{ index: 1, error: refused }],
      cause: refused,
      message: expect.stringContaining('2 are stored and 1 failed; the first one at index 1: a queue is full'),
    });
  });

  test('one that is refused before it is written fails alone', async () => {
    const publish = (body: number, _index: number, { resolve }: Answer): void => {
      if (body === 11) throw new SurehopError('SUREHOP_BODY_INVALID', 'not this one', { retryable: false });
      resolve({ messageId: String(body), resends: 0 });
    };
    await expect(bulkOf({ publish }).bulk.run()).rejects.toMatchObject({
      retryable: false,
      stored: 2,
      started: 3,
      failures: [{ index: 1, error: { code: 'SUREHOP_BODY_INVALID' } }],
    });
  });

  test('take no body before there is room for it', async () => {
    let makeRoom: () => void = () => undefined;
    const room = (): Promise<void> =>
      new Promise((resolve) => {
        makeRoom = resolve;
      });
    let taken = 0;
    const bodies = {
      *[Symbol.iterator]() {
        for (; taken < 3; taken += 1) yield taken;
      },
    };
    const { bulk, answers } = bulkOf({ bodies, room });
    const done = bulk.run();
    for (let expected = 0; expected < 3; expected += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      expect(answers).toHaveLength(expected);
      makeRoom();
    }
    await new Promise((resolve) => setImmediate(resolve));
    for (const { resolve } of answers) resolve({ messageId: '', resends: 0 });
    expect(await done).toMatchObject({ stored: 3 });
  });

  test('what gives the bodies may fail: what was begun is settled first', async () => {
    const failed = new Error('the file is torn');
    async function* bodies() {
      yield 1;
      throw failed;
    }
    const { bulk, answers } = bulkOf({ bodies: bodies() });
    const done = bulk.run();
    await expect.poll(() => answers.length).toBe(1);
    answers[0]?.resolve({ messageId: 'a', resends: 0 });
    await expect(done).rejects.toMatchObject({ stored: 1, started: 1, failures: [], cause: failed });
  });

  test('end early when the caller aborts, when there are too many failures, and when the publisher is closed', async () => {
    const aborted = new AbortController();
    const resolving = (_body: number, _index: number, { resolve }: Answer): void => {
      resolve({ messageId: '', resends: 0 });
      aborted.abort(new Error('enough'));
    };
    await expect(bulkOf({ publish: resolving, signal: aborted.signal }).bulk.run()).rejects.toMatchObject({
      stored: 1,
      started: 1,
      cause: aborted.signal.reason,
    });
    const failing = (_body: number, _index: number, { reject }: Answer): void => reject(refused);
    await expect(bulkOf({ publish: failing, maxFailures: 2 }).bulk.run()).rejects.toMatchObject({
      stored: 0,
      started: 2,
      failures: [{ index: 0 }, { index: 1 }],
    });
    const closed = (): void => {
      throw new SurehopError('SUREHOP_CLOSED', 'closed', { retryable: false });
    };
    await expect(bulkOf({ publish: closed }).bulk.run()).rejects.toMatchObject({ started: 1, retryable: false });
  });
});
