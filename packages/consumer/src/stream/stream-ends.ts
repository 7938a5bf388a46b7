import {
  type DriverChannel,
  DriverError,
  type LinkSession,
  limited,
  type RabbitInternals,
  sleep,
} from '@surehop/core/internal';
import { Condition } from '../condition.ts';
import { offsetOf } from './begin.ts';

/** How long a stream that says it has no messages is given to show one all the same, in milliseconds. */
const emptyAfterMs = 500;
const mostPrefetch = 65_535;

/**
 * The offset of the first message that a stream has; undefined when it is empty.
 *
 * @throws {DriverError} the broker did not tell
 */
export async function firstOffset(
  internals: RabbitInternals,
  stream: string,
  session: LinkSession,
): Promise<number | undefined> {
  const [first] = await peek(internals, stream, session, 'first');
  return first;
}

/**
 * The newest part of a stream: some messages that were stored together, to the end. Empty when the stream is.
 *
 * @throws {DriverError} the broker did not tell
 */
export function newestOffsets(
  internals: RabbitInternals,
  stream: string,
  session: LinkSession,
): Promise<readonly number[]> {
  return peek(internals, stream, session, 'last');
}

async function peek(
  { effects, options }: RabbitInternals,
  stream: string,
  session: LinkSession,
  at: 'first' | 'last',
): Promise<readonly number[]> {
  const offsets: number[] = [];
  const condition = new Condition();
  let cause: Error | undefined;
  const listeners = {
    onConfirm: () => undefined,
    onReturn: () => undefined,
    onDelivery: ({ headers }: { readonly headers: Parameters<typeof offsetOf>[0] }) => {
      const offset = offsetOf(headers);
      if (offset !== undefined) offsets.push(offset);
      condition.changed();
    },
    onCancel: () => undefined,
    onClosed: (reason: Error | undefined) => {
      cause = reason ?? new Error('closed');
      condition.changed();
    },
  };
  const { signal, clear } = limited(effects.clock, options.rpcTimeoutMs, session.lost);
  let channel: DriverChannel | undefined;
  try {
    channel = await session.openChannel(listeners, signal);
    const count = await channel.checkQueue(stream, signal);
    await channel.prefetch(at === 'first' ? 1 : mostPrefetch, signal);
    await channel.consume(stream, `peek-${effects.newId()}`, signal, { 'x-stream-offset': at });
    const shown = condition.until(() => offsets.length > 0 || cause !== undefined, signal);
    await (count === 0 ? Promise.race([shown, sleep(effects.clock, emptyAfterMs, signal)]) : shown);
    if (cause !== undefined) throw cause;
    // Answered after what the broker had at hand has been handed out.
    await channel.prefetch(1, signal);
    return offsets;
  } catch (thrown) {
    if (!signal.aborted || session.lost.aborted) throw thrown;
    throw new DriverError('channel', `stream "${stream}" shows none of its messages`, { isUnanswered: true });
  } finally {
    clear();
    await channel?.close(effects.clock.deadline(options.rpcTimeoutMs));
  }
}
