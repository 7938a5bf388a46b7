import { expect, test } from 'vitest';
import { ConfirmedChannel } from './confirmed-channel.ts';
import { type ChannelListeners, type DriverChannel, DriverError } from './driver.ts';
import { systemEffects } from './effects.ts';
import type { Link } from './link.ts';
import type { LinkSession } from './link-session.ts';
import { guardedLogger } from './logger.ts';
import type { OutgoingMessage } from './message.ts';
import type { Outcome } from './sending.ts';

const ignore = (): void => undefined;
const log = guardedLogger({ trace: ignore, debug: ignore, info: ignore, warn: ignore, error: ignore });

/** One channel on one session that lasts; the test plays the broker through its listeners. */
function oneChannel(
  onClose: () => unknown = ignore,
  stalled: (stalledMs: number) => unknown = ignore,
): { readonly link: Link; readonly broker: Promise<ChannelListeners> } {
  let open: (listeners: ChannelListeners) => void = ignore;
  const broker = new Promise<ChannelListeners>((resolve) => {
    open = resolve;
  });
  let sequence = 0;
  const channel = {
    isOpen: true,
    publish: () => {
      sequence += 1;
      return sequence;
    },
    close: async () => void onClose(),
  } as Partial<DriverChannel> as DriverChannel;
  const session = {
    isOpen: true,
    blocked: false,
    lost: new AbortController().signal,
    whenUnblocked: () => Promise.resolve(),
    onFlow: () => ignore,
    noteConfirm: ignore,
    stalled,
    openChannel: (listeners: ChannelListeners) => {
      open(listeners);
      return Promise.resolve(channel);
    },
  } as unknown as LinkSession;
  return { link: { whenOpen: () => Promise.resolve(session) } as unknown as Link, broker };
}

function message(messageId: string): OutgoingMessage {
  const content = new Uint8Array();
  return { exchange: 'x', routingKey: '', mandatory: true, content, properties: { messageId }, headers: undefined };
}

async function refusedWith(replyCode: number, ids: readonly string[]): Promise<Outcome[]> {
  const { link, broker } = oneChannel();
  const backoff = (): number => 60_000;
  const { clock } = systemEffects;
  const channel = new ConfirmedChannel({ link, clock, log, backoff, rpcTimeoutMs: 1_000, confirmStallMs: 60_000 });
  const outcomes = ids.map((id) => new Promise<Outcome>((resolve) => void channel.send(message(id), resolve)));
  const listeners = await broker;
  await new Promise((resolve) => setImmediate(resolve));
  expect(channel.unconfirmed).toBe(ids.length);
  listeners.onClosed(new DriverError('channel', 'closed', { replyCode }));
  const told = await Promise.all(outcomes);
  void channel.close(AbortSignal.abort());
  return told;
}

test('a 404 with several messages in flight does not say that they are not stored: the exchange may have gone between them', async () => {
  const expected = expect.objectContaining({ status: 'rejected', replyCode: 404, mayBeStored: true });
  expect(await refusedWith(404, ['a', 'b'])).toEqual([expected, expected]);
});

test('a 404 with one message in flight is about that one: it is not stored', async () => {
  const expected = expect.objectContaining({ status: 'rejected', replyCode: 404, mayBeStored: false });
  expect(await refusedWith(404, ['a'])).toEqual([expected]);
});

test('a channel that is refused everything for 2 s is closed, once all that it was given is answered', async () => {
  let now = 0;
  const clock = { ...systemEffects.clock, now: () => now };
  let closed = 0;
  const close = (): void => {
    closed += 1;
  };
  const { link, broker } = oneChannel(close);
  const backoff = (): number => 60_000;
  const channel = new ConfirmedChannel({ link, clock, log, backoff, rpcTimeoutMs: 1_000, confirmStallMs: 60_000 });
  const outcome = (messageId: string) =>
    new Promise<Outcome>((resolve) => void channel.send(message(messageId), resolve));
  const written = (): Promise<unknown> => new Promise((resolve) => setImmediate(resolve));
  const outcomes = [outcome('a'), outcome('b'), outcome('c')];
  const listeners = await broker;
  await written();

  listeners.onConfirm(1, false, false);
  now = 2_000;
  listeners.onConfirm(2, false, false);
  expect(closed).toBe(0); // the third is still on its way
  listeners.onConfirm(3, false, false);
  expect(closed).toBe(1);

  const refused = { status: 'refused', mayBeStored: false };
  expect(await Promise.all(outcomes)).toEqual([refused, refused, refused]);
  void channel.close(AbortSignal.abort());
});

test('a channel on which nothing is confirmed for four stalls is given up', async () => {
  const timers: (() => void)[] = [];
  let now = 0;
  const clock = {
    ...systemEffects.clock,
    now: () => now,
    setTimeout: (callback: () => void) => {
      timers.push(callback);
      return ignore;
    },
  };
  const told: string[] = [];
  const { link, broker } = oneChannel(
    () => told.push('closed'),
    (stalledMs) => told.push(`stalled for ${stalledMs} ms`),
  );
  const backoff = (): number => 60_000;
  const channel = new ConfirmedChannel({ link, clock, log, backoff, rpcTimeoutMs: 1_000, confirmStallMs: 8_000 });
  channel.send(message('a'), ignore);
  await broker;
  await new Promise((resolve) => setImmediate(resolve));
  for (let stalls = 1; stalls <= 4; stalls += 1) {
    now += 8_000;
    timers.shift()?.();
  }
  expect(told).toEqual([8_000, 16_000, 24_000, 32_000].map((ms) => `stalled for ${ms} ms`).concat('closed'));
  void channel.close(AbortSignal.abort());
});
