import type { IncomingMessage } from '@surehop/core/internal';
import { ChannelDelivery, type Origin } from '../delivery.ts';
import type { Settlement } from '../settler.ts';
import { copyName, type WaitingNote } from './waiting-message.ts';

/** One message in the waiting queue. */
export class LaidAside extends ChannelDelivery {
  /** Of its copy there. */
  readonly name: string;
  /** It may end the process that handles it. */
  readonly isSuspect: boolean;
  /**
   * Of its copy, once the broker has handed it back: several where it was sent twice, or handed out twice on one channel, as
   * when a node lost sight of another for a moment.
   */
  readonly tags: number[] = [];
  /** What the broker is to be told of it. */
  settlement: Settlement | undefined;

  /** @param message as it was in the work queue */
  constructor(message: IncomingMessage, deliveryCount: number, note: WaitingNote, origin: Origin) {
    super(message, deliveryCount, origin);
    this.name = copyName(note);
    this.isSuspect = note.isSuspect;
  }
}
