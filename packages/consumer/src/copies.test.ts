import type { ChannelListeners, OutgoingMessage, RabbitInternals, Topology } from '@surehop/core/internal';
import { describe, expect, test } from 'vitest';
import { Copies, type CopyResult } from './copies.ts';
import { HandClock } from './hand-clock.test-d.ts';

const topology = { exchanges: [], queues: [], bindings: [], existing: [] } satisfies Topology;

function message(messageId: string): OutgoingMessage {
  return {
    exchange: '',
    routingKey: 'orders.retry.1000',
    mandatory: true,
    content: new Uint8Array(),
    properties: { messageId },
    headers: {},
  };
}

/** A publishing link whose channels keep what is published and answer when the test says so. */
function publishing(mostGathered = 0) {
  const clock = new HandClock();
  const channels: { published: OutgoingMessage[]; listeners: ChannelListeners; isOpen: boolean }[] = [];
  const ensured: boolean[] = [];
  const session = {
    isOpen: true,
    lost: new AbortController().signal,
    blocked: false as boolean | 'unknown',
    openChannel: async (listeners: ChannelListeners) => {
      const channel = {
        published: [] as OutgoingMessage[],
        listeners,
        isOpen: true,
        publish: (outgoing: OutgoingMessage) => channel.published.push(outgoing),
        close: async () => {
          channel.isOpen = false;
          listeners.onClosed(undefined);
        },
      };
      channels.push(channel);
      return channel;
    },
    whenUnblocked: async () => undefined,
    onFlow: () => () => undefined,
    noteConfirm: () => undefined,
    stalled: () => undefined,
  };
  const lines: unknown[] = [];
  const line = (fields: unknown) => void lines.push(fields);
  const internals = {
    publishLink: { whenOpen: async () => session, session },
    effects: { clock, random: () => 0.5, newId: () => 'id' },
    options: { rpcTimeoutMs: 1_000, confirmStallMs: 10_000_000 },
    log: { trace: line, debug: line, info: line, warn: line, error: line },
    topology: {
      ensure: async (_what: Topology, _signal: AbortSignal, again: boolean) => void ensured.push(again),
    },
  } as unknown as RabbitInternals;
  return { clock, channels, ensured, session, lines, copies: new Copies(internals, 'orders', topology, mostGathered) };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** The status, once there is one. */
function watch(result: Promise<{ status: string }>): string[] {
  const statuses: string[] = [];
  void result.then(({ status }) => statuses.push(status));
  return statuses;
}

type Send = (copies: Copies, copy: OutgoingMessage, gone: AbortSignal) => Promise<CopyResult>;

const byPromise: Send = (copies, copy, gone) => copies.send(copy, gone);
const simply: Send = (copies, copy, gone) =>
  new Promise((resolve) => {
    let isInCall = true;
    copies.sendSimply(copy, gone, copy, (result, item) => resolve(isInCall ? Promise.reject(item) : result), copy);
    isInCall = false;
  });

describe.each([
  ['by send()', byPromise],
  ['by sendSimply()', simply],
])('a copy %s', (_, send) => {
  test('is stored when the broker confirms it, not before', async () => {
    const { channels, copies } = publishing();
    const statuses = watch(send(copies, message('m'), new AbortController().signal));
    await turn();
    expect([channels[0]?.published, statuses]).toEqual([[message('m')], []]);
    channels[0]?.listeners.onConfirm(1, false, true);
    await turn();
    expect(statuses).toEqual(['stored']);
  });

  test('that comes back has the topology asserted again, once the broker has told of a deletion, and is sent again', async () => {
    const { channels, clock, copies, ensured } = publishing();
    const statuses = watch(send(copies, message('m'), new AbortController().signal));
    await turn();
    channels[0]?.listeners.onReturn('m', 312, 'NO_ROUTE');
    channels[0]?.listeners.onConfirm(1, false, true);
    await turn();
    clock.pass(299);
    await turn();
    expect([ensured, channels[0]?.published.length, statuses]).toEqual([[], 1, []]);
    clock.pass(1);
    await turn();
    expect([ensured, channels[0]?.published.length, statuses]).toEqual([[true], 1, []]);
    clock.pass(50);
    await turn();
    channels[0]?.listeners.onConfirm(2, false, true);
    await turn();
    expect([channels[0]?.published.length, statuses]).toEqual([2, ['stored']]);
  });

  test('that is refused again and again is tried more and more rarely, at least every 30 s', async () => {
    const { channels, clock, copies } = publishing();
    const statuses = watch(send(copies, message('m'), new AbortController().signal));
    const waits: number[] = [];
    const written = (): number => channels.reduce((sum, { published }) => sum + published.length, 0);
    for (let times = 1; times <= 12; times += 1) {
      await turn();
      const since = clock.now();
      const channel = channels.at(-1);
      channel?.listeners.onConfirm(channel.published.length, false, false);
      await turn();
      while (written() === times) {
        clock.pass(50);
        await turn();
      }
      waits.push(clock.now() - since);
    }
    // After two seconds of refusals it is written on another channel each time.
    const reopenMs = 50;
    const later = [1_600, 3_200, 6_400, 12_800, 15_000, 15_000, 15_000].map((waitMs) => waitMs + reopenMs);
    expect(waits).toEqual([50, 100, 200, 400, 800, ...later]);
    expect(statuses).toEqual([]);
  });

  test('is counted from its first failure until it is stored, or its original is gone', async () => {
    const { channels, clock, copies } = publishing();
    const gone = new AbortController();
    void send(copies, message('m'), new AbortController().signal);
    void send(copies, message('n'), gone.signal);
    await turn();
    expect(copies.unstored).toBe(0);
    channels[0]?.listeners.onConfirm(2, true, false);
    await turn();
    expect(copies.unstored).toBe(2);
    clock.pass(50);
    await turn();
    expect(copies.unstored).toBe(2);
    channels[0]?.listeners.onConfirm(3, false, true);
    await turn();
    expect(copies.unstored).toBe(1);
    gone.abort(new Error('lost'));
    await turn();
    expect(copies.unstored).toBe(0);
  });

  test('that is not answered for 30 s is sent again, on another channel', async () => {
    const { channels, clock, copies } = publishing();
    const statuses = watch(send(copies, message('m'), new AbortController().signal));
    await turn();
    clock.pass(29_999);
    await turn();
    expect(channels).toHaveLength(1);
    clock.pass(1);
    await turn();
    clock.pass(50);
    await turn();
    await turn();
    expect(channels.map(({ published, isOpen }) => [published.length, isOpen])).toEqual([
      [1, false],
      [1, true],
    ]);
    channels[1]?.listeners.onConfirm(1, false, true);
    await turn();
    expect(statuses).toEqual(['stored']);
  });

  test('waits as long as the broker blocks', async () => {
    const { channels, clock, copies, session } = publishing();
    const statuses = watch(send(copies, message('m'), new AbortController().signal));
    await turn();
    session.blocked = true;
    clock.pass(3_600_000);
    await turn();
    expect([channels.length, statuses]).toEqual([1, []]);
  });

  test("is withdrawn when its original's channel is gone, and what comes of it then is nobody's business", async () => {
    const { channels, copies } = publishing();
    const gone = new AbortController();
    const statuses = watch(send(copies, message('m'), gone.signal));
    await turn();
    gone.abort(new Error('lost'));
    await turn();
    expect(statuses).toEqual(['gone']);
    channels[0]?.listeners.onConfirm(1, false, true);
    await turn();
    expect(statuses).toEqual(['gone']);
    const late = watch(send(copies, message('n'), gone.signal));
    await turn();
    expect([late, channels[0]?.published.length]).toEqual([['gone'], 1]);
  });
});

describe('copies that come thick', () => {
  /** Four have left, so that more of them wait for each other. */
  async function thick() {
    const stage = publishing(10);
    const gone = new AbortController();
    const results: string[] = [];
    const send = (...ids: string[]) => {
      for (const id of ids) {
        const copy = message(id);
        stage.copies.sendSimply(
          copy,
          gone.signal,
          copy,
          ({ status }, name) => void results.push(`${name} ${status}`),
          id,
        );
      }
    };
    send('a', 'b', 'c', 'd');
    await turn();
    const ids = (channel = 0) => stage.channels[channel]?.published.map(({ properties }) => properties.messageId);
    return { ...stage, gone, results, send, ids };
  }

  test('leave together, and each is told of its own confirm', async () => {
    const { channels, clock, ids, results, send } = await thick();
    send('e', 'f');
    await turn();
    expect(ids()).toEqual(['a', 'b', 'c', 'd']);
    clock.pass(5);
    await turn();
    expect(ids()).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
    channels[0]?.listeners.onConfirm(5, true, true);
    expect(results).toEqual(['a stored', 'b stored', 'c stored', 'd stored', 'e stored']);
  });

  test('are not sent once the channel of their originals is gone', async () => {
    const { clock, gone, ids, results, send } = await thick();
    send('e');
    gone.abort(new Error('lost'));
    clock.pass(5);
    await turn();
    expect(ids()).toEqual(['a', 'b', 'c', 'd']);
    expect(results).toContain('e gone');
  });

  test('go through another channel where theirs was given up while they waited', async () => {
    const { channels, clock, ids, send } = await thick();
    clock.pass(29_998);
    send('e', 'f', 'g', 'h');
    send('i');
    clock.pass(2);
    await turn();
    expect(channels.length).toBe(1); // a lane that still carries something stays open
    clock.pass(3);
    await turn();
    await turn();
    expect(ids()).not.toContain('i');
    expect(ids(1)).toContain('i');
  });

  test('are forgotten at the close', async () => {
    const { clock, copies, ids, send } = await thick();
    send('e');
    await copies.close(new AbortController().signal);
    clock.pass(5);
    await turn();
    expect(ids()).toEqual(['a', 'b', 'c', 'd']);
  });
});
