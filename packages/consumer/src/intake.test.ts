import type { ChannelListeners, IncomingMessage, LinkSession, RabbitInternals, Topology } from '@surehop/core/internal';
import { describe, expect, test } from 'vitest';
import type { Answers } from './answers.ts';
import type { Failures } from './failures.ts';
import { HandClock } from './hand-clock.test-d.ts';
import { Intake } from './intake.ts';
import { Work } from './work.ts';

const topology = { exchanges: [], queues: [], bindings: [], existing: [] } satisfies Topology;
const silent = () => undefined;
const log = { trace: silent, debug: silent, info: silent, warn: silent, error: silent };

/** A consuming link that is open, and the channels that were opened on it. */
function consuming({ isCautious }: { isCautious: boolean }) {
  const clock = new HandClock();
  const channels: { listeners: ChannelListeners; isConsuming: boolean }[] = [];
  const session = {
    isOpen: true,
    host: 'broker:5672',
    generation: 1,
    lost: new AbortController().signal,
    openChannel: async (listeners: ChannelListeners) => {
      const channel = {
        listeners,
        isConsuming: false,
        prefetch: async () => undefined,
        consume: async () => {
          channel.isConsuming = true;
        },
        cancel: async () => {
          channel.isConsuming = false;
        },
        ack: silent,
        nack: silent,
        close: async () => undefined,
      };
      channels.push(channel);
      return channel;
    },
  } as unknown as LinkSession;
  const internals = {
    consumeLink: { whenOpen: async () => session },
    effects: { clock, random: () => 0.5, newId: () => 'id' },
    options: { name: 'test', rpcTimeoutMs: 1_000, topology: 'declare' },
    topology: { ensure: async () => undefined },
    log,
  } as unknown as RabbitInternals;
  const started: number[] = [];
  const work = new Work({
    queue: 'orders',
    handler: ({ headers }) => {
      started.push(headers.number as number);
      return new Promise(() => undefined);
    },
    body: undefined,
    handlerTimeoutMs: 60_000,
    handlerGraceMs: 5_000,
    clock,
    log,
    isRetriedByBroker: false,
    failures: {} as Failures,
    answers: {} as Answers,
    order: undefined,
  });
  const intake = new Intake({
    internals,
    queue: 'orders',
    topology,
    work,
    order: undefined,
    concurrency: 1,
    prefetch: 5,
    drainTimeoutMs: 0,
    deliveryLimit: 50,
    suspectLimit: 50,
    isForeign: false,
    isCautious,
  });
  intake.start();
  const deliver = (channel: number, number: number): void => {
    const properties = {};
    const message = { deliveryTag: number, redelivered: false, headers: { number }, properties, content: Buffer.of() };
    channels[channel]?.listeners.onDelivery(message as unknown as IncomingMessage);
  };
  return { intake, channels, started, deliver };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test('a replaced subscription whose channel is lost makes room for the messages of its successor', async () => {
  const { channels, started, deliver } = consuming({ isCautious: true });
  await turn();
  deliver(0, 1);
  await turn();
  deliver(1, 2);
  expect([channels.length, started]).toEqual([2, [1]]);
  channels[0]?.listeners.onClosed(undefined);
  await turn();
  expect(started).toEqual([1, 2]);
});

describe('resume()', () => {
  test('in the same turn as pause() resolves when messages are handed out, not before', async () => {
    const { intake, channels } = consuming({ isCautious: false });
    await turn();
    const paused = intake.pause();
    await intake.resume();
    await paused;
    expect(channels.map(({ isConsuming }) => isConsuming)).toEqual([false, true]);
    expect(intake.phase).toBe('consuming');
  });

  test('of what was not paused resolves at once', async () => {
    const { intake, channels } = consuming({ isCautious: false });
    await turn();
    await intake.resume();
    expect([channels.length, intake.phase]).toEqual([1, 'consuming']);
  });
});
