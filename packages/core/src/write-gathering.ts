import type { Writable } from 'node:stream';
import type { Clock } from './effects.ts';

/**
 * amqplib writes each frame on its own. Corked, what one turn queues leaves in one write; amqplib flushes one
 * `setImmediate` after the frame was queued, so the socket is uncorked one later.
 */
export function gathering(stream: Writable | undefined, clock: Clock): () => void {
  let corked = false;
  return () => {
    if (corked || stream === undefined) return;
    corked = true;
    stream.cork();
    clock.defer(() =>
      clock.defer(() => {
        corked = false;
        stream.uncork();
      }),
    );
  };
}
