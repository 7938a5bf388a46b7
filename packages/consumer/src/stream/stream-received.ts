import type { StreamMessage } from '@surehop/core';
import type { Attempts } from '@surehop/core/internal';
import type { HandlerRun } from '../handler-run.ts';
import { Received, type Receiver } from '../received.ts';
import type { Entry } from './stream-subscription.ts';

/** What a handler of a stream gets. */
export class StreamReceived extends Received implements StreamMessage<unknown> {
  readonly offset: number;

  constructor(run: HandlerRun, { message, offset }: Entry, attempts: Attempts, body: unknown, receiver: Receiver) {
    super(run, { message, deliveryCount: 0 }, attempts, body, receiver);
    this.offset = offset;
  }
}
