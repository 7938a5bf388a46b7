import type { ChannelListeners, IncomingMessage, LinkSession, RabbitInternals } from '@surehop/core/internal';
import { expect, test } from 'vitest';
import { HandClock } from '../hand-clock.test-d.ts';
import { StreamSubscription } from './stream-subscription.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const rpcTimeoutMs = 10_000;

/** A subscription behind message 7 of a stream whose broker shows the first message to everybody else. */
function opening() {
  const clock = new HandClock();
  const listeners: ChannelListeners[] = [];
  const openChannel = async (heard: ChannelListeners) => {
    listeners.push(heard);
    const shows = listeners.length > 1;
    return {
      prefetch: async () => undefined,
      checkQueue: async () => 1,
      consume: async () => (shows ? heard.onDelivery(at(0)) : undefined),
      close: async () => undefined,
      ack: () => undefined,
    };
  };
  const internals = {
    effects: { clock, newId: () => 'id' },
    options: { rpcTimeoutMs },
    log: { debug: () => undefined },
  };
  const subscription = new StreamSubscription({
    internals: internals as unknown as RabbitInternals,
    stream: 'events',
    begin: { at: 'after', offset: 7 },
    tag: 't',
    prefetch: 10,
    onEntry: () => undefined,
  });
  let outcome: unknown = 'waiting';
  const session = { openChannel, lost: new AbortController().signal } as unknown as LinkSession;
  subscription.open(session).then(
    () => {
      outcome = 'open';
    },
    (thrown: unknown) => {
      outcome = thrown;
    },
  );
  const pass = async (ms: number): Promise<unknown> => {
    await turn();
    clock.pass(ms);
    await turn();
    return outcome;
  };
  return { pass, deliver: (offset: number) => listeners[0]?.onDelivery(at(offset)) };
}

function at(offset: number): IncomingMessage {
  return { deliveryTag: 1, headers: { 'x-stream-offset': offset } } as unknown as IncomingMessage;
}

test('the message behind which it begins may take as long to come as the answer to any request', async () => {
  const { pass, deliver } = opening();
  expect(await pass(rpcTimeoutMs - 1)).toBe('waiting');
  deliver(7);
  expect(await pass(0)).toBe('open');
});

test('silence for longer, while the stream shows its first message, says that it ends before', async () => {
  const { pass } = opening();
  await pass(rpcTimeoutMs);
  expect(await pass(0)).toMatchObject({ code: 'SUREHOP_STREAM_OFFSET_GONE', wantedOffset: 8, firstOffset: 0 });
});
