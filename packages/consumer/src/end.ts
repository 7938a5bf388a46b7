import { SurehopError } from '@surehop/core';

/** Why a subscription hands out nothing more. */
export type End =
  /** We asked for it: its running handlers go on and settle on its channel. */
  | { readonly kind: 'retired' }
  /** The broker took everything back. */
  | { readonly kind: 'cancelled' | 'lost'; readonly cause: Error };

/** Why what it delivered cannot be settled any more. */
export function channelGone(end: End): SurehopError {
  return new SurehopError(
    'SUREHOP_CONNECTION_CLOSED',
    'the channel that delivered the message is gone; the broker delivers it again',
    { retryable: true, cause: end.kind === 'retired' ? undefined : end.cause },
  );
}

/** Why a handler's signal is aborted by `close()`. */
export function closeTimeout(timeoutMs: number): SurehopError {
  return new SurehopError(
    'SUREHOP_CLOSE_TIMEOUT',
    `the consumer is closing and the handler did not return within ${timeoutMs} ms; its message is given back`,
    { retryable: true },
  );
}
